"""A safe point before a migration: a base backup, a named restore point and its WAL in every repository.

What `pg_create_restore_point` names is worth something only once the WAL that leads to it can be fetched from the
repository, and the way back is exact only with the LSN, which the records keep with the fence.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.backups.archive import stored_segment
from printflow_reliability.backups.backup_list import list_backups
from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.clusters import TROUBLE, ClusterVerdict
from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.segment import Segment, parse_segment
from printflow_reliability.backups.taken import BackupRequest, TakenBackup
from printflow_reliability.backups.verification import newest_verification
from printflow_reliability.checks import CheckResult, Outcome, worst
from printflow_reliability.drills.fences.nightly import keep_fences
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.parallel import run_parallel
from printflow_reliability.programs import Programs
from printflow_reliability.records.database import open_records
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.fence_store import fences_named
from printflow_reliability.restore.targets import POINT
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""PostgreSQL takes 63 bytes; what stands here needs no quotes anywhere."""
ARCHIVE_SECONDS = 180.0
LOOK_SECONDS = 1.0
Tell = Callable[[str], None]


@dataclass(frozen=True)
class ArchivedPoint:
    """One cluster's restore point in one repository.

    Attributes:
        label: of the base backup that leads to it; None if there is none.
        verdict: whether that backup and all WAL from it to the restore point are there.
    """

    cluster: str
    repository: int
    label: str | None
    verdict: ClusterVerdict


@dataclass(frozen=True)
class BeforeMigration:
    """What was done for a safe point, and the way back to it.

    Attributes:
        name: of the restore point.
        fences: where it lies in each cluster; empty where it did not come so far.
        points: it in each repository.
        commands: the recovery to it out of each repository that all clusters are safe in, the first one best.
        checks: what the base backups answered.
    """

    name: str
    fences: tuple[Fence, ...]
    points: tuple[ArchivedPoint, ...]
    commands: tuple[str, ...]
    checks: tuple[CheckResult, ...]

    @property
    def outcome(self) -> Outcome:
        """Pass only where it is safe to go on: every repository holds all that leads to the restore point."""
        return worst(point.verdict.outcome for point in self.points)

    def as_json(self) -> dict[str, Any]:
        """The document of `backup before-migrate --json`."""
        return {
            "ok": self.outcome is Outcome.PASS,
            "name": self.name,
            "plan": ["an incremental backup into every repository", "a restore point", "its WAL in every repository"],
            "done": [
                {
                    "cluster": fence.cluster,
                    "restore_point": fence.name,
                    "lsn": fence.lsn,
                    "timeline": fence.timeline,
                    "segment": fence.segment,
                    "taken_at": fence.taken_at,
                    "tables": fence.tables,
                    "rows": fence.rows,
                    "untold_tables": fence.gaps.untold_tables,
                }
                for fence in self.fences
            ],
            "repositories": [
                {
                    "cluster": point.cluster,
                    "repo": point.repository,
                    "backup": point.label,
                    "outcome": point.verdict.outcome,
                    "detail": point.verdict.sentence,
                }
                for point in self.points
            ],
            "commands": list(self.commands),
        }


@operation("safe point before a migration")
def before_migration(
    settings: Settings, name: str, recover: Callable[..., str], tell: Tell, *, by: str = ""
) -> BeforeMigration:
    """Back up, name the moment, and wait until every repository leads to it.

    Args:
        settings: the configuration.
        name: of the restore point.
        recover: writes a command of this program out of its words.
        tell: hears in a sentence what is done next.
        by: who migrates, for the annotation of the backups.

    Raises:
        ConfigError: the name is none, or is taken.
        CouldNotTell: a cluster or the records are away, or the clusters were never quiet together.
    """
    _require_free_name(settings, name)
    if away := _unreadable(settings):
        return BeforeMigration(name, (), away, (), ())
    tell("take an incremental backup of every cluster into every repository")
    taken = take_base_backups(settings, BackupRequest(by=by, reason=f"before migration {name}"), tell=tell)
    if any(backup.backup is None or backup.verdict.outcome is not Outcome.PASS for backup in taken.backups):
        points = tuple(ArchivedPoint(b.cluster, b.repository, _label(b), b.verdict) for b in taken.backups)
        return BeforeMigration(name, (), points, (), taken.checks)
    tell(f'make the restore point "{name}" in every cluster, and count what its tables hold')
    quieter = "stop the application for the migration, then try again with another name"
    fences = {fence.cluster: fence for fence in keep_fences(settings, name, quieter)}
    tell("wait until its WAL is in every repository")
    points = tuple(_await_all(settings, fences, taken.backups))
    commands = [
        recover("recover", "--to", f"{POINT}{name}", "--into", str(settings.runbook.directory), *_from(number))
        for number in dict.fromkeys(point.repository for point in points)
        if _safe(points, number, len(settings.cluster))
    ]
    return BeforeMigration(name, tuple(fences.values()), points, tuple(commands), taken.checks)


def _unreadable(settings: Settings) -> tuple[ArchivedPoint, ...]:
    """Every repository, if one of them cannot be read: no backup is begun that would not make it safe."""
    listing = list_backups(settings)
    points = [
        ArchivedPoint(found.name, number, None, verdict)
        for cluster, found in zip(settings.cluster, listing.clusters, strict=True)
        # Of a stanza that cannot be asked there is one verdict for all its repositories.
        for number, verdict in zip(cluster.repositories, found.verdicts, strict=False)
    ]
    return tuple(points) if any(point.verdict.outcome is Outcome.UNKNOWN for point in points) else ()


def _require_free_name(settings: Settings, name: str) -> None:
    if not NAME.fullmatch(name):
        raise ConfigError(
            f'--name: "{name}" is no name of a restore point',
            "up to 63 letters, digits, dots, dashes and underscores, such as --name orders-2026-11-28",
        )
    with open_records(settings.records) as records:
        if fences_named(records, [cluster.name for cluster in settings.cluster], name):
            raise ConfigError(f'--name: there is a restore point "{name}" already', "choose another name")


def _await_all(
    settings: Settings, fences: Mapping[str, Fence], taken: Sequence[TakenBackup]
) -> Sequence[ArchivedPoint]:
    programs = settings.runner()
    deadline = time.monotonic() + ARCHIVE_SECONDS
    tasks = [partial(await_point, settings, programs, fences[backup.cluster], backup, deadline) for backup in taken]
    return run_parallel(tasks, give_up=programs.end_running)


def await_point(
    settings: Settings, programs: Programs, fence: Fence, taken: TakenBackup, deadline: float
) -> ArchivedPoint:
    """Wait until all WAL from a backup to the restore point is listed in its repository."""
    cluster, number, backup = settings.cluster_named(taken.cluster), taken.repository, taken.backup
    where = f"{cluster.name} repo{number}"
    assert backup is not None  # noqa: S101 - the caller goes on with none that failed
    pgbackrest = PgBackRest(cluster, programs)
    try:
        if damaged := _known_damage(settings, cluster.name, number, backup):
            sentence = (
                f"{where}: {backup.label} builds upon {damaged[0]}, which is damaged; printflow backup run "
                f"{cluster.name} --type full, then again with another name"
            )
            return ArchivedPoint(cluster.name, number, backup.label, ClusterVerdict(Outcome.FAIL, sentence))
        wanted = segments_to(fence, backup.wal_start)
        folders = sorted({name[:16] for name in wanted})
        while True:
            listed = {
                segment
                for folder in folders
                for file in pgbackrest.repo_ls(f"archive/{cluster.stanza}/{backup.archive_id}/{folder}", number)
                if (segment := stored_segment(f"{folder}/{file.name}"))
            }
            missing = [name for name in wanted if name not in listed]
            if not missing or time.monotonic() > deadline:
                break
            time.sleep(LOOK_SECONDS)
    except TROUBLE as failed:
        return ArchivedPoint(cluster.name, number, backup.label, ClusterVerdict.unknown(where, failed))
    if missing:
        sentence = (
            f"{where}: {counted(len(missing), 'segment')} up to the restore point did not come within "
            f"{ARCHIVE_SECONDS:.0f} s, the first is {missing[0]}; printflow wal verify {cluster.name}"
        )
        return ArchivedPoint(cluster.name, number, backup.label, ClusterVerdict(Outcome.FAIL, sentence))
    sentence = f"{where}: {backup.label} and {counted(len(wanted), 'segment')} lead to the restore point"
    return ArchivedPoint(cluster.name, number, backup.label, ClusterVerdict(Outcome.PASS, sentence))


def _known_damage(settings: Settings, cluster: str, repository: int, backup: Backup) -> list[str]:
    """Which of the backups that one needs were found damaged by the newest verification."""
    with open_records(settings.records) as records:
        known = newest_verification(records, cluster, repository)
    return sorted(known.damaged & {backup.label, *backup.references}) if known else []


def segments_to(fence: Fence, first: str | None) -> list[str]:
    """The names of the segments from a backup's first to that of the restore point.

    Raises:
        CouldNotTell: the backup is of another timeline.
    """
    size = fence.production.segment_bytes
    last = parse_segment(fence.segment, size)
    begin = parse_segment(first, size) if first else last
    if begin.timeline != last.timeline:
        raise CouldNotTell(
            f"{fence.cluster} changed from timeline {begin.timeline} to {last.timeline} meanwhile",
            "when it runs steadily again, try again with another name",
        )
    return [Segment(last.timeline, number).name(size) for number in range(begin.number, last.number + 1)]


def _safe(points: Sequence[ArchivedPoint], repository: int, clusters: int) -> bool:
    here = [point.verdict.outcome for point in points if point.repository == repository]
    return len(here) == clusters and set(here) == {Outcome.PASS}


def _from(repository: int) -> tuple[str, str]:
    return "--repo", str(repository)


def _label(taken: TakenBackup) -> str | None:
    return taken.backup.label if taken.backup else None
