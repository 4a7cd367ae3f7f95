"""What Dagster does by schedule besides the checks: killed drills are removed, and the real systems are observed."""

import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest

from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import graph_of
from printflow_reliability.defs.platform import observable
from printflow_reliability.defs.upkeep import killed_drills, remove_killed_drills
from printflow_reliability.records.session import RecordsSession
from printflow_reliability.restore.phases import Phase
from printflow_reliability.restore.reaper import LOCK
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.drilling import killed_drill, left_behind

pytestmark = [pytest.mark.stack, pytest.mark.filterwarnings("ignore::dagster.BetaWarning")]

SYSTEMS = ("live_db", "admin_db", "print_files_bucket", "print_files_replica_bucket", "reports_bucket")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def configuration(sandbox: StackSandbox) -> Mapping[str, Configuration]:
    return {"configuration": Configuration(file=str(sandbox.config))}


def removed(sandbox: StackSandbox, instance: dg.DagsterInstance) -> bool:
    return remove_killed_drills.execute_in_process(
        instance=instance, resources=configuration(sandbox), raise_on_error=False
    ).success


def asked_for(sandbox: StackSandbox, instance: dg.DagsterInstance) -> bool:
    """Whether the schedule asks for a run."""
    context = dg.build_schedule_context(instance=instance, resources=configuration(sandbox))
    return isinstance(killed_drills(context), dg.RunRequest)


def test_what_a_drill_that_was_killed_during_its_restore_left_is_removed_by_schedule(
    backed_up: StackSandbox, instance: dg.DagsterInstance
) -> None:
    assert not asked_for(backed_up, instance)
    killed_drill(backed_up, Phase.REPLAY_TO_FENCE, signal.SIGKILL)
    assert left_behind(backed_up)

    assert asked_for(backed_up, instance)
    assert removed(backed_up, instance)

    assert left_behind(backed_up) == []
    assert not asked_for(backed_up, instance)


def test_a_drill_that_runs_is_let_alone(backed_up: StackSandbox, instance: dg.DagsterInstance) -> None:
    killed_drill(backed_up, Phase.REPLAY_TO_FENCE, signal.SIGKILL)
    before = left_behind(backed_up)
    with RecordsSession(backed_up.settings.records, LOCK):
        assert removed(backed_up, instance)
        # Its server and what fetches WAL for it go on, and fork new processes.
        assert [left for left in left_behind(backed_up) if isinstance(left, Path)] == [
            left for left in before if isinstance(left, Path)
        ]

    assert removed(backed_up, instance)
    assert left_behind(backed_up) == []


def test_where_the_records_are_away_nothing_is_removed_and_the_run_is_red(
    backed_up: StackSandbox, instance: dg.DagsterInstance
) -> None:
    with backed_up.stopped("system_db"):
        assert not removed(backed_up, instance)


def observed(sandbox: StackSandbox, instance: dg.DagsterInstance) -> tuple[bool, dict[str, str]]:
    """Whether the run succeeded, and the verdict of each system."""
    asset = observable(graph_of(sandbox.settings, sandbox.config))
    found = dg.Definitions(assets=[asset], resources=configuration(sandbox))
    done = found.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance, raise_on_error=False)
    verdicts = {}
    for name in SYSTEMS:
        for record in instance.fetch_observations(dg.AssetKey([name]), limit=1).records:
            assert record.asset_observation is not None
            verdicts[name] = str(record.asset_observation.metadata["verdict"].value)
    return done.success, verdicts


def test_systems_that_answer_are_observed_as_well(sandbox: StackSandbox, instance: dg.DagsterInstance) -> None:
    succeeded, verdicts = observed(sandbox, instance)

    assert succeeded
    assert verdicts == dict.fromkeys(SYSTEMS, "OK")


@pytest.mark.parametrize(
    ("server", "silent"),
    [
        ("admin_db", {"admin_db"}),
        ("offsite", {"print_files_replica_bucket", "reports_bucket"}),
    ],
)
def test_a_system_that_is_away_is_not_green_and_the_others_are_observed(
    sandbox: StackSandbox, instance: dg.DagsterInstance, server: str, silent: set[str]
) -> None:
    with sandbox.stopped(server):
        succeeded, verdicts = observed(sandbox, instance)

    assert not succeeded
    assert set(verdicts) == set(SYSTEMS)
    assert {name for name, verdict in verdicts.items() if verdict.startswith("COULD NOT TELL: ")} == silent
