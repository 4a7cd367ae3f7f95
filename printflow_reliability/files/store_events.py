"""Events as S3 tells them: notifications of its own, EventBridge's, and rows of S3 Metadata's journal table.

Of each, what was deleted and by whom. How they look, below https://docs.aws.amazon.com/AmazonS3/latest/userguide/:
notification-content-structure.html, ev-events.html, metadata-tables-schema.html.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

REMOVED = ("ObjectRemoved:", "LifecycleExpiration:")
MARKER = "DeleteMarkerCreated"
LIFECYCLE = "a lifecycle rule"
UNNAMED = "an unnamed principal"
RECORDED = ("bucket", "key", "record_type")
RECORDED_BESIDES = ("record_timestamp", "version_id", "is_delete_marker", "requester")
"""Columns of the journal table; of a version that was deleted for good S3 tells neither a marker nor a requester."""
RECORD_TYPES = ("CREATE", "UPDATE_METADATA", "DELETE")
S3_ITSELF = "s3.amazonaws.com"


class UnreadableEvent(Exception):
    """A text that is no event of S3."""


@dataclass(frozen=True)
class Deletion:
    """One deletion: `bucket` as S3 calls it, `for_good` if a version ended, not by a delete marker."""

    bucket: str
    key: str
    at: datetime
    principal: str
    for_good: bool
    version_id: str | None = None


@dataclass(frozen=True)
class Message:
    """What one message tells: the buckets that it comes from, as S3 calls them, and its deletions."""

    buckets: frozenset[str]
    deletions: tuple[Deletion, ...] = ()


def message_in(text: str) -> Message:
    """What one message tells, which may hold several events, or none.

    Raises:
        UnreadableEvent: it is neither.
    """
    try:
        document = json.loads(text)
        if "Records" in document or "eventName" in document:
            records = document.get("Records", [document])
            deletions = tuple(_notified(record) for record in records if _removes(record))
            return Message(frozenset(str(each["s3"]["bucket"]["name"]) for each in records), deletions)
        if "detail-type" in document:
            deletions = (_bridged(document),) if document["detail-type"] == "Object Deleted" else ()
            return Message(frozenset({str(document["detail"]["bucket"]["name"])}), deletions)
        if document.get("record_type") in RECORD_TYPES:
            deletions = (_recorded(document),) if document["record_type"] == "DELETE" else ()
            return Message(frozenset({_text(document, "bucket")}), deletions)
        if document.get("Event") == "s3:TestEvent":
            return Message(frozenset({str(document["Bucket"])}))
    except (ValueError, KeyError, TypeError, AttributeError) as odd:
        raise UnreadableEvent(f"it is no event of S3 ({type(odd).__name__}: {odd})") from None
    raise UnreadableEvent("it is no event of S3")


def _removes(record: Mapping[str, Any]) -> bool:
    return str(record["eventName"]).removeprefix("s3:").startswith(REMOVED)


def _notified(record: Mapping[str, Any]) -> Deletion:
    """A notification of S3: its keys are encoded as in a form."""
    name, stored = str(record["eventName"]).removeprefix("s3:"), record["s3"]["object"]
    by_rule = name.startswith("LifecycleExpiration:")
    principal = str(record.get("userIdentity", {}).get("principalId") or UNNAMED)
    return Deletion(
        str(record["s3"]["bucket"]["name"]),
        unquote_plus(stored["key"], errors="strict"),
        datetime.fromisoformat(record["eventTime"]),
        LIFECYCLE if by_rule else principal,
        not name.endswith(MARKER),
        stored.get("versionId"),
    )


def _bridged(event: Mapping[str, Any]) -> Deletion:
    """An event of EventBridge: its keys are plain."""
    detail = event["detail"]
    by_rule = "Lifecycle" in str(detail.get("reason", ""))
    return Deletion(
        str(detail["bucket"]["name"]),
        str(detail["object"]["key"]),
        datetime.fromisoformat(event["time"]),
        LIFECYCLE if by_rule else str(detail.get("requester") or UNNAMED),
        detail.get("deletion-type") != "Delete Marker Created",
        detail["object"].get("version-id"),
    )


def _recorded(record: Mapping[str, Any]) -> Deletion:
    """A row of the journal table: its keys are plain, and its times are UTC without saying so."""
    at = datetime.fromisoformat(record.get("record_timestamp") or record["at"])
    requester = str(record.get("requester") or UNNAMED)
    return Deletion(
        _text(record, "bucket"),
        _text(record, "key"),
        at if at.tzinfo else at.replace(tzinfo=UTC),
        LIFECYCLE if requester == S3_ITSELF else requester,
        str(record.get("is_delete_marker")).lower() != "true",
        record.get("version_id"),
    )


def _text(record: Mapping[str, Any], name: str) -> str:
    if not isinstance(record[name], str):
        raise TypeError(f"{name} is no text")
    return str(record[name])
