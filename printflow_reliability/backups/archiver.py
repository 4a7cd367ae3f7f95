"""What production itself says of its archiving: how far it is, since when WAL waits, whether it is failing now."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import TupleRow, class_row

from printflow_reliability.backups.archive_failure import failure_in, log_tail
from printflow_reliability.backups.clusters import ClusterVerdict
from printflow_reliability.backups.segment import SEGMENT_NAME, Segment, parse_segment
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.text import counted, seconds

ARCHIVER = r"""
WITH status AS (
    SELECT count(*) FILTER (WHERE name LIKE '%.ready') AS waiting_files,
           min(modification) FILTER (WHERE name LIKE '%.ready') AS waiting_since,
           max(left(name, 24)) FILTER (WHERE name ~ '^[0-9A-F]{24}\.done$') AS newest_done
    FROM pg_ls_archive_statusdir()
)
SELECT clock_timestamp() AS asked_at,
       (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
       pg_is_in_recovery() AS standby,
       current_setting('archive_mode') AS archive_mode,
       current_setting('archive_command') = '' AND coalesce(current_setting('archive_library', true), '') = ''
           AS no_command,
       (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size') AS segment_bytes,
       (SELECT setting::float FROM pg_settings WHERE name = 'archive_timeout') AS archive_timeout,
       CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_insert_lsn()) END AS current_segment,
       a.last_archived_wal, a.last_archived_time, a.failed_count, a.last_failed_wal, a.last_failed_time,
       status.waiting_files, status.waiting_since, status.newest_done
FROM pg_stat_archiver a, status
"""


@dataclass(frozen=True)
class Archiver:
    """Production's archiving at one moment, by its own clock.

    Attributes:
        asked_at: that moment.
        system_identifier: the cluster's.
        standby: it is one; then it archives nothing, and this says nothing of the primary.
        archive_mode: PostgreSQL's setting.
        segment_bytes: the size of its WAL segments.
        archive_timeout: seconds after which a segment with something in it is closed; 0: never before it is full.
        current_segment: the one that is being written; None on a standby.
        last_archived_wal, last_archived_time: the last file archived (not always a segment).
        failed_count, last_failed_wal, last_failed_time: failures since the statistics were reset.
        waiting_files, waiting_since: files to be archived, and how long the oldest has been.
        newest_done: the newest segment that the server remembers as archived; None once it is recycled.
        no_command: neither archive_command nor archive_library is set.
        failure: what the server's log says of a failure; None where it cannot be read.
    """

    asked_at: datetime
    system_identifier: int
    standby: bool
    archive_mode: str
    segment_bytes: int
    archive_timeout: float
    current_segment: str | None
    last_archived_wal: str | None
    last_archived_time: datetime | None
    failed_count: int
    last_failed_wal: str | None
    last_failed_time: datetime | None
    waiting_files: int
    waiting_since: datetime | None
    newest_done: str | None
    no_command: bool = False
    failure: str | None = None

    @property
    def timeline(self) -> int | None:
        """The timeline it writes; None on a standby."""
        return int(self.current_segment[:8], 16) if self.current_segment else None

    @property
    def archived_to(self) -> Segment | None:
        """The newest segment archived: the server archives them in order, so all before it are too."""
        names = [name for name in (self.last_archived_wal, self.newest_done) if name and SEGMENT_NAME.fullmatch(name)]
        return parse_segment(max(names), self.segment_bytes) if names else None

    @property
    def failing(self) -> bool:
        """Whether the last attempt to archive failed."""
        if self.last_failed_time is None:
            return False
        return self.last_archived_time is None or self.last_failed_time > self.last_archived_time

    @property
    def broken(self) -> str | None:
        """Why nothing is archived; None while archiving works, as far as can be told."""
        if self.standby:
            return None
        if self.archive_mode == "off":
            return "archive_mode is off"
        if self.no_command:
            return "archive_command is empty"
        if not self.failing:
            return None
        waits = f"; {_waiting(self.waiting_files)}" if self.waiting_files else ""
        since = f" for {seconds(self.lag_seconds)}" if waits and self.lag_seconds else ""
        return f"{self.failure or 'archive_command fails'} (last for {self.last_failed_wal}{waits}{since})"

    def remedy(self, cluster: str) -> str:
        """What a person does about archiving that is broken or slow."""
        if self.archive_mode == "off":
            return f"set archive_mode = on in {cluster} and restart it"
        if self.no_command:
            return f"set archive_command in {cluster}, then: SELECT pg_reload_conf()"
        fix = "fix archive_command" if self.failure else "read archive_command's errors in the server's log and fix it"
        return f"{fix}, then: printflow wal verify {cluster}"

    @property
    def lag_seconds(self) -> float | None:
        """How much would be lost if production burned down now, in seconds, at most; None if that cannot be said.

        WAL that waits is as old as its file. The segment being written holds WAL since the last one was closed, but
        never older than archive_timeout, after which the server closes it.
        """
        lag = 0.0
        if self.waiting_since is not None:
            lag = (self.asked_at - self.waiting_since).total_seconds()
        if self.last_archived_time and self._writes_beyond(self.archived_to):
            open_for = (self.asked_at - self.last_archived_time).total_seconds()
            lag = max(lag, min(open_for, self.archive_timeout) if self.archive_timeout else open_for)
        elif self.last_archived_time is None and self.waiting_since is None:
            return None
        return max(lag, 0.0)

    def as_json(self) -> dict[str, Any]:
        """What a program may want to see beside the verdict."""
        return {
            "last_archived": self.last_archived_wal,
            "last_archived_at": self.last_archived_time,
            "failing": self.failing,
            "failed_count": self.failed_count,
            "waiting_files": self.waiting_files,
        }

    def _writes_beyond(self, archived: Segment | None) -> bool:
        if self.current_segment is None or archived is None:
            return True
        return parse_segment(self.current_segment, self.segment_bytes) > archived


def ask_archiver(connection: psycopg.Connection[TupleRow]) -> Archiver:
    """Production's own view of its archiving.

    Raises:
        CouldNotTell: the role may not see it, or the server does not know it.
    """
    try:
        with connection.cursor(row_factory=class_row(Archiver)) as cursor:
            row = cursor.execute(ARCHIVER).fetchone()
    except psycopg.OperationalError:
        raise  # the connection's own business
    except psycopg.Error as refused:
        raise CouldNotTell(
            f"the archiver's statistics were refused: {' '.join(str(refused).split())}",
            "GRANT pg_monitor TO the role of the cluster's url",
        ) from None
    if row is None:
        raise CouldNotTell("the archiver's statistics are empty")
    return replace(row, failure=failure_in(log_tail(connection))) if row.failing else row


def check_lag(cluster: str, archiver: Archiver, *, max_lag_seconds: float) -> ClusterVerdict:
    """The verdict of wal.lag on one cluster."""
    if archiver.standby:
        return ClusterVerdict(Outcome.UNKNOWN, f"{cluster}: the url leads to a standby, which archives nothing")
    if broken := archiver.broken:
        return ClusterVerdict(Outcome.FAIL, f"{cluster}: archiving is failing: {broken}; {archiver.remedy(cluster)}")
    lag = archiver.lag_seconds
    if lag is None:
        return ClusterVerdict(Outcome.UNKNOWN, f"{cluster}: nothing was ever archived, and nothing waits")
    if lag > max_lag_seconds:
        waits = f" ({_waiting(archiver.waiting_files)})" if archiver.waiting_files else ""
        return ClusterVerdict(
            Outcome.FAIL,
            f"{cluster}: archived WAL is {seconds(lag)} behind{waits}, allowed are {seconds(max_lag_seconds)}; "
            f"{archiver.remedy(cluster)}",
        )
    return ClusterVerdict(Outcome.PASS, f"{cluster} {seconds(lag)} behind at most")


def _waiting(files: int) -> str:
    return f"{counted(files, 'file')} {'waits' if files == 1 else 'wait'}"
