"""Sentry hears of defects, once each, and of nothing that a person can act on; its troubles are nobody's."""

import threading
import time
from typing import Any

import pytest
import sentry_sdk

from printflow_reliability.alerts.sentry import client as sentry
from printflow_reliability.alerts.sentry import transport
from printflow_reliability.alerts.sentry.recent import AGAIN_AFTER_SECONDS, MOST_REMEMBERED, Recent
from printflow_reliability.alerts.sentry.reports import refusal_of_test, report_error, report_message
from printflow_reliability.errors import ConfigError, CouldNotTell, LockHeld, Refused
from printflow_reliability.programs import ProgramFailed
from printflow_reliability_tests.alerts.sentry.configured import configured
from printflow_reliability_tests.alerts.sentry.server import SentryServer, sentry_server
from printflow_reliability_tests.minimal_settings import minimal_settings


def defect(data: str = "") -> Exception:
    try:
        raise RuntimeError(f"cannot go on {data}".strip())
    except RuntimeError as error:
        return error


def flushed(server: SentryServer) -> list[Any]:
    sentry_sdk.flush(10)
    return server.inbox.of_kind("event")


def test_a_defect_is_sent_with_where_it_was_and_which_program_it_is(server: SentryServer) -> None:
    sentry.start(configured(server.dsn), "command")
    report_error(defect())

    (event,) = flushed(server)
    (value,) = event["exception"]["values"]
    assert (value["type"], value["value"]) == ("RuntimeError", "cannot go on")
    assert value["stacktrace"]["frames"][-1]["function"] == "defect"
    assert event["environment"] == "production"
    assert event["release"].startswith("printflow-reliability@")
    assert event["tags"] == {"process": "command"}


def test_the_release_of_the_settings_is_told_also_where_it_came_by_an_indirection(server: SentryServer) -> None:
    settings = configured(server.dsn, 'release = "shop-image-2026.11.28"').with_secrets({"shop-image-2026.11.28"})
    sentry.start(settings, "command")
    report_error(defect())
    assert flushed(server)[0]["release"] == "shop-image-2026.11.28"


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("no such key"),
        CouldNotTell("S3 does not answer"),
        LockHeld("a drill is running"),
        Refused("half of all files are missing"),
        ProgramFailed("pg_dump ended with 1"),
        KeyboardInterrupt(),
        BrokenPipeError(),
        SystemExit(2),
    ],
)
def test_what_a_person_can_act_on_is_not_sent(server: SentryServer, error: BaseException) -> None:
    sentry.start(configured(server.dsn), "command")
    report_error(error)
    assert flushed(server) == []


def test_a_defect_that_every_tick_meets_is_sent_once_and_another_one_too(server: SentryServer) -> None:
    sentry.start(configured(server.dsn), "watch")
    for number in range(5):
        report_error(defect(f"with {number}"))
    report_message("Run of nightly_sweep failed")
    report_message("Run of nightly_sweep failed")
    report_error(KeyError("other"))
    assert len(flushed(server)) == 3


def test_it_is_sent_again_after_a_while_and_where_it_was_lost() -> None:
    now = [0.0]
    recent = Recent(lambda: now[0])
    event = {"message": "no"}
    assert [recent.is_new(event), recent.is_new(event)] == [True, False]
    now[0] += AGAIN_AFTER_SECONDS
    assert [recent.is_new(event), recent.is_new(event)] == [True, False]
    recent.forget()
    assert recent.is_new(event)


def test_what_is_remembered_is_bounded() -> None:
    recent = Recent()
    for number in range(MOST_REMEMBERED + 1):
        recent.is_new({"message": str(number)})
    assert not recent.is_new({"message": str(MOST_REMEMBERED)})
    assert recent.is_new({"message": "0"})


def test_without_a_section_and_after_it_was_taken_away_nothing_is_sent(server: SentryServer) -> None:
    sentry.start(minimal_settings(), "command")
    report_error(defect())
    sentry.start(configured(server.dsn), "command")
    sentry.start(minimal_settings(), "command")
    report_error(defect())
    sentry_sdk.flush(10)
    assert server.asked == 0


def test_changed_settings_count_at_once_and_the_same_ones_keep_the_client(server: SentryServer) -> None:
    sentry.start(configured("http://key@127.0.0.1:9/1"), "watch")
    sentry.start(configured(server.dsn), "watch")
    first = sentry_sdk.get_client()
    sentry.start(configured(server.dsn), "watch")
    assert sentry_sdk.get_client() is first
    report_error(defect())
    assert len(flushed(server)) == 1


def test_a_thread_that_dies_of_a_defect_is_sent(server: SentryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _args: None)
    sentry.start(configured(server.dsn), "watch")

    def work() -> None:
        raise ValueError("cannot go on")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [event["exception"]["values"][0]["type"] for event in flushed(server)] == ["ValueError"]


@pytest.mark.parametrize("status", [302, 400, 403, 413, 429, 500, 503])
def test_a_sentry_that_refuses_is_nobodys_failure(status: int, capfd: pytest.CaptureFixture[str]) -> None:
    with sentry_server(status) as server:
        sentry.start(configured(server.dsn), "command")
        report_error(defect())
        sentry.stop()
        assert server.asked == 1  # nobody retries, nor follows
    assert capfd.readouterr() == ("", "")


def test_a_sentry_that_is_away_is_nobodys_failure(capfd: pytest.CaptureFixture[str]) -> None:
    with sentry_server() as server:
        dsn = server.dsn
    sentry.start(configured(dsn), "command")
    report_error(defect())
    sentry.stop()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("fault", ["hang", "endless body"])
def test_a_sentry_that_hangs_keeps_nobody(fault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport.BoundedTransport, "TIMEOUT", 0.5)
    with sentry_server(fault=fault) as server:
        sentry.start(configured(server.dsn), "watch")
        for number in range(3 * transport.MOST_WAITING):
            report_message(f"message {number}")
        assert sentry_sdk.get_client().transport is not None
        sentry.stop(0.1)


PROXIES = ["http://127.0.0.1:9", "ftp://proxy.example", "socks5://127.0.0.1:9", "garbage::x", "http://[::1"]


@pytest.mark.parametrize("proxy", PROXIES)
def test_what_stays_on_this_machine_is_shown_to_no_proxy(
    server: SentryServer, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    sentry.start(configured(server.dsn), "command")
    report_error(defect())
    assert len(flushed(server)) == 1
    assert refusal_of_test(configured(server.dsn)) is None


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_that_cannot_be_is_nobodys_failure(
    proxy: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setattr(transport.BoundedTransport, "TIMEOUT", 0.2)
    elsewhere = configured("https://0123456789abcdef0123456789abcdef@sentry.invalid/7")
    sentry.start(elsewhere, "command")
    report_error(defect())
    assert refusal_of_test(elsewhere) is not None
    assert "sentry.invalid" not in caplog.text


def test_where_nothing_was_sent_no_thread_is_begun(server: SentryServer) -> None:
    before = threading.active_count()
    sentry.start(configured(server.dsn), "command")
    sentry.stop()
    assert threading.active_count() == before


def test_what_was_lost_is_sent_when_it_is_met_again() -> None:
    with sentry_server(500) as server:
        sentry.start(configured(server.dsn), "watch")
        for _ in range(2):
            report_error(defect())
            sentry_sdk.flush(10)
        assert server.asked == 2


def test_the_test_event_says_whether_sentry_took_it(server: SentryServer) -> None:
    assert refusal_of_test(configured(server.dsn)) is None
    (event,) = server.inbox.of_kind("event")
    assert event["level"] == "info"
    with sentry_server(403) as refusing:
        assert refusal_of_test(configured(refusing.dsn)) == "it answered 403"
        away = refusing.dsn
    said = refusal_of_test(configured(away))
    assert said is not None
    assert said.startswith("it cannot be reached")


def test_the_test_event_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport.BoundedTransport, "TIMEOUT", 0.2)
    with sentry_server(fault="hang") as hanging:
        assert refusal_of_test(configured(hanging.dsn)) is not None


def test_a_client_that_breaks_keeps_nobody_from_working(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(sentry_sdk, "capture_exception", broken)
    monkeypatch.setattr(sentry_sdk, "capture_message", broken)
    report_error(defect())
    report_message("message")


def test_the_revision_is_told_where_pip_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Package:
        version = "1.2.3"

        def __init__(self, text: str | None) -> None:
            self.text = text

        def read_text(self, _name: str) -> str | None:
            return self.text

    for text, told in (
        (
            '{"vcs_info": {"vcs": "git", "commit_id": "0123456789abcdef0123"}}',
            "printflow-reliability@1.2.3+0123456789ab",
        ),
        ('{"dir_info": {"editable": true}}', "printflow-reliability@1.2.3"),
        (None, "printflow-reliability@1.2.3"),
        ("no JSON", "printflow-reliability@1.2.3"),
    ):
        monkeypatch.setattr(sentry, "distribution", lambda _name, text=text: Package(text))
        assert sentry.installed_release() == told


def test_time_passes_for_nobody_while_sentry_is_slow() -> None:
    with sentry_server(fault="hang") as server:
        sentry.start(configured(server.dsn), "watch")
        began = time.monotonic()
        for number in range(100):
            report_message(f"message {number}")
        assert time.monotonic() - began < transport.REQUEST_SECONDS  # none of them waited for an answer
        server.over.set()
        sentry.stop()
