"""The graph as a whole: every check served, everything that watches running, what must be recent with a policy."""

from typing import Any

import dagster as dg
import pytest

from printflow_reliability.checks import REGISTER
from printflow_reliability.definitions import defs
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.reporting import registered_name

EDGES = [
    ("base_backup", "wal_archive"),
    ("wal_archive", "restore_drill"),
    ("recovery_fence", "restore_drill"),
    ("restore_drill", "recovery_objectives"),
    ("tenant_files", "orphaned_files"),
    ("tenant_files", "print_file_integrity"),
    ("print_file_integrity", "paid_orders"),
    ("paid_orders", "held_orders"),
]


@pytest.fixture(scope="module")
def graph() -> Any:
    return defs.resolve_asset_graph()


def key(name: str) -> dg.AssetKey:
    return dg.AssetKey([name])


def test_every_registered_check_is_served_by_an_asset_and_no_other(graph: Any) -> None:
    assert {registered_name(check.name) for check in graph.asset_check_keys} == set(REGISTER)


@pytest.mark.parametrize(("upstream", "downstream"), EDGES)
def test_the_lineage_is_as_designed(graph: Any, upstream: str, downstream: str) -> None:
    assert key(upstream) in graph.get(key(downstream)).parent_keys


def test_everything_that_watches_runs_by_default() -> None:
    repository = defs.get_repository_def()
    watching: list[Any] = [*repository.schedule_defs, *repository.sensor_defs]

    assert {"weekly_full_backup", "daily_incremental_backup", "hourly_wal_verification", "weekly_restore_drill"} <= {
        one.name for one in repository.schedule_defs
    }
    assert {"nightly_reconciliation", "nightly_sweep"} <= {one.name for one in repository.schedule_defs}
    assert {"paid_orders_guard", "outbox", "check_results_watch", "failed_run"} <= {
        one.name for one in repository.sensor_defs
    }
    stopped = [
        one.name
        for one in watching
        if one.default_status.value != dg.DefaultScheduleStatus.RUNNING.value and one.name != "default_automation"
    ]
    assert stopped == []


def test_what_must_be_recent_has_a_freshness_policy(graph: Any) -> None:
    without = {
        name.to_user_string() for name in graph.materializable_asset_keys if graph.get(name).freshness_policy is None
    }

    assert without == {"held_orders"}  # an order in trouble is looked at when it changes


def test_drills_and_backups_share_a_pool_so_that_two_never_run_at_once(graph: Any) -> None:
    for name in ("restore_drill", "base_backup"):
        assert graph.get(key(name)).pools == {words.REPOSITORY_POOL}


def test_the_jobs_resolve() -> None:
    for name in ("full_backup", "verify_archive", "run_restore_drill", "reconcile_files", "sweep_print_files"):
        assert defs.resolve_job_def(name).name == name
