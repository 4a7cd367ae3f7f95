"""Taking base backups: per cluster and repository, answered by check backup.recent.

Whether a backup was taken is read from `info`: a label that was not there before, without an error. pgBackRest backs up
into one repository at a time, so a cluster's repositories follow each other; clusters go side by side. What an
interrupted backup has copied already, the next one of the same type goes on with.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.backups.backup_list import list_backups
from printflow_reliability.backups.clusters import (
    TROUBLE,
    WORKERS,
    ClusterVerdict,
    answer,
    chosen,
    repositories_of,
)
from printflow_reliability.backups.info import (
    STATUS_MISSING_DATA,
    STATUS_MISSING_STANZA,
    STATUS_NO_BACKUPS,
    STATUS_OK,
    Backup,
    StanzaInfo,
    parse_damaged_files,
)
from printflow_reliability.backups.pgbackrest import PATIENCE, PgBackRest
from printflow_reliability.backups.pgbackrest_errors import Busy
from printflow_reliability.backups.taken import BackupRequest, TakenBackup
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.parallel import run_parallel
from printflow_reliability.programs import Completed
from printflow_reliability.progress import Advance, Count
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.text import agreed, counted

RESUMED = "then the backup will resume"
"""What pgBackRest says where it goes on with an interrupted backup."""


@dataclass(frozen=True)
class BaseBackupReport:
    """What was taken, and what there is afterwards."""

    backups: tuple[TakenBackup, ...]
    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float]

    @property
    def busy(self) -> tuple[TakenBackup, ...]:
        """What was not taken because another backup of the cluster was running: no failure, and not done either."""
        return tuple(backup for backup in self.backups if backup.busy)

    def as_json(self) -> dict[str, Any]:
        """The keys of `backup run`: those of the first backup on top, all of them in `backups`."""
        first = self.backups[0].as_json()
        on_top = {key: first[key] for key in ("cluster", "label", "type", "seconds", "bytes")}
        return {**on_top, "backups": [backup.as_json() for backup in self.backups], "detail": self.checks[0].detail}


@operation("base backup")
def take_base_backups(
    settings: Settings,
    request: BackupRequest | None = None,
    *,
    advance: Advance | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> BaseBackupReport:
    """Take a base backup of each cluster into each of its repositories, or into those that are asked for.

    Args:
        settings: the configuration.
        request: which; an incremental one of everything if None.
        advance: told how many of the repositories are done.
        tell: told at once, in a sentence, of each repository that got no backup: others may take hours from then on.

    Raises:
        ConfigError: there is no such cluster, or it has no such repository.
    """
    wanted = request or BackupRequest()
    programs = settings.runner()
    selected = [(cluster, repositories_of(cluster, wanted.repository)) for cluster in chosen(settings, wanted.clusters)]
    count = Count(advance, sum(len(numbers) for _, numbers in selected))
    interrupted = threading.Event()

    def give_up() -> None:
        interrupted.set()
        programs.end_running()

    def take(cluster: ClusterSettings, numbers: tuple[int, ...]) -> list[TakenBackup]:
        taken: list[TakenBackup] = []
        for repository in numbers:
            if interrupted.is_set():
                break
            if taken and taken[-1].busy:
                # Since 2.55 a lock is of one repository: two backups that meet would each take one from the other.
                why = f"{cluster.name} repo{repository}: not tried, since another backup is running"
                verdict = ClusterVerdict(Outcome.UNKNOWN, why)
                taken.append(replace(taken[-1], repository=repository, seconds=0.0, verdict=verdict))
            else:
                taken.append(_take(PgBackRest(cluster, programs), repository, wanted, settings))
            if taken[-1].verdict.outcome is not Outcome.PASS and not interrupted.is_set():
                tell(taken[-1].verdict.sentence)
            count.one_more()
        return taken

    tasks = [partial(take, cluster, numbers) for cluster, numbers in selected]
    taken = run_parallel(tasks, give_up=give_up, workers=WORKERS)
    return _report(settings, wanted, tuple(backup for of_cluster in taken for backup in of_cluster))


def _report(settings: Settings, wanted: BackupRequest, backups: tuple[TakenBackup, ...]) -> BaseBackupReport:
    """What there is now decides; a backup that somebody else was taking meanwhile is not held against it."""
    listing = list_backups(settings, clusters=wanted.clusters)
    own = [backup for backup in backups if not backup.busy]
    verdicts = [
        *(backup.verdict for backup in own),
        *(verdict for cluster in listing.clusters for verdict in cluster.verdicts),
    ]
    known = [backup.backup for backup in own if backup.backup]
    numbers = {
        **listing.numbers,
        "backups_taken": sum(1 for backup in own if backup.verdict.outcome is Outcome.PASS),
        "backup_bytes": sum(backup.repository_bytes for backup in known),
        "copied_bytes": sum(backup.copied_bytes for backup in known),
        "database_bytes": sum(
            {backup.cluster: backup.backup.database_bytes for backup in own if backup.backup}.values()
        ),
        "damaged_files": sum(len(backup.damaged_files) for backup in own),
        "backup_seconds": round(sum(backup.seconds for backup in own), 3),
    }
    if numbers["backup_bytes"]:
        numbers["compression_ratio"] = round(numbers["copied_bytes"] / numbers["backup_bytes"], 2)
    done = f"{counted(len(own), 'backup')} taken; pgBackRest reports {agreed(len(own), 'it', 'each')} as sound"
    if len(own) < len(backups):
        waiting = "; ".join(backup.verdict.sentence for backup in backups if backup.busy)
        done = f"the newest sound backups are recent enough; {waiting}"
    check = answer("backup.recent", verdicts, numbers, nothing_wrong=done, clusters=wanted.clusters)
    return BaseBackupReport(backups, (check,), numbers)


def _take(pgbackrest: PgBackRest, repository: int, wanted: BackupRequest, settings: Settings) -> TakenBackup:
    """One attempt; what fails becomes its verdict, so that the other repository is backed up all the same."""
    name = pgbackrest.cluster.name
    where = f"{name} repo{repository}"
    began = monotonic()
    try:
        before = pgbackrest.info(repository)
        if before.backup_running:
            raise Busy(f"a backup of {name} is running already", f"wait for it to end: printflow backup list {name}")
        status = before.status_of(repository)
        if status.code in (STATUS_MISSING_STANZA, STATUS_MISSING_DATA):
            raise CouldNotTell(
                f"there is no stanza {before.name} ({status.message})",
                f"pgbackrest --stanza={before.name} stanza-create",
            )
        if status.code not in (STATUS_OK, STATUS_NO_BACKUPS):
            # pgBackRest would find out too, after trying for minutes.
            raise pgbackrest.unreadable(status)
        ended = pgbackrest.backup(
            repository, wanted.type, timeout=settings.backups.timeout_seconds, annotations=wanted.annotations
        )
        taken = _new(before, pgbackrest.info(repository), repository)
    except TROUBLE as failed:
        verdict = ClusterVerdict.unknown(where, failed)
        busy = isinstance(failed, Busy)
        return TakenBackup(name, repository, wanted.type, monotonic() - began, None, verdict, busy=busy)
    attempt = TakenBackup(
        name, repository, wanted.type, monotonic() - began, taken, ClusterVerdict(Outcome.PASS, where)
    )
    return replace(
        attempt,
        verdict=_verdict(attempt),
        damaged_files=_damaged_files(pgbackrest, taken),
        resumed=_resumed(ended),
    )


def _verdict(attempt: TakenBackup) -> ClusterVerdict:
    """On an attempt that pgBackRest ended with 0."""
    where, taken = attempt.where, attempt.backup
    if taken is None:
        return ClusterVerdict(Outcome.FAIL, f"{where}: pgbackrest ended well, but there is no new backup")
    if taken.error:
        sentence = f"{where}: {taken.label} met pages with bad checksums; {attempt.cluster} itself is damaged"
        return ClusterVerdict(Outcome.FAIL, sentence)
    if taken.type != attempt.asked_for:
        sentence = f"{where}: nothing to build upon, so {taken.label} is a {taken.type} backup"
        return ClusterVerdict(Outcome.PASS, sentence)
    return ClusterVerdict(Outcome.PASS, f"{where}: {taken.label}")


def _damaged_files(pgbackrest: PgBackRest, taken: Backup | None) -> tuple[str, ...]:
    """The files with bad pages; none where pgBackRest does not name them: the verdict says that there are some."""
    if taken is not None and taken.error:
        asked = ("info", PATIENCE, "--output=json", f"--set={taken.label}")
        with suppress(*TROUBLE):
            answer = pgbackrest.program.run(*asked, repository=taken.repository)
            return parse_damaged_files(answer.stdout, taken.label)
    return ()


def _resumed(ended: Completed) -> bool:
    return RESUMED in ended.stderr


def _new(before: StanzaInfo, after: StanzaInfo, repository: int) -> Backup | None:
    known = {backup.label for backup in before.in_repository(repository)}
    new = [backup for backup in after.in_repository(repository) if backup.label not in known]
    return new[-1] if new else None
