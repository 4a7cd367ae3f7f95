"""Taking base backups, and listing those there are: per cluster and repository, answered by check backup.recent.

Whether a backup was taken is read from `info`: a label that was not there before, without an error. pgBackRest backs up
into one repository at a time, so a cluster's repositories follow each other; clusters go side by side.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.backups.clusters import TROUBLE, WORKERS, ClusterVerdict, answer, chosen
from printflow_reliability.backups.identity import ask_system_identifier, newest_identity
from printflow_reliability.backups.info import (
    STATUS_MISSING_DATA,
    STATUS_MISSING_STANZA,
    STATUS_NO_BACKUPS,
    STATUS_OK,
    Backup,
    StanzaInfo,
)
from printflow_reliability.backups.pgbackrest import BackupType, PgBackRest
from printflow_reliability.backups.recent import newest_sound, verdict_on_newest
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import CouldNotTell, LockHeld
from printflow_reliability.parallel import run_parallel
from printflow_reliability.programs import Programs
from printflow_reliability.progress import Advance, Count
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.text import agreed, counted


@dataclass(frozen=True)
class TakenBackup:
    """One attempt to back up one cluster into one repository; `backup` is None if there is none because of it.

    `busy` says that another backup of the cluster was running.
    """

    cluster: str
    repository: int
    asked_for: BackupType
    seconds: float
    backup: Backup | None
    verdict: ClusterVerdict
    busy: bool = False

    def as_json(self) -> dict[str, Any]:
        """The attempt, with the keys of `backup run`."""
        return {
            "cluster": self.cluster,
            "repo": self.repository,
            "label": self.backup.label if self.backup else None,
            "type": self.backup.type if self.backup else None,
            "seconds": round(self.seconds, 3),
            "bytes": self.backup.repository_bytes if self.backup else None,
            "outcome": self.verdict.outcome,
            "detail": self.verdict.sentence,
        }


@dataclass(frozen=True)
class ClusterBackups:
    """The backups of one cluster, oldest first, and the verdict on each of its repositories.

    Attributes:
        name: the cluster's.
        backups: those of every repository.
        verdicts: one for each repository.
        newest_sound_at: when the newest sound backup of each repository ended.
        former: labels of the backups that were taken of another cluster under the same stanza.
    """

    name: str
    backups: tuple[Backup, ...]
    verdicts: tuple[ClusterVerdict, ...]
    newest_sound_at: tuple[datetime, ...]
    former: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        """As `backup list` shows it."""
        return {
            "name": self.name,
            "backups": [
                {
                    "label": backup.label,
                    "type": backup.type,
                    "repo": backup.repository,
                    "started_at": backup.started_at,
                    "finished_at": backup.finished_at,
                    "bytes": backup.repository_bytes,
                    "database_bytes": backup.database_bytes,
                    "error": backup.error,
                    "former_cluster": backup.label in self.former,
                }
                for backup in self.backups
            ],
            "repositories": [{"outcome": verdict.outcome, "detail": verdict.sentence} for verdict in self.verdicts],
        }


@dataclass(frozen=True)
class BackupListing:
    """The backups of the clusters asked for, judged at one moment."""

    clusters: tuple[ClusterBackups, ...]
    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float]

    def as_json(self) -> dict[str, Any]:
        """As `backup list` shows it."""
        return {"clusters": [cluster.as_json() for cluster in self.clusters], "detail": self.checks[0].detail}


@dataclass(frozen=True)
class BaseBackupReport:
    """What was taken, and what there is afterwards."""

    backups: tuple[TakenBackup, ...]
    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float]

    def as_json(self) -> dict[str, Any]:
        """The keys of `backup run`: those of the first backup on top, all of them in `backups`."""
        first = self.backups[0].as_json()
        on_top = {key: first[key] for key in ("cluster", "label", "type", "seconds", "bytes")}
        return {**on_top, "backups": [backup.as_json() for backup in self.backups], "detail": self.checks[0].detail}


@operation("base backup")
def take_base_backups(
    settings: Settings,
    *,
    clusters: Sequence[str] | None = None,
    backup_type: BackupType = "incr",
    advance: Advance | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> BaseBackupReport:
    """Take a base backup of each cluster into each of its repositories.

    Args:
        settings: the configuration.
        clusters: the names of some; all if None.
        backup_type: what to copy.
        advance: told how many of the repositories are done.
        tell: told at once, in a sentence, of each repository that got no backup: others may take hours from then on.

    Raises:
        ConfigError: there is no such cluster.
    """
    programs = settings.runner()
    selected = chosen(settings, clusters)
    count = Count(advance, sum(len(cluster.repositories) for cluster in selected))
    interrupted = threading.Event()

    def give_up() -> None:
        interrupted.set()
        programs.end_running()

    def take(cluster: ClusterSettings) -> list[TakenBackup]:
        taken: list[TakenBackup] = []
        for repository in cluster.repositories:
            if interrupted.is_set():
                break
            if taken and taken[-1].busy:
                # Since 2.55 a lock is of one repository: two backups that meet would each take one from the other.
                why = f"{cluster.name} repo{repository}: not tried, since another backup is running"
                verdict = ClusterVerdict(Outcome.UNKNOWN, why)
                taken.append(replace(taken[-1], repository=repository, seconds=0.0, verdict=verdict))
            else:
                taken.append(_take(PgBackRest(cluster, programs), repository, backup_type, settings))
            if taken[-1].verdict.outcome is not Outcome.PASS and not interrupted.is_set():
                tell(taken[-1].verdict.sentence)
            count.one_more()
        return taken

    tasks = [partial(take, cluster) for cluster in selected]
    taken = run_parallel(tasks, give_up=give_up, workers=WORKERS)
    backups = tuple(backup for of_cluster in taken for backup in of_cluster)
    listing = list_backups(settings, clusters=clusters)
    verdicts = [
        *(backup.verdict for backup in backups),
        *(verdict for cluster in listing.clusters for verdict in cluster.verdicts),
    ]
    numbers = {
        **listing.numbers,
        "backups_taken": sum(1 for backup in backups if backup.verdict.outcome is Outcome.PASS),
        "backup_bytes": sum(backup.backup.repository_bytes for backup in backups if backup.backup),
        "backup_seconds": round(sum(backup.seconds for backup in backups), 3),
    }
    done = f"{counted(len(backups), 'backup')} taken; pgBackRest reports {agreed(len(backups), 'it', 'each')} as sound"
    check = answer("backup.recent", verdicts, numbers, nothing_wrong=done, clusters=clusters)
    return BaseBackupReport(backups, (check,), numbers)


def list_backups(settings: Settings, *, clusters: Sequence[str] | None = None) -> BackupListing:
    """The backups of each cluster in each repository, and whether the newest sound one is recent enough.

    Raises:
        ConfigError: there is no such cluster.
    """
    programs = settings.runner()
    tasks = [partial(_list, cluster, programs, settings) for cluster in chosen(settings, clusters)]
    listed = tuple(run_parallel(tasks, give_up=programs.end_running, workers=WORKERS))
    now = datetime.now(UTC)
    newest = [at for cluster in listed for at in cluster.newest_sound_at]
    numbers: dict[str, int | float] = {"backups": sum(len(cluster.backups) for cluster in listed)}
    if newest:
        numbers["oldest_newest_backup_seconds"] = round(max((now - at).total_seconds() for at in newest), 3)
    verdicts = [verdict for cluster in listed for verdict in cluster.verdicts]
    fine = f"{counted(len(verdicts), 'repository', 'repositories')}, each with a sound, recent backup: " + "; ".join(
        verdict.sentence for verdict in verdicts
    )
    check = answer("backup.recent", verdicts, numbers, nothing_wrong=fine, clusters=clusters)
    return BackupListing(listed, (check,), numbers)


def _take(pgbackrest: PgBackRest, repository: int, backup_type: BackupType, settings: Settings) -> TakenBackup:
    """One attempt; what fails becomes its verdict, so that the other repository is backed up all the same."""
    name = pgbackrest.cluster.name
    where = f"{name} repo{repository}"
    began = monotonic()
    try:
        before = pgbackrest.info(repository)
        if before.backup_running:
            raise LockHeld(
                f"a backup of {name} is running already", f"wait for it to end: printflow backup list {name}"
            )
        status = before.status_of(repository)
        if status.code in (STATUS_MISSING_STANZA, STATUS_MISSING_DATA):
            raise CouldNotTell(
                f"there is no stanza {before.name} ({status.message})",
                f"pgbackrest --stanza={before.name} stanza-create",
            )
        if status.code not in (STATUS_OK, STATUS_NO_BACKUPS):
            # pgBackRest would find out too, after trying for minutes.
            raise pgbackrest.unreadable(status)
        pgbackrest.backup(repository, backup_type, timeout=settings.backups.timeout_seconds)
        taken = _new(before, pgbackrest.info(repository), repository)
    except TROUBLE as failed:
        verdict = ClusterVerdict.unknown(where, failed)
        busy = isinstance(failed, LockHeld)
        return TakenBackup(name, repository, backup_type, monotonic() - began, None, verdict, busy)
    seconds = monotonic() - began
    if taken is None:
        verdict = ClusterVerdict(Outcome.FAIL, f"{where}: pgbackrest ended well, but there is no new backup")
    elif taken.error:
        verdict = ClusterVerdict(
            Outcome.FAIL, f"{where}: {taken.label} met pages with bad checksums; {name} itself is damaged"
        )
    elif taken.type != backup_type:
        verdict = ClusterVerdict(
            Outcome.PASS, f"{where}: nothing to build upon, so {taken.label} is a {taken.type} backup"
        )
    else:
        verdict = ClusterVerdict(Outcome.PASS, f"{where}: {taken.label}")
    return TakenBackup(name, repository, backup_type, seconds, taken, verdict)


def _new(before: StanzaInfo, after: StanzaInfo, repository: int) -> Backup | None:
    known = {backup.label for backup in before.in_repository(repository)}
    new = [backup for backup in after.in_repository(repository) if backup.label not in known]
    return new[-1] if new else None


def _list(cluster: ClusterSettings, programs: Programs, settings: Settings) -> ClusterBackups:
    pgbackrest = PgBackRest(cluster, programs)
    try:
        info = pgbackrest.info()
    except TROUBLE as failed:
        return ClusterBackups(cluster.name, (), (ClusterVerdict.unknown(cluster.name, failed),), ())
    production = ask_system_identifier(cluster)
    identities = {number: newest_identity(info, number, production) for number in cluster.repositories}
    sound = [newest_sound(info, number, identity) for number, identity in identities.items()]
    own = {backup.label for number, identity in identities.items() for backup in info.of_cluster(number, identity)}
    return ClusterBackups(
        cluster.name,
        info.backups,
        tuple(_check_repository(pgbackrest, info, number, production, settings) for number in cluster.repositories),
        tuple(backup.finished_at for backup in sound if backup),
        frozenset(
            backup.label for backup in info.backups if backup.repository in identities and backup.label not in own
        ),
    )


def _check_repository(
    pgbackrest: PgBackRest, info: StanzaInfo, number: int, production: int | None, settings: Settings
) -> ClusterVerdict:
    name = pgbackrest.cluster.name
    status = info.status_of(number)
    if status.code not in (STATUS_OK, STATUS_NO_BACKUPS, STATUS_MISSING_STANZA, STATUS_MISSING_DATA):
        return ClusterVerdict.unknown(f"{name} repo{number}", pgbackrest.unreadable(status))
    limit = settings.backups.max_age_seconds
    return verdict_on_newest(name, info, number, production, now=datetime.now(UTC), max_age_seconds=limit)
