"""What a promoted clone shows: how far it came, the newest moment that is proven to be in it, and what is lost."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.drills.report import ClusterReport
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.replay import Promotion


def recovered(
    part: ClusterReport, reached: Promotion, backup: Backup, heartbeat: datetime | None, fence: Fence | None
) -> ClusterReport:
    """A cluster's part of a drill, completed.

    Args:
        part: what is known so far.
        reached: how far the clone came.
        backup: what it was made of.
        heartbeat: the newest in the clone.
        fence: the one that the clone stopped at; its state was recovered too, so its moment was.
    """
    moments = [at for at in (heartbeat, fence.taken_at if fence else None) if at is not None]
    began = backup.lsn_start
    return replace(
        part,
        reached_lsn=reached.reached_lsn,
        timeline=reached.timeline,
        replayed_bytes=parse_lsn(reached.reached_lsn) - parse_lsn(began) if began else None,
        recovered_at=max(moments, default=None),
    )


def lost_seconds(
    parts: Iterable[ClusterReport], declared: Mapping[str, datetime], unarchived_seconds: float
) -> float | None:
    """The age of the newest recovered moment when the disaster was declared; None if none is known.

    A drill's own fence sent WAL on its way; a disaster just before it would have taken along what was unarchived.
    """
    lost = [(declared[part.name] - part.recovered_at).total_seconds() for part in parts if part.recovered_at]
    return round(max(0.0, unarchived_seconds, *lost), 3) if lost else None
