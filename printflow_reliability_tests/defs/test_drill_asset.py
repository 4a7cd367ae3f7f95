"""A drill in the graph: its numbers are there whether it passed or not, and a failed one looks like no success."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

import dagster as dg
import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.drills import CHECKS, restore_drill
from printflow_reliability.drills import drill
from printflow_reliability.drills.report import DrillReport
from printflow_reliability.settings import DrillsSettings

NOW = datetime(2026, 5, 1, tzinfo=UTC)
DRILL = dg.AssetKey(["restore_drill"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def drilled(monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance, broken: Outcome) -> bool:
    """Run the asset over a drill of which one check ended so; whether the run succeeded."""
    found = {name: CheckResult(name, Outcome.PASS, "fine") for name in CHECKS}
    found["drill.smoke"] = CheckResult("drill.smoke", broken, "no orders can be listed. Next: printflow drill list")
    report = DrillReport(
        id=3,
        target="latest",
        moment=None,
        repository=1,
        started_at=NOW,
        finished_at=NOW,
        checks=tuple(found.values()),
        numbers={"unarchived_seconds": 1.5, "tables": 4, "rpo_seconds": 2.0, "rto_seconds": 9.5},
        phases={},
        clusters=(),
        matched=True,
    )
    monkeypatch.setattr(Configuration, "settings", lambda _self: SimpleNamespace(drills=DrillsSettings()))
    monkeypatch.setattr(drill, "run_drill", lambda _settings, **_target: report)
    resources = {"configuration": Configuration()}
    return dg.materialize([restore_drill], instance=instance, resources=resources, raise_on_error=False).success


def test_a_failed_drill_leaves_its_numbers_and_says_beside_the_tick_that_it_failed(
    monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    assert not drilled(monkeypatch, instance, Outcome.FAIL)

    (kept,) = instance.fetch_materializations(DRILL, limit=2).records
    assert kept.asset_materialization is not None
    shown = {name: value.value for name, value in kept.asset_materialization.metadata.items()}
    assert list(shown)[:5] == ["verdict", "not_passed", "rto_seconds", "rpo_seconds", "report"]
    assert list(shown)[-3:] == ["tables", "unarchived_seconds", "validation"]
    assert shown["verdict"] == f"FAIL: 1 failed of {len(CHECKS)} checks"
    (said,) = instance.fetch_observations(DRILL, limit=2).records
    assert said.asset_observation is not None
    assert said.asset_observation.description == "drill 3: FAIL"
    assert "printflow drill list" in str(said.asset_observation.metadata["not_passed"].value)


def test_a_drill_that_cannot_be_judged_is_red_too(
    monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    assert not drilled(monkeypatch, instance, Outcome.UNKNOWN)

    (said,) = instance.fetch_observations(DRILL, limit=2).records
    assert said.asset_observation is not None
    assert said.asset_observation.description == "drill 3: COULD NOT TELL"


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.WARN])
def test_a_drill_that_passed_has_nothing_beside_it(
    monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance, outcome: Outcome
) -> None:
    assert drilled(monkeypatch, instance, outcome)
    assert instance.fetch_observations(DRILL, limit=2).records == []
