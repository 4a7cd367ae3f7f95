"""A drill from standbys in the UI: a job of its own, so that it never stands for the drill of the backups."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.drills import drill_from_standby, standby_drill
from printflow_reliability.drills import drill
from printflow_reliability.drills.report import DrillReport
from printflow_reliability.errors import ConfigError
from printflow_reliability.settings import DrillsSettings

NOW = datetime(2026, 5, 1, tzinfo=UTC)
WELL = DrillReport(
    id=3,
    target="latest",
    moment=None,
    repository=2,
    started_at=NOW,
    finished_at=NOW,
    checks=(CheckResult("drill.recovery", Outcome.PASS, "fine"),),
    numbers={"fetched_bytes": 7},
    phases={},
    clusters=(),
    matched=True,
    from_standby=True,
)


def launch(
    monkeypatch: pytest.MonkeyPatch, report: DrillReport | Exception
) -> tuple[dg.ExecuteInProcessResult, list[dict[str, Any]], str]:
    """The run, what was asked of the capability, and how the run failed."""
    asked: list[dict[str, Any]] = []

    def run(_settings: object, **how: Any) -> DrillReport:
        asked.append(how)
        if isinstance(report, Exception):
            raise report
        return report

    monkeypatch.setattr(drill, "run_drill", run)
    monkeypatch.setattr(Configuration, "settings", lambda _self: SimpleNamespace(drills=DrillsSettings()))
    done = standby_drill.execute_in_process(
        run_config=dg.RunConfig(ops={"drill_from_standby": {"config": {"repository": 2}}}),
        resources={"configuration": Configuration()},
        raise_on_error=False,
    )
    failures = [
        str(event.step_failure_data.user_failure_data.description)
        for event in done.all_events
        if event.is_step_failure and event.step_failure_data.user_failure_data
    ]
    return done, asked, "".join(failures)


def test_it_materializes_nothing_and_answers_no_check(monkeypatch: pytest.MonkeyPatch) -> None:
    done, asked, _ = launch(monkeypatch, WELL)
    assert done.success
    assert asked == [{"repository": 2, "from_standby": True}]
    assert (list(done.get_asset_materialization_events()), list(done.get_asset_check_evaluations())) == ([], [])
    assert drill_from_standby.pool == words.REPOSITORY_POOL


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (replace(WELL, checks=(CheckResult("drill.recovery", Outcome.UNKNOWN, "no"),)), "standby: COULD NOT TELL"),
        (replace(WELL, checks=(CheckResult("drill.recovery", Outcome.FAIL, "damaged"),)), "from the standby: FAIL"),
        (ConfigError("--from-standby: no [[cluster]] names a standby", "set it"), "no [[cluster]] names a standby"),
    ],
)
def test_what_is_not_well_or_not_known_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, report: DrillReport | Exception, said: str
) -> None:
    done, _, failure = launch(monkeypatch, report)
    assert not done.success
    assert said in failure
