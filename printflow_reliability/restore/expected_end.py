"""How far a replay to the end of WAL must come at least: known beforehand, since PostgreSQL promotes at the first gap.

Where within its newest segment the WAL ends is not known. A clone that lacks just this segment ends exactly where it
begins; one that has it comes further.
"""

import re

from printflow_reliability.backups.archive import STORED_SEGMENT
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.segment import parse_lsn, parse_segment
from printflow_reliability.backups.timeline import parse_history
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import connect
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.plan import Point
from printflow_reliability.settings import ClusterSettings

HISTORY = re.compile(r"/[0-9A-F]{8}\.history$")


def archived_by_production(cluster: ClusterSettings, fence: Fence, segment_bytes: int) -> int:
    """The LSN (bytes) that replay must reach: all that production had archived when the disaster was declared.

    Raises:
        CouldNotTell: the cluster is unreachable.
    """
    with connect(cluster) as connection:
        row = connection.execute("SELECT last_archived_wal FROM pg_stat_archiver").fetchone()
    archived = row[0] if row and row[0] else ""
    newest = parse_segment(fence.segment, segment_bytes)
    if len(archived) == 24:
        newest = max(newest, parse_segment(archived, segment_bytes))
    return max(parse_lsn(fence.end_lsn), newest.number * segment_bytes + 1)


def archived_in_repository(pgbackrest: PgBackRest, repository: int, point: Point, segment_bytes: int) -> int:
    """The same of a production that cannot be asked: the newest segment that the repository holds.

    It is the newest of production's timeline where that is known, else of the newest timeline, which replay follows.

    Args:
        pgbackrest: the stanza's.
        repository: the repository's number.
        point: who the cluster was, as far as that is known, and the backup that was restored.
        segment_bytes: the size of a segment, as the control file that was restored says.

    Raises:
        CouldNotTell: the repository cannot be listed, or holds no segment of that timeline.
    """
    # Only where the backup's own WAL lies: a former cluster's segments have names of their own counting.
    folder = f"archive/{pgbackrest.cluster.stanza}"
    within, timeline = f"{point.backup.archive_id}/" if point.backup.archive_id else "", point.production.timeline
    files = [file.name for file in pgbackrest.repo_ls(folder, repository) if file.name.startswith(within)]
    segments = [segment for file in files if (segment := STORED_SEGMENT.fullmatch(file.partition("/")[2]))]
    names = [segment["name"] for segment in segments if timeline in (0, int(segment["timeline"], 16))]
    if not names:
        where = f" on timeline {timeline}" if timeline else ""
        raise CouldNotTell(
            f"repo{repository} holds no WAL of {pgbackrest.cluster.name}{where}",
            f"printflow wal verify {pgbackrest.cluster.name}",
        )
    newest = max(names)
    histories = sorted(file for file in files if HISTORY.search(file) and file.rpartition("/")[2][:8] > newest[:8])
    if histories and not timeline:
        # Promoted, and nothing archived since: replay ends where that timeline begins, whatever else lies there.
        return parse_history(pgbackrest.repo_get(f"{folder}/{histories[-1]}", repository))[-1].lsn
    return parse_segment(newest, segment_bytes).number * segment_bytes + 1
