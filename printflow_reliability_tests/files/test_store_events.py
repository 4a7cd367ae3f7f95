"""Deletions are read out of events as AWS records them; what is none is said to be unreadable."""

import json
from typing import Any

import pytest

from printflow_reliability.files.store_events import LIFECYCLE, UNNAMED, Deletion, Message, UnreadableEvent, message_in
from printflow_reliability_tests.files.recorded_events import (
    AT,
    DELETED_FOR_GOOD,
    TEST_EVENT,
    USER,
    bridged,
    notification,
    recorded,
)

KEY = "tenants/1/Größe 50% + Rand.pdf"
VERSION, BRIDGED = "096fKKXTRTtl3on89fVO.nfljtsv6qko", "1QW9g1Z99LUNbvaaYVpW9xDlOLU.qxgF"
RECORDED = "yJaUoSUGiMD9TPGOHMUXXLZTWZ8MXKsx"


def row(kind: str = "DELETE", **columns: Any) -> str:
    return json.dumps({**recorded("files", KEY, kind), **columns})


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (notification("files", KEY), Deletion("files", KEY, AT, USER, False, VERSION)),
        (notification("files", KEY, "s3:ObjectRemoved:Delete"), Deletion("files", KEY, AT, USER, True, VERSION)),
        (
            notification("files", KEY, "LifecycleExpiration:Delete", "s3.amazonaws.com"),
            Deletion("files", KEY, AT, LIFECYCLE, True, VERSION),
        ),
        (bridged("files", KEY), Deletion("files", KEY, AT, "123456789012", False, BRIDGED)),
        (
            bridged("files", KEY, "Permanently Deleted", "Lifecycle Expiration"),
            Deletion("files", KEY, AT, LIFECYCLE, True, BRIDGED),
        ),
        (row(), Deletion("files", KEY, AT, "111122223333", False, RECORDED)),
        (row(**DELETED_FOR_GOOD), Deletion("files", KEY, AT, UNNAMED, True, RECORDED)),
        (row(requester="s3.amazonaws.com"), Deletion("files", KEY, AT, LIFECYCLE, False, RECORDED)),
        (row(record_timestamp=None, at=f"{AT}"), Deletion("files", KEY, AT, "111122223333", False, RECORDED)),
    ],
)
def test_what_was_deleted_and_by_whom_is_read(event: str, expected: Deletion) -> None:
    assert message_in(event) == Message(frozenset({"files"}), (expected,))


@pytest.mark.parametrize(
    "event",
    [
        TEST_EVENT,
        notification("files", KEY, "ObjectCreated:Put"),
        bridged("files", KEY).replace("Object Deleted", "Object Created"),
        row("CREATE"),
        row("UPDATE_METADATA"),
    ],
)
def test_other_events_are_no_deletions(event: str) -> None:
    assert message_in(event).deletions == ()


@pytest.mark.parametrize(
    "event",
    [
        *("", "{", "[]", "1", "null", "{}", '{"Records": [{}]}', '{"Records": 1}'),
        *('{"eventName": "ObjectRemoved:Delete"}', row("TRUNCATE"), row(key=None), row("CREATE", bucket=None)),
    ],
)
def test_what_is_no_event_is_said_to_be_unreadable(event: str) -> None:
    with pytest.raises(UnreadableEvent):
        message_in(event)


@pytest.mark.parametrize(
    ("event", "bucket"),
    [
        (TEST_EVENT, "files"),
        (notification("files", KEY, "ObjectCreated:Put"), "files"),
        (bridged("other", KEY), "other"),
        (row("CREATE"), "files"),
    ],
)
def test_every_event_tells_which_bucket_is_heard(event: str, bucket: str) -> None:
    assert message_in(event).buckets == {bucket}
