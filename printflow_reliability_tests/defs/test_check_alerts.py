"""What reaches a person of a failed check: each result once, and nothing from a preview."""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace

import dagster as dg
import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defs import check_alerts
from printflow_reliability.defs.check_alerts import check_results_watch
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.reporting import check_result, check_specs
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import Settings
from printflow_reliability.settings.dagster import DagsterSettings

UI = "https://dagster.example"


@pytest.fixture
def concluded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Outcome]]:
    found: list[tuple[str, Outcome]] = []

    def keep(_settings: Settings, answers: Iterable[CheckResult], *, alert: bool, runs: Mapping[str, str]) -> None:
        assert alert
        answers = list(answers)
        assert all(re.fullmatch(f"{UI}/runs/[0-9a-f-]{{36}}", runs[answer.check]) for answer in answers)
        found.extend((answer.check, answer.outcome) for answer in answers)

    monkeypatch.setattr(Configuration, "settings", lambda _self: SimpleNamespace(dagster=DagsterSettings(url=UI)))
    monkeypatch.setattr(check_alerts, "record_results", keep)
    return found


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def evaluate(instance: dg.DagsterInstance, check: str, outcome: Outcome, *, part: bool = False) -> None:
    @dg.asset(check_specs=check_specs("checked", check))
    def checked() -> dg.MaterializeResult:
        answer = check_result(CheckResult(check, outcome, "why"), part=part)
        return dg.MaterializeResult(check_results=[answer])

    dg.materialize([checked], instance=instance)


def tick(instance: dg.DagsterInstance, cursor: str | None = None, *, started: float | None = 1.0) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, cursor=cursor, last_sensor_start_time=started)
    answer = check_results_watch(context)
    assert isinstance(answer, dg.SensorResult)
    return answer


def test_each_result_is_concluded_once(instance: dg.DagsterInstance, concluded: list[tuple[str, Outcome]]) -> None:
    evaluate(instance, "wal.lag", Outcome.UNKNOWN)
    cursor = tick(instance).cursor
    evaluate(instance, "wal.lag", Outcome.PASS)
    tick(instance, tick(instance, cursor).cursor)

    assert concluded == [("wal.lag", Outcome.UNKNOWN), ("wal.lag", Outcome.PASS)]


def test_a_part_that_passes_clears_nothing(instance: dg.DagsterInstance, concluded: list[tuple[str, Outcome]]) -> None:
    evaluate(instance, "files.missing", Outcome.PASS, part=True)
    tick(instance)

    assert concluded == []


def test_a_preview_tells_nobody(instance: dg.DagsterInstance, concluded: list[tuple[str, Outcome]]) -> None:
    evaluate(instance, "wal.lag", Outcome.FAIL)
    shown = tick(instance, started=None)

    assert concluded == []
    assert shown.cursor is None
    assert "wal.lag" in str(shown.skip_reason)


def test_where_the_records_are_away_the_tick_fails(
    instance: dg.DagsterInstance, concluded: list[tuple[str, Outcome]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_settings: Settings, _answers: object, *, alert: bool, runs: object) -> None:
        raise CouldNotTell("the records do not answer")

    evaluate(instance, "wal.lag", Outcome.FAIL)
    monkeypatch.setattr(check_alerts, "record_results", refuse)

    with pytest.raises(dg.Failure, match="do not answer"):
        tick(instance)
