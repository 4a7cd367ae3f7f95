"""Verifying one repository: what is new or due is read file by file, or pgBackRest reads all of it.

It does where nothing is known of the repository, where all was asked for, and where it alone can compare a file.
"""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Event

from printflow_reliability.backups.clusters import TROUBLE, ClusterVerdict
from printflow_reliability.backups.info import (
    STATUS_MISSING_DATA,
    STATUS_MISSING_STANZA,
    STATUS_NO_BACKUPS,
    STATUS_OK,
    StanzaInfo,
)
from printflow_reliability.backups.ledger.due_pass import DuePass, list_stored, read_due
from printflow_reliability.backups.ledger.manifest import BLOCKS
from printflow_reliability.backups.ledger.outcome import Limits, Reading
from printflow_reliability.backups.ledger.plan import Stored
from printflow_reliability.backups.ledger.reading import WholeNeeded
from printflow_reliability.backups.ledger.store import LedgerStore
from printflow_reliability.backups.ledger.whole import WholeRead, ledger_of, reading_of
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.pgbackrest_errors import RepositoryDamaged, version_numbers
from printflow_reliability.backups.repository_verdict import VerifiedRepository, verdict_on_report
from printflow_reliability.backups.verification import stayed, verification_of
from printflow_reliability.backups.verify_report import BadFile, VerifyReport, parse_verify
from printflow_reliability.backups.wal import accepted_gaps
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import Settings

log = logging.getLogger(__name__)

FINDS_BLOCKS = (2, 47)
"""The first pgBackRest whose verify looks for the files of block incrementals under their own names."""


def verify_repository(
    settings: Settings, pgbackrest: PgBackRest, repository: int, *, everything: bool, stopped: Event
) -> VerifiedRepository:
    """Verify one repository of a cluster; what cannot be asked is its verdict.

    Args:
        settings: of the installation.
        pgbackrest: the cluster's.
        repository: the repository's number.
        everything: whether what was read before is read again too.
        stopped: set to end it.
    """
    cluster = pgbackrest.cluster.name
    where = f"{cluster} repo{repository}"
    began_at = datetime.now(UTC)
    try:
        # Asked before and after: reading takes long, and backups come and go meanwhile.
        before = _reachable(pgbackrest, repository)
        if before.status_of(repository).code in (STATUS_MISSING_STANZA, STATUS_MISSING_DATA):
            sentence = f"{where} has no stanza {before.name} ({before.status_of(repository).message})"
            return VerifiedRepository(cluster, repository, ClusterVerdict(Outcome.FAIL, sentence))
        accepted, away = accepted_gaps(pgbackrest.cluster, settings.records)
        backups = settings.backups
        limits = Limits(began_at, timedelta(days=backups.reread_days), accepted, backups.retention.wal_days)
        task = _Pass(settings, pgbackrest, repository, limits, stopped)
        return (None if everything or away else task.read_due(before)) or task.read_whole(before)
    except TROUBLE as failed:
        return VerifiedRepository(cluster, repository, ClusterVerdict.unknown(where, failed))


@dataclass(frozen=True)
class _Pass:
    settings: Settings
    pgbackrest: PgBackRest
    repository: int
    limits: Limits
    stopped: Event

    @property
    def _ledger(self) -> LedgerStore:
        return LedgerStore(self.settings.records, self.pgbackrest.cluster.name, self.repository)

    def read_due(self, before: StanzaInfo) -> VerifiedRepository | None:
        """Read what is new or due; None where pgBackRest must read all of it."""
        known = self._ledger.known()
        if not known:
            return None
        timeout = self.settings.backups.timeout_seconds
        task = DuePass(self.pgbackrest, self.repository, known, self.limits, timeout, self.stopped, self._ledger.keep)
        try:
            report, reading = read_due(task, before)
        except WholeNeeded as alone:
            log.info("pgBackRest reads repo%d of %s whole: %s", self.repository, self.pgbackrest.cluster.name, alone)
            return None
        report, after = self._with_bookkeeping(report, before)
        lost = [name for name in ("archive.info", "backup.info") if _both_bad(name, report)]
        report = replace(report, unusable=tuple(f"No usable {name} file" for name in lost))
        found = verdict_on_report(self.pgbackrest.cluster.name, self.repository, report, before, after)
        lasting = stayed(before, after, self.repository)
        return replace(found, verification=verification_of(report, lasting, self.limits.began_at), reading=reading)

    def read_whole(self, before: StanzaInfo) -> VerifiedRepository:
        """Let pgBackRest read every file.

        Raises:
            CouldNotTell: it could not.
        """
        listed = list_stored(self.pgbackrest, self.repository)
        self._require_names(listed)
        ran = self.pgbackrest.verify(self.repository, timeout=self.settings.backups.timeout_seconds)
        report = parse_verify(ran.stdout, ran.stderr, self.pgbackrest.cluster.stanza)
        report, after = self._with_bookkeeping(report, before)
        verification = verification_of(report, stayed(before, after, self.repository), self.limits.began_at)
        found = verdict_on_report(self.pgbackrest.cluster.name, self.repository, report, before, after)
        whole = WholeRead(self.pgbackrest, self.repository, listed, verification, report, found.files_checked)
        return replace(found, verification=verification, reading=self._remember(whole))

    def _require_names(self, listed: Stored) -> None:
        """Make sure that pgBackRest looks for block incrementals where they are (its pull request 2120).

        Raises:
            CouldNotTell: it looks for those outside bundles under another name, and would call each of them missing.
        """
        if any(name.endswith(BLOCKS) for name in listed.backups):
            version = self.pgbackrest.version()
            if version_numbers(version) < FINDS_BLOCKS:
                raise CouldNotTell(
                    f"pgBackRest {version} cannot verify block incrementals: it looks for files under a wrong name",
                    "install pgBackRest 2.47 or later",
                )

    def _remember(self, whole: WholeRead) -> Reading | None:
        """Keep what was read; where not all could be read, the ledger stays what it was."""
        if whole.verification.partial:
            # Which files were read is not told.
            return replace(reading_of(whole, self._ledger.known().values(), self.limits), oldest=None)
        try:
            ledger = ledger_of(whole, self.limits)
        except TROUBLE as failed:
            log.warning("what was read is not remembered: %s", failed.what)
            return None
        self._ledger.replace(ledger)
        return reading_of(whole, ledger, self.limits)

    def _with_bookkeeping(self, report: VerifyReport, before: StanzaInfo) -> tuple[VerifyReport, StanzaInfo]:
        """The report with what is wrong with the bookkeeping files, and `info` after it; as before if it is away."""
        try:
            beside = _bookkeeping(self.pgbackrest, self.repository) and _bookkeeping(self.pgbackrest, self.repository)
            after = _reachable(self.pgbackrest, self.repository)
        except TROUBLE as failed:
            return replace(report, unreadable=(*report.unreadable, failed.what)), before
        return replace(report, bad_files=(*report.bad_files, *beside)), after


def _both_bad(name: str, report: VerifyReport) -> bool:
    return {name, f"{name}.copy"} <= {bad.name for bad in report.bad_files}


def _bookkeeping(pgbackrest: PgBackRest, repository: int) -> tuple[BadFile, ...]:
    """What is wrong with backup.info and archive.info, of which verify needs but one of two copies.

    A backup that ends between two reads makes them differ for a moment: look twice.
    """
    bad = []
    for path in (
        f"backup/{pgbackrest.cluster.stanza}/backup.info",
        f"archive/{pgbackrest.cluster.stanza}/archive.info",
    ):
        name = path.rpartition("/")[2]
        copies = []
        for copy in (name, f"{name}.copy"):
            try:
                copies.append(pgbackrest.repo_get(path.replace(name, copy), repository))
            except RepositoryDamaged:
                bad.append(BadFile(copy, "is missing or cannot be decrypted"))
        if len(copies) == 2 and copies[0] != copies[1]:
            bad.append(BadFile(name, "is not what its copy is: one of them is damaged"))
    return tuple(bad)


def _reachable(pgbackrest: PgBackRest, repository: int) -> StanzaInfo:
    """What info says of a repository that can be read.

    Raises:
        CouldNotTell: it cannot; verify would call its files unusable and end with 0.
    """
    info = pgbackrest.info(repository)
    status = info.status_of(repository)
    if status.code not in (STATUS_OK, STATUS_NO_BACKUPS, STATUS_MISSING_STANZA, STATUS_MISSING_DATA):
        raise pgbackrest.unreadable(status)
    return info
