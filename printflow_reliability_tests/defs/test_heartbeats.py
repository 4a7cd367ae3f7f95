"""What the watcher of a schedule hears of its runs: that they began, and how they ended, each once."""

from collections.abc import Iterator

import dagster as dg
import pytest

from printflow_reliability.alerts.heartbeats import Heartbeats
from printflow_reliability.alerts.sentry import client as sentry
from printflow_reliability.alerts.sentry.monitors import slug
from printflow_reliability.definitions import defs
from printflow_reliability.defs import heartbeats as module
from printflow_reliability.defs import upkeep
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.heartbeats import SCHEDULE, require_schedules, schedule_heartbeats
from printflow_reliability.errors import ConfigError
from printflow_reliability_tests.alerts.sentry.server import sentry_server
from printflow_reliability_tests.minimal_settings import minimal_settings

URL = "https://watcher.example/sweep"
KILLED = "https://watcher.example/killed"
SETTINGS = minimal_settings(
    f'[[heartbeat]]\nof = "nightly_sweep"\nurl = "{URL}"\n[[heartbeat]]\nof = "killed_drills"\nurl = "{KILLED}"\n'
    '[[heartbeat]]\nof = "guard"\nurl = "https://watcher.example/guard"\n'
)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What any watcher hears."""
    found: list[tuple[str, str]] = []

    def send(address: str, body: str) -> str:
        found.append((address, body))
        return ""

    for holder in (module, upkeep):
        monkeypatch.setattr(holder, "HEARTBEATS", Heartbeats(send))
    monkeypatch.setattr(Configuration, "settings", lambda _self: SETTINGS)
    return found


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def run(instance: dg.DagsterInstance, *, schedule: str | None, fails: bool = False) -> None:
    @dg.op
    def work() -> None:
        if fails:
            raise dg.Failure("the bucket does not answer")

    @dg.job
    def job() -> None:
        work()

    tags = {SCHEDULE: schedule} if schedule else {}
    job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)


def tick(instance: dg.DagsterInstance, cursor: str | None, *, started: float | None = 1.0) -> dg.SensorResult:
    context = dg.build_sensor_context(
        instance=instance, cursor=cursor, last_sensor_start_time=started, repository_def=defs.get_repository_def()
    )
    answer = schedule_heartbeats(context)
    assert isinstance(answer, dg.SensorResult)
    return answer


def test_a_run_that_succeeded_is_told_with_its_beginning_and_once(
    instance: dg.DagsterInstance, heard: list[tuple[str, str]]
) -> None:
    run(instance, schedule="nightly_sweep")
    first = tick(instance, None)
    assert heard == []  # what was before it began to watch is not told
    run(instance, schedule="nightly_sweep")
    second = tick(instance, first.cursor)
    third = tick(instance, second.cursor)

    assert [address for address, _ in heard] == [f"{URL}/start", URL]
    assert heard[-1][1].endswith("of nightly_sweep succeeded")
    assert third.skip_reason is not None


def test_a_run_that_failed_is_told_as_failed(instance: dg.DagsterInstance, heard: list[tuple[str, str]]) -> None:
    first = tick(instance, None)
    run(instance, schedule="nightly_sweep", fails=True)
    tick(instance, first.cursor)

    assert [address for address, _ in heard] == [f"{URL}/start", f"{URL}/fail"]
    assert "of nightly_sweep failed" in heard[-1][1]


@pytest.mark.parametrize("schedule", [None, "weekly_full_backup"])
def test_runs_of_people_and_of_schedules_without_a_heartbeat_are_not_told(
    instance: dg.DagsterInstance, heard: list[tuple[str, str]], schedule: str | None
) -> None:
    first = tick(instance, None)
    run(instance, schedule=schedule)
    tick(instance, first.cursor)
    assert heard == []


def test_a_preview_tells_nobody(instance: dg.DagsterInstance, heard: list[tuple[str, str]]) -> None:
    first = tick(instance, None)
    run(instance, schedule="nightly_sweep")
    shown = tick(instance, first.cursor, started=None)
    assert heard == []
    assert shown.cursor is None


def test_a_tick_that_cannot_read_its_settings_fails_and_the_next_one_tells(
    instance: dg.DagsterInstance, heard: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Configuration) -> None:
        raise ConfigError("heartbeat[0].url: the environment variable WATCHER is not set")

    first = tick(instance, None)
    run(instance, schedule="nightly_sweep")
    with monkeypatch.context() as patch:
        patch.setattr(Configuration, "settings", refuse)
        with pytest.raises(dg.Failure, match="WATCHER is not set"):
            tick(instance, first.cursor)
    tick(instance, first.cursor)
    assert [address for address, _ in heard] == [f"{URL}/start", URL]


def test_a_heartbeat_of_no_schedule_is_a_failure_that_says_what_there_is() -> None:
    with pytest.raises(
        dg.Failure, match='no schedule "nightly_sweeep"; there is: guard, outbox, queues, nightly_sweep'
    ):
        require_schedules({"nightly_sweeep"}, {"nightly_sweep"})
    require_schedules({"nightly_sweep"}, {"nightly_sweep"})


def test_a_schedule_that_had_nothing_to_do_has_done_its_work(heard: list[tuple[str, str]]) -> None:
    with dg.build_schedule_context() as context:
        upkeep.killed_drills(context, configuration=Configuration())
    assert heard == [(KILLED, "the drills' directory holds no clone")]


def test_with_sentry_the_monitor_of_every_schedule_is_told_with_its_crontab_and_run(
    instance: dg.DagsterInstance, heard: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with sentry_server() as server:
        settings = minimal_settings(f'[sentry]\ndsn = "{server.dsn}"\n')
        monkeypatch.setattr(Configuration, "settings", lambda _self: settings)
        sentry.start(settings, "Dagster")
        first = tick(instance, None)
        for schedule_def in defs.get_repository_def().schedule_defs:
            run(instance, schedule=schedule_def.name)
        tick(instance, first.cursor)
        sentry.stop(20)

        told = server.inbox.of_kind("check_in")
    crontabs = {check_in["monitor_slug"]: check_in["monitor_config"]["schedule"]["value"] for check_in in told}
    assert crontabs == {
        slug(schedule_def.name): schedule_def.cron_schedule for schedule_def in defs.get_repository_def().schedule_defs
    }
    for name in crontabs:
        began, ended = (check_in for check_in in told if check_in["monitor_slug"] == name)
        assert [began["status"], ended["status"]] == ["in_progress", "ok"]
        assert began["check_in_id"] == ended["check_in_id"]
    assert heard == []
