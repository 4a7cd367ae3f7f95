"""`[journal]`: the object journal, in which the store's own events wait."""

from pydantic import Field

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
        description="How old the newest event may be. Where it is older the journal stands still, and files.deletions "
        "is unknown. Raise it for a bucket that nobody writes to for hours, and have the consumer ask for "
        "`ObjectCreated` events too.",
    )
