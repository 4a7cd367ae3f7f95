"""Old runs go and evidence stays; what a killed drill left is removed by schedule, and a running one is let alone."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from printflow_reliability.definitions import defs
from printflow_reliability.defs import upkeep
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.schedules import SHORT_LIVED
from printflow_reliability.defs.upkeep import killed_drills, prune_history, remove_killed_drills
from printflow_reliability.errors import CouldNotTell, LockHeld
from printflow_reliability.restore.reaper import MARKER

pytestmark = pytest.mark.stack

EVIDENCE = ("base_backup", "wal_archive", "backup_integrity", "restore_drill", "recovery_objectives", "recovery_fence")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp() as found:
        yield found


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """Settings by which every run is old."""
    found = SimpleNamespace(
        dagster=SimpleNamespace(keep_runs_days=-1),
        heartbeat=(),
        sentry=None,
        dumps=None,
        drills=SimpleNamespace(directory=tmp_path),
    )
    monkeypatch.setattr(Configuration, "settings", lambda _self: found)
    return found


def run(instance: dg.DagsterInstance, name: str, tags: Mapping[str, str], *, fails: bool = False) -> str:
    def made() -> None:
        print("said on stdout")
        if fails:
            raise RuntimeError

    asset: dg.AssetsDefinition = dg.asset(name=name)(made)
    return dg.materialize([asset], instance=instance, tags=tags, raise_on_error=False).run_id


def execute(job: dg.JobDefinition, instance: dg.DagsterInstance) -> bool:
    resources = {"configuration": Configuration()}
    return job.execute_in_process(instance=instance, resources=resources, raise_on_error=False).success


def left(instance: dg.DagsterInstance) -> set[str]:
    return {get_run.run_id for get_run in instance.get_runs() if get_run.job_name != prune_history.name}


def test_old_short_lived_runs_go_and_the_newest_of_each_asset_stays(
    instance: dg.DagsterInstance, settings: SimpleNamespace
) -> None:
    failed = run(instance, "files", SHORT_LIVED, fails=True)
    old, newest = run(instance, "files", SHORT_LIVED), run(instance, "files", SHORT_LIVED)
    drills = {run(instance, "restore_drill", {}) for _ in range(2)}

    assert execute(prune_history, instance)

    assert left(instance) == {newest, *drills}
    assert instance.get_latest_materialization_event(dg.AssetKey(["files"])) is not None
    assert len(instance.fetch_materializations(dg.AssetKey(["restore_drill"]), limit=5).records) == 2
    for gone in (failed, old):
        assert not instance.get_records_for_run(gone).records
        assert not list(Path(instance.storage_directory(), gone).glob("**/*.out"))


def test_a_run_that_is_younger_than_the_setting_stays(instance: dg.DagsterInstance, settings: SimpleNamespace) -> None:
    settings.dagster.keep_runs_days = 1
    young = {run(instance, "files", SHORT_LIVED) for _ in range(2)}

    assert execute(prune_history, instance)
    assert left(instance) == young


def test_no_schedule_of_what_holds_evidence_makes_short_lived_runs() -> None:
    for schedule in defs.get_repository_def().schedule_defs:
        keys = defs.resolve_job_def(schedule.job.name).asset_layer.executable_asset_keys
        if {key.to_user_string() for key in keys} & {*EVIDENCE, "held_orders"}:
            assert not SHORT_LIVED.items() <= schedule.tags.items(), schedule.name


def drill(directory: Path, number: int) -> Path:
    place = directory / str(number)
    (place / "clone").mkdir(parents=True)
    (place / MARKER).write_text("{}")
    return place


def evaluated() -> dg.RunRequest | dg.SkipReason:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance=instance, resources={"configuration": Configuration()})
        found = killed_drills(context)
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    return found


def test_a_run_is_asked_for_only_where_a_clone_is_left(settings: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    assert isinstance(evaluated(), dg.SkipReason)

    drill(tmp_path, 12)
    assert isinstance(evaluated(), dg.RunRequest)


def raising(error: Exception) -> Callable[[object], tuple[int, ...]]:
    def reap(_settings: object) -> tuple[int, ...]:
        raise error

    return reap


@pytest.mark.parametrize(
    ("error", "succeeds"), [(LockHeld("another restore drill is running"), True), (CouldNotTell("it stays"), False)]
)
def test_what_cannot_be_removed_is_red_and_a_drill_that_runs_is_not(
    instance: dg.DagsterInstance,
    settings: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    succeeds: bool,
) -> None:
    monkeypatch.setattr(upkeep, "reap_killed", raising(error))

    assert execute(remove_killed_drills, instance) is succeeds
