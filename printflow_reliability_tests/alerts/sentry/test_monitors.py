"""Sentry's cron monitors are watchers of heartbeats: they hear of the same, at the same moments, as every other one."""

from typing import Any
from uuid import uuid4

import pytest
import sentry_sdk

from printflow_reliability.alerts.heartbeats import AGAIN_AFTER_SECONDS, Heartbeats
from printflow_reliability.alerts.sentry import client as sentry
from printflow_reliability.alerts.sentry.monitors import LONGEST_SLUG, Monitors, Occasion, slug
from printflow_reliability.settings import Settings
from printflow_reliability_tests.alerts.planted import everything, leaks
from printflow_reliability_tests.alerts.sentry.configured import SECRETS, configured
from printflow_reliability_tests.alerts.sentry.server import SentryServer, sentry_server


class Time:
    """The test's own."""

    now = 1_000.0


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def settings(server: SentryServer) -> Settings:
    found = configured(server.dsn, more="")
    sentry.start(found, "watch")
    return found


@pytest.fixture
def heartbeats(time: Time) -> Heartbeats:
    return Heartbeats(lambda _address, _body: "", lambda: time.now)


def heard(server: SentryServer) -> list[Any]:
    """What the monitors heard, and nothing twice."""
    sentry_sdk.flush(10)
    found = server.inbox.of_kind("check_in")
    server.inbox.envelopes.clear()
    return found


def test_a_look_is_begun_and_ended_under_one_id_with_how_long_it_took(
    server: SentryServer, settings: Settings, heartbeats: Heartbeats, time: Time
) -> None:
    heartbeats.started(settings, "guard")
    time.now += 3
    heartbeats.done(settings, "guard", "12 paid orders have their artwork")

    began, ended = heard(server)
    assert (began["status"], ended["status"]) == ("in_progress", "ok")
    assert began["check_in_id"] == ended["check_in_id"]
    assert ended["duration"] == 3
    for check_in in (began, ended):
        assert check_in["monitor_slug"] == "printflow-guard"
        assert check_in["environment"] == "production"
        assert check_in["monitor_config"] == {
            "schedule": {"type": "interval", "value": 1, "unit": "minute"},
            "checkin_margin": 2,
            "max_runtime": 5,
            "failure_issue_threshold": 2,
            "recovery_threshold": 1,
            "timezone": "UTC",
        }


def test_a_failed_look_is_an_error_and_holds_no_word_of_its_report(
    server: SentryServer, settings: Settings, heartbeats: Heartbeats
) -> None:
    heartbeats.started(settings, "outbox")
    heartbeats.failed(settings, "outbox", everything(SECRETS))
    sentry_sdk.flush(10)
    raw = server.inbox.raw
    assert [check_in["status"] for check_in in heard(server)] == ["in_progress", "error"]
    assert leaks(raw, SECRETS) == []


def test_it_is_told_no_more_often_than_any_watcher(
    server: SentryServer, settings: Settings, heartbeats: Heartbeats, time: Time
) -> None:
    def minute() -> int:
        for _ in range(6):
            heartbeats.started(settings, "guard")
            heartbeats.done(settings, "guard", "")
            time.now += 10
        return len(heard(server))

    assert minute() == 2 * 60 / AGAIN_AFTER_SECONDS  # Sentry takes six a minute


def test_a_schedule_has_its_own_rhythm_and_the_id_of_its_run(
    server: SentryServer, settings: Settings, time: Time
) -> None:
    occasion = Occasion("0 2 * * *", str(uuid4()))
    Heartbeats(clock=lambda: time.now).started(settings, "nightly_sweep", occasion)
    Heartbeats(clock=lambda: time.now).done(settings, "nightly_sweep", "", occasion)  # by another process

    began, ended = heard(server)
    assert began["monitor_slug"] == "printflow-nightly-sweep"
    assert began["monitor_config"]["schedule"] == {"type": "crontab", "value": "0 2 * * *"}
    assert began["check_in_id"] == ended["check_in_id"] == str(occasion.run).replace("-", "")
    assert ended["status"] == "ok"


def test_an_end_without_a_beginning_is_told_all_the_same(
    server: SentryServer, settings: Settings, heartbeats: Heartbeats
) -> None:
    heartbeats.done(settings, "killed_drills", "nothing to do", Occasion("*/10 * * * *"))
    (ended,) = heard(server)
    assert (ended["status"], ended["monitor_slug"]) == ("ok", "printflow-killed-drills")


def test_monitors_that_are_turned_off_hear_nothing(server: SentryServer, heartbeats: Heartbeats) -> None:
    silent = configured(server.dsn, "monitors = false", more="")
    sentry.start(silent, "watch")
    heartbeats.started(silent, "guard")
    heartbeats.done(silent, "guard", "")
    assert heard(server) == []


def test_a_sentry_that_hangs_keeps_no_look_and_no_other_watcher_waiting(time: Time) -> None:
    heard_by_url: list[str] = []
    url = '[[heartbeat]]\nof = "guard"\nurl = "https://watcher.example/guard"\n'
    with sentry_server(fault="hang") as hanging:
        settings = configured(hanging.dsn, more=url)
        sentry.start(settings, "watch")

        def send(address: str, _body: str) -> str:
            heard_by_url.append(address)
            return ""

        beats = Heartbeats(send, lambda: time.now)
        for _ in range(30):
            beats.started(settings, "guard")
            beats.done(settings, "guard", "")
            time.now += AGAIN_AFTER_SECONDS
        assert len(heard_by_url) == 60
        hanging.over.set()
        sentry.stop(0)


def test_a_client_that_breaks_keeps_nobody_from_working(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("sentry_sdk.crons.capture_checkin", broken)
    Monitors().started("guard", Occasion())


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("guard", "printflow-guard"),
        ("weekly_restore_drill", "printflow-weekly-restore-drill"),
        ("Odd Name/\u00fc", "printflow-odd-name"),
        ("x" * 90, f"printflow-{'x' * 90}"[:LONGEST_SLUG]),
    ],
)
def test_the_name_of_a_monitor_is_that_of_its_part_as_sentry_takes_it(part: str, name: str) -> None:
    assert slug(part) == name
