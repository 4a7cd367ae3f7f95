"""One pass over one repository: what is listed is compared with the ledger, and what is new or due is read.

The answer is a report as that of `pgbackrest verify`, which knows what it names damaged, and of every other file that
it was read and found good within the time allowed, and lies there as it did.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from printflow_reliability.backups.info import StanzaInfo
from printflow_reliability.backups.ledger.entries import LedgerEntry, changed
from printflow_reliability.backups.ledger.manifest import StoredFile
from printflow_reliability.backups.ledger.outcome import Found, Limits, Reading, Seen, as_read, conclude
from printflow_reliability.backups.ledger.plan import Plan, Stored, plan_pass, stored_files
from printflow_reliability.backups.ledger.reading import Reader, WholeNeeded
from printflow_reliability.backups.ledger.rotation import PASS_EVERY, due
from printflow_reliability.backups.listing import RepositoryFile
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.verification import stayed
from printflow_reliability.backups.verify_report import BadFile, VerifyReport
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.parallel import run_parallel

WORKERS = 4
"""Files of one repository that are read at the same time."""
MANY = 1000
"""Files that pgBackRest reads faster, if they are most of a repository: each costs a process here."""
BATCH = 64
"""Files after which the ledger is kept, so that a pass that is killed need not be repeated whole."""


@dataclass(frozen=True)
class DuePass:
    """What a pass needs to know.

    Attributes:
        pgbackrest, repository: what it reads.
        known: the ledger of this repository.
        limits: when it began, and what it holds the repository to.
        timeout: seconds that it may take.
        stopped: set to end it.
        keep: keeps changes of the ledger; None forgets an entry.
    """

    pgbackrest: PgBackRest
    repository: int
    known: Mapping[str, LedgerEntry]
    limits: Limits
    timeout: float
    stopped: threading.Event
    keep: Callable[[Mapping[str, LedgerEntry | None]], None]


def read_due(task: DuePass, before: StanzaInfo) -> tuple[VerifyReport, Reading]:
    """Carry out a pass, and keep the ledger.

    Args:
        task: the pass.
        before: what `info` said of the repository when it began.

    Raises:
        WholeNeeded: pgBackRest alone can compare something that must be read now, or reads so much faster.
        CouldNotTell: the repository could not be listed, or hardly anything in it fetched.
    """
    watches = task.pgbackrest.program.silence(task.repository)
    reader = Reader(task.pgbackrest, task.repository, time.monotonic() + task.timeout, watches, task.stopped)
    stored = list_stored(task.pgbackrest, task.repository)
    labels = [backup.label for backup in before.in_repository(task.repository)]
    plan = plan_pass(task.known, stored, labels, _due(task, stored), reader.manifest)
    if alone := next((file.name for file, _ in plan.read if file.checksum is None), None):
        raise WholeNeeded(f"{alone} has no checksum that it can be compared with here")
    if len(plan.read) > max(MANY, len(stored) // 2):
        raise WholeNeeded(f"{len(plan.read):,} of {len(stored):,} files have to be read")
    found = _read(task, plan, reader)
    after = task.pgbackrest.info(task.repository)
    lasting = stayed(before, after, task.repository)
    seen = Seen(task.known, plan, found, stored, after.in_repository(task.repository), lasting)
    ended = conclude(seen, task.limits)
    task.keep(changed(task.known, ended.ledger))
    return ended.report, ended.reading


def list_stored(pgbackrest: PgBackRest, repository: int) -> Stored:
    """What a repository holds of the stanza.

    Raises:
        CouldNotTell: it could not be listed.
    """
    stanza = pgbackrest.cluster.stanza
    return stored_files(*(pgbackrest.repo_ls(f"{folder}/{stanza}", repository) for folder in ("backup", "archive")))


def _due(task: DuePass, stored: Stored) -> frozenset[str]:
    there = [entry for entry in task.known.values() if entry.is_good(stored.get(entry.name))]
    read = [entry.read_at for entry in there if entry.read_at and entry.read_at <= task.limits.began_at]
    previous = max(read, default=task.limits.began_at - PASS_EVERY)
    return due(there, previous=previous, now=task.limits.began_at, reread=task.limits.reread)


def _read(task: DuePass, plan: Plan, reader: Reader) -> Found:
    """Read what was planned, what is new first; give up where nothing can be fetched any more."""
    found = Found(unread=dict(plan.unopened))
    for file, listed in plan.opened:
        found.good[file.name] = as_read(file, listed, task.limits.began_at)
        found.bytes += listed.size

    def when(planned: tuple[StoredFile, RepositoryFile]) -> tuple[datetime, str]:
        entry = task.known.get(planned[0].name)
        return (entry and entry.read_at) or datetime.min.replace(tzinfo=UTC), planned[0].name

    planned = sorted(plan.read, key=when)
    for start in range(0, len(planned), BATCH):
        batch = planned[start : start + BATCH]
        results = run_parallel(
            [partial(_attempt, reader, *each) for each in batch], give_up=task.stopped.set, workers=WORKERS
        )
        for (file, listed), result in zip(batch, results, strict=True):
            if isinstance(result, str):
                found.unread[file.name] = result
                continue
            found.bytes += listed.size
            if result:
                found.bad.append(result)
            else:
                found.good[file.name] = as_read(file, listed, task.limits.began_at)
        fresh = {file.name: found.good[file.name] for file, _ in batch if file.name in found.good}
        if not fresh and all(file.name in found.unread for file, _ in batch):
            why = found.unread[batch[-1][0].name]
            found.unread |= {file.name: why for file, _ in planned[start + BATCH :]}
            break
        task.keep(fresh)
    return found


def _attempt(reader: Reader, file: StoredFile, listed: RepositoryFile) -> BadFile | str | None:
    """What is wrong with a file, or why it could not be fetched; None if it is good."""
    try:
        return reader.compare(file, listed)
    except CouldNotTell as failed:
        return failed.what
