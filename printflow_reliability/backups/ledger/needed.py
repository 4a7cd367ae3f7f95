"""Which archived segments must still be there: those that a backup of the repository leads on to."""

from collections.abc import Sequence

from printflow_reliability.backups.acknowledgements import Acknowledgement
from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.ledger.plan import segment_name


def is_needed(
    name: str, backups: Sequence[Backup], accepted: Sequence[Acknowledgement], wal_days: float | None
) -> bool:
    """Whether a segment that is no longer listed should be.

    Args:
        name: of its stored file, such as "15-1/0000000100000000/000000010000000000000006-55d8...zst".
        backups: those of the repository.
        accepted: gaps that a person acknowledged.
        wal_days: where older backups keep the WAL that makes them consistent, and no more.
    """
    segment = segment_name(name)
    spans = [
        (backup.wal_start, backup.wal_stop or backup.wal_start)
        for backup in backups
        if backup.archive_id == name.partition("/")[0] and backup.wal_start
    ]
    if not spans or any(gap.first <= segment <= gap.last for gap in accepted):
        return False
    # pgBackRest compares whole names too: WAL of an older timeline goes when the oldest backup is of a newer one.
    starts = [first for first, _ in spans]
    lasting = max(starts) if wal_days is not None else min(starts)
    return segment >= lasting or any(first <= segment <= last for first, last in spans)
