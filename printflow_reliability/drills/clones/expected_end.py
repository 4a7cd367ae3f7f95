"""How far a replay to the end of WAL must come at least: known beforehand, since PostgreSQL promotes at the first gap.

Where within its newest segment the WAL ends is not known. A clone that lacks just this segment ends exactly where it
begins; one that has it comes further.
"""

from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.segment import parse_lsn, parse_segment
from printflow_reliability.drills.fences.fence import Fence
from printflow_reliability.drills.isolation import SEGMENT
from printflow_reliability.drills.plan import Point
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import connect
from printflow_reliability.settings import ClusterSettings


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


def archived_in_repository(pgbackrest: PgBackRest, repository: int, point: Point) -> int:
    """The same of a production that cannot be asked: the newest segment of its timeline that the repository holds.

    Raises:
        CouldNotTell: the repository cannot be listed, or holds no segment of that timeline.
    """
    # Only where the backup's own WAL lies: a former cluster's segments have names of their own counting.
    folder = f"archive/{pgbackrest.cluster.stanza}"
    archive = f"{point.backup.archive_id}/" if point.backup.archive_id else ""
    timeline, segment_bytes = point.production.timeline, point.production.segment_bytes
    names = [
        file.name.rpartition("/")[2][:24]
        for file in pgbackrest.repo_ls(folder, repository)
        if file.name.startswith(archive)
        and (segment := SEGMENT.fullmatch(file.name))
        and int(segment[2], 16) == timeline
    ]
    if not names:
        raise CouldNotTell(
            f"repo{repository} holds no WAL of {pgbackrest.cluster.name} on timeline {timeline}",
            f"printflow wal verify {pgbackrest.cluster.name}",
        )
    return parse_segment(max(names), segment_bytes).number * segment_bytes + 1
