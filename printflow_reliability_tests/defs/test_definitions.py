"""The graph as a whole: every check served, everything that watches running, what must be recent with a policy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]

import printflow_reliability
from printflow_reliability.definitions import defs
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.reporting import registered_name
from printflow_reliability.recency import recent_within
from printflow_reliability.register import REGISTER

EDGES = [
    ("base_backup", "wal_archive"),
    ("wal_archive", "restore_drill"),
    ("wal_archive", "recoverable_window"),
    ("backup_integrity", "recoverable_window"),
    ("backup_integrity", "backup_expiry"),
    ("logical_dump", "dump_verification"),
    ("dump_verification", "dump_expiry"),
    ("config_backup", "config_verification"),
    ("wal_archive", "backup_copies"),
    ("backup_integrity", "backup_copies"),
    ("restore_drill", "backup_copies"),
    ("tenant_files", "backup_copies"),
    ("recovery_fence", "restore_drill"),
    ("restore_drill", "recovery_objectives"),
    ("tenant_files", "orphaned_files"),
    ("tenant_files", "print_file_integrity"),
    ("print_file_integrity", "paid_orders"),
    ("paid_orders", "held_orders"),
    ("platform_posture", "action_plan"),
]


PROJECT = Path(printflow_reliability.__file__).parent.parent


@pytest.fixture(scope="module")
def graph() -> Any:
    return defs.resolve_asset_graph()


def key(name: str) -> dg.AssetKey:
    return dg.AssetKey([name])


def test_every_check_entry_is_served_by_an_asset_and_no_other(graph: Any) -> None:
    assert {registered_name(check.name) for check in graph.asset_check_keys} == set(REGISTER)


@pytest.mark.parametrize(("upstream", "downstream"), EDGES)
def test_the_lineage_is_as_designed(graph: Any, upstream: str, downstream: str) -> None:
    assert key(upstream) in graph.get(key(downstream)).parent_keys


def test_everything_that_watches_runs_by_default() -> None:
    repository = defs.get_repository_def()
    watching: list[Any] = [*repository.schedule_defs, *repository.sensor_defs]

    assert {"weekly_full_backup", "daily_incremental_backup", "hourly_wal_verification", "weekly_restore_drill"} <= {
        schedule_def.name for schedule_def in repository.schedule_defs
    }
    assert {"nightly_reconciliation", "nightly_sweep", "nightly_dumps", "daily_dump_verification"} <= {
        schedule_def.name for schedule_def in repository.schedule_defs
    }
    assert {
        "paid_orders_guard",
        "outbox",
        "check_results_watch",
        "failed_run",
        "failed_ticks",
        "schedule_heartbeats",
        "daemon_watch",
    } <= {sensor_def.name for sensor_def in repository.sensor_defs}
    stopped = [
        watcher.name
        for watcher in watching
        if watcher.default_status.value != dg.DefaultScheduleStatus.RUNNING.value
        and watcher.name != "default_automation"
    ]
    assert stopped == []


def test_no_tick_opens_dagsters_instance_for_a_resource() -> None:
    asking = {sensor_def.name for sensor_def in defs.get_repository_def().sensor_defs if _resources(sensor_def)}
    assert asking == set()


def _resources(sensor_def: dg.SensorDefinition) -> set[str]:
    return set(sensor_def.required_resource_keys)


def test_what_must_be_recent_has_a_freshness_policy(graph: Any) -> None:
    without = {
        name.to_user_string() for name in graph.materializable_asset_keys if graph.get(name).freshness_policy is None
    }

    assert without == {"held_orders"}  # an order in trouble is looked at when it changes


def test_drills_and_backups_share_a_pool_so_that_two_never_run_at_once(graph: Any) -> None:
    for name in ("restore_drill", "base_backup", "backup_expiry"):
        assert graph.get(key(name)).pools == {words.REPOSITORY_POOL}


def test_only_what_is_configured_is_a_job_of_its_own() -> None:
    named = {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}

    assert named == {
        *("trial_restore", "judge_objectives", "judge_held_order", "standby_drill"),
        *("remove_killed_drills", "prune_history", "order_repair", "alert_acknowledgement", "alert_silence"),
    }


def test_a_storm_of_held_orders_leaves_slots_to_backups_and_reconciliations() -> None:
    settings = yaml.safe_load((PROJECT / "dagster.yaml").read_text(encoding="utf-8"))["concurrency"]["runs"]
    (limit,) = settings["tag_concurrency_limits"]
    tags = defs.resolve_job_def("judge_held_order").run_tags

    assert tags[limit["key"]] == limit["value"]
    assert limit["limit"] <= settings["max_concurrent_runs"] - 3
    others = [job for job in defs.resolve_all_job_defs() if job.name != "judge_held_order"]
    assert [job.name for job in others if limit["key"] in job.run_tags] == []


@pytest.mark.parametrize(
    "asset", ["restore_drill", "base_backup", "recovery_fence", "logical_dump", "backup_expiry", "dump_expiry"]
)
def test_no_way_to_start_what_changes_something_retries_it(asset: str) -> None:
    settings = yaml.safe_load((PROJECT / "dagster.yaml").read_text(encoding="utf-8"))
    started = [
        *({**job.tags, **job.run_tags} for job in defs.resolve_all_job_defs() if starts(job, asset)),
        *(
            schedule_def.tags
            for schedule_def in defs.get_repository_def().schedule_defs
            if starts(schedule_def.job, asset)
        ),
    ]

    assert settings["run_retries"]["max_retries"] == 0  # by hand there is no tag
    assert started
    assert not any("dagster/max_retries" in tags for tags in started)


def test_what_only_looks_is_begun_again_once_when_its_process_is_lost() -> None:
    tags = {
        schedule_def.name: schedule_def.tags.get("dagster/max_retries")
        for schedule_def in defs.get_repository_def().schedule_defs
    }

    assert {name for name, most in tags.items() if most == "1"} == {
        *("hourly_wal_verification", "daily_backup_verification", "hourly_recoverable_window"),
        *("daily_recovery_objectives", "hourly_readiness"),
        *("nightly_reconciliation", "nightly_sweep", "paid_orders_every_half_hour", "hourly_alert_delivery"),
        "queues_every_half_hour",
        *("systems_every_half_hour", "daily_dump_verification", "daily_config_verification", "daily_backup_copies"),
        *("daily_print_file_protection", "file_deletions_every_five_minutes"),
        "daily_posture",
    }


def test_an_answer_may_be_as_old_as_the_schedule_of_its_asset_allows(graph: Any) -> None:
    for check in graph.asset_check_keys:
        policy = graph.get(check.asset_key).freshness_policy
        if policy is not None:
            allowed = recent_within(registered_name(check.name)).total_seconds()
            assert policy.fail_window.to_timedelta().total_seconds() <= allowed, check
            assert allowed <= 3 * policy.fail_window.to_timedelta().total_seconds(), check


def starts(job: Any, asset: str) -> bool:
    """Whether this job is one of ours that materializes that asset."""
    resolved = defs.resolve_job_def(job.name)
    return resolved.name != "__ASSET_JOB" and key(asset) in resolved.asset_layer.executable_asset_keys


@pytest.mark.stack
def test_the_definitions_load_where_the_package_is_installed_without_its_pyproject(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "printflow_reliability", tmp_path / "printflow_reliability")
    script = (
        "from printflow_reliability.definitions import defs; print(len(defs.resolve_asset_graph().asset_check_keys))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PRINTFLOW_CONFIG": ""}
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )

    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) == len(REGISTER)


@pytest.mark.parametrize(
    "module",
    [
        *("drills.drill", "drills.fences.nightly", "backups.base_backup", "backups.integrity", "config_backup.backup"),
        *("copies.copies", "dumps.run", "dumps.verify", "posture.report", "files.protection.protect"),
        *("checkout.run", "files.deletions", "files.quarantine.copies", "orders.repair.repair"),
    ],
)
def test_loading_the_definitions_loads_nothing_that_only_a_run_needs(loaded: frozenset[str], module: str) -> None:
    assert "printflow_reliability.orders.guard" in loaded, "the sensors need it"
    assert f"printflow_reliability.{module}" not in loaded


def test_loading_the_definitions_loads_no_celery(loaded: frozenset[str]) -> None:
    assert loaded & {"celery", "kombu", "dagster_celery"} == set()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The modules that the daemon's code server loads anew every minute."""
    program = "import sys, printflow_reliability.definitions; print(*sys.modules)"
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path_factory.mktemp("dagster"))}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    return frozenset(ended.stdout.split())
