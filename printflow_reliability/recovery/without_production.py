"""A plan of what the repository alone tells, where production cannot be asked."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from printflow_reliability.backups.info import Backup, StanzaInfo
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.segment import DEFAULT_SEGMENT_BYTES
from printflow_reliability.errors import ConfigError
from printflow_reliability.parallel import run_parallel
from printflow_reliability.programs import Programs
from printflow_reliability.records.database import open_records
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.fence_store import fences_named
from printflow_reliability.restore.plan import Plan, Point, backup_for, backups_in, leads_to
from printflow_reliability.restore.production import Production
from printflow_reliability.restore.targets import Target, require_inside, window_of
from printflow_reliability.settings import ClusterSettings, Settings


def plan_without_production(settings: Settings, target: Target, repository: int) -> Plan:
    """Plan from what the repository alone tells; where a named restore point lies is in the records.

    Raises:
        ConfigError: the moment lies outside the window, or there is no such restore point.
        NoBackupForTarget: there is no base backup.
        CouldNotTell: the repository cannot be asked.
    """
    fences = restore_points(settings, target.point) if target.point is not None else {}
    programs = settings.runner()
    tasks = [partial(backups_in, pgbackrest_of(cluster, programs), repository) for cluster in settings.cluster]
    answers: list[tuple[StanzaInfo, tuple[Backup, ...]]] = run_parallel(tasks, give_up=programs.end_running)
    backups = {cluster.name: of_cluster for cluster, (_, of_cluster) in zip(settings.cluster, answers, strict=True)}
    window = window_of(backups, datetime.now(UTC))
    if target.moment is not None:
        require_inside(window, target.moment, repository)
    for name, fence in fences.items():
        _require_backup_before(fence, backups[name], repository)
    points = {
        cluster.name: Point(
            _production_by_repository(cluster, info, repository),
            backup_for(target, backups[cluster.name], fences.get(cluster.name), target.moment),
        )
        for cluster, (info, _) in zip(settings.cluster, answers, strict=True)
    }
    return Plan(target.moment, window, points, fences)


def restore_points(settings: Settings, name: str) -> Mapping[str, Fence]:
    """Where a named restore point lies in the WAL of every cluster.

    Raises:
        ConfigError: not every cluster has one of that name.
        CouldNotTell: the records are away.
    """
    with open_records(settings.records) as records:
        found = fences_named(records, [cluster.name for cluster in settings.cluster], name)
    if lacking := [cluster.name for cluster in settings.cluster if cluster.name not in found]:
        raise ConfigError(
            f'--to: the records know no restore point "{name}" of {", ".join(lacking)}',
            "give a time instead, such as --to 2026-11-02T14:05:00Z",
        )
    return found


def _require_backup_before(fence: Fence, backups: Sequence[Backup], repository: int) -> None:
    """Raises:
    ConfigError: every base backup from before the restore point has expired.
    """
    if not any(leads_to(backup, fence) for backup in backups):
        raise ConfigError(
            f'repo{repository} holds no base backup of {fence.cluster} from before the restore point "{fence.name}"',
            "try another repository: --repo N",
        )


def _production_by_repository(cluster: ClusterSettings, info: StanzaInfo, repository: int) -> Production:
    """Who a cluster is, by what its repository and printflow.toml say; its timeline is not known, so 0."""
    return Production(
        cluster=cluster.name,
        system_identifier=info.system_identifiers.get(repository, 0),
        timeline=0,
        superuser=cluster.superuser,
        data_directory="",
        segment_bytes=DEFAULT_SEGMENT_BYTES,  # for the estimate of disk space; the restored cluster knows its own
        version=0,
        floors={},
        slots=frozenset(),
        subscriptions=frozenset(),
    )


def pgbackrest_of(cluster: ClusterSettings, programs: Programs) -> PgBackRest:
    """pgBackRest with the credentials of a recovery."""
    return PgBackRest(cluster, programs, config=cluster.drill_pgbackrest_config)
