"""`[journal]`: the object journal, in which the store's own events wait."""

from collections.abc import Iterable

from pydantic import Field

from printflow_reliability.settings.buckets import BucketSettings
from printflow_reliability.settings.section import Section


class JournalSettings(Section):
    """The object journal: a table into which a consumer of the platform writes the store's event notifications.

    With it, `printflow files deletions` tells within minutes which referenced files were deleted, and by whom. An event
    is kept as S3 sent it: an S3 event notification (`ObjectRemoved`, `LifecycleExpiration`), an event of EventBridge
    ("Object Deleted"), or a row of S3 Metadata's journal table (`DELETE`). Without this section a missing file is found
    by the next reconciliation.
    """

    cluster: str = Field(description="The `name` of the [[cluster]] that holds the table.")
    database: str | None = Field(
        default=None, description="Another database of the cluster than the one its `url` leads to."
    )
    query: str = Field(
        description="Query that returns `number` (a bigint that grows), `at` (timestamptz: when the event was written "
        "down) and `event` (json, jsonb or text), a row for each message; or, in place of `event`, the columns of S3 "
        "Metadata's journal table: `bucket`, `key` and `record_type`, and as far as they are there `record_timestamp`, "
        "`version_id`, `is_delete_marker` and `requester`. An index on `at` keeps it cheap."
    )
    look_back_seconds: float = Field(
        default=36 * 3600,
        gt=0,
        description="How far back deletions are looked at. Keep it above the time between two reconciliations, which "
        "find what is older.",
    )
    max_silence_seconds: float = Field(
        default=3600,
        gt=0,
        description="How old the newest event may be, of all and of each bucket that references point into. Where it "
        "is older, files.deletions is unknown. Have the consumer ask for `ObjectCreated` events too; for a bucket that "
        "nobody writes to for hours set its `journal_silence_seconds`. At most `look_back_seconds`.",
    )

    def silence_of(self, bucket: BucketSettings) -> float:
        """How old the newest event of a bucket may be, in seconds."""
        return self.max_silence_seconds if bucket.journal_silence_seconds is None else bucket.journal_silence_seconds


def require_look_back(journal: JournalSettings, buckets: Iterable[BucketSettings]) -> None:
    """Raises:
    ValueError: silence would be noticed only where no event is looked at any more.
    """
    limits = {"journal.max_silence_seconds": journal.max_silence_seconds}
    limits |= {f"bucket {bucket.name}: journal_silence_seconds": journal.silence_of(bucket) for bucket in buckets}
    for key, limit in limits.items():
        if limit > journal.look_back_seconds:
            raise ValueError(
                f"{key}: {limit:g} is more than journal.look_back_seconds ({journal.look_back_seconds:g}), beyond "
                "which no event is looked at: lower it, or raise journal.look_back_seconds"
            )
