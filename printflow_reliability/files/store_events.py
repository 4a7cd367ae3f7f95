"""Events as S3 sends them: notifications of S3 itself, and EventBridge's; of both, what was deleted and by whom.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html say how they look.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

REMOVED = ("ObjectRemoved:", "LifecycleExpiration:")
MARKER = "DeleteMarkerCreated"
LIFECYCLE = "a lifecycle rule"
UNNAMED = "an unnamed principal"


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
