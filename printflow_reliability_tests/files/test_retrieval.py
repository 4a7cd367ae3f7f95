"""Archived versions: restorable after a retrieval, which is asked for once; recorded answers of AWS, and moto."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from printflow_reliability.files import retrieval
from printflow_reliability.files.choose import Chooser
from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.files.kept_copies import Expected
from printflow_reliability.files.new_objects import writer
from printflow_reliability.files.presence import Presence
from printflow_reliability.storage.objects import head_in_existing
from printflow_reliability_tests.files.healing import BUCKET, KEY, REPLICA, deleted, settings_with, two_buckets

WORKER: Any = None
ACTION = HealAction(HealStatus.RETRIEVE, "files", KEY, "1", "order 7", "", source="files", version_id="v1", size=9)
HEAD: dict[str, Any] = {"ETag": '"e"', "ContentLength": 9, "LastModified": datetime(2026, 1, 1, tzinfo=UTC)}
UNDER_WAY, READY = 'ongoing-request="true"', 'ongoing-request="false", expiry-date="Fri, 21 Dec 2029 00:00:00 GMT"'


def recorded(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    """Recorded answers of AWS for whoever asks for a retrieval."""
    client = writer(BUCKET)
    monkeypatch.setattr(retrieval, "writer", lambda _bucket: client)
    return Stubber(client)


@pytest.mark.parametrize(
    ("answer", "archived", "retrieving", "until"),
    [
        ({"StorageClass": "GLACIER"}, "GLACIER", False, None),
        ({"StorageClass": "DEEP_ARCHIVE", "Restore": UNDER_WAY}, "DEEP_ARCHIVE", True, None),
        ({"StorageClass": "GLACIER", "Restore": READY}, "", False, datetime(2029, 12, 21, tzinfo=UTC)),
        ({"StorageClass": "GLACIER_IR"}, "", False, None),
        (
            {"StorageClass": "INTELLIGENT_TIERING", "ArchiveStatus": "DEEP_ARCHIVE_ACCESS"},
            "DEEP_ARCHIVE_ACCESS",
            False,
            None,
        ),
        ({"StorageClass": "INTELLIGENT_TIERING"}, "", False, None),
    ],
)
def test_what_aws_says_of_an_archived_version(
    answer: dict[str, Any], archived: str, retrieving: bool, until: datetime | None
) -> None:
    client = writer(BUCKET)
    with Stubber(client) as aws:
        aws.add_response("head_object", HEAD | answer)
        there = head_in_existing(client, "print-files", KEY, "v1")
    assert there is not None
    assert (there.archived, there.retrieving, there.readable_until) == (archived, retrieving, until)


@pytest.mark.parametrize(
    ("archive", "tier", "request_", "says"),
    [
        ("GLACIER", "Bulk", {"Days": 7, "GlacierJobParameters": {"Tier": "Bulk"}}, "Bulk: 5 to 12 hours"),
        ("DEEP_ARCHIVE", "Expedited", {"Days": 7, "GlacierJobParameters": {"Tier": "Standard"}}, "up to 12 hours"),
        ("ARCHIVE_ACCESS", "Expedited", {"GlacierJobParameters": {"Tier": "Expedited"}}, "1 to 5 minutes"),
    ],
)
def test_a_retrieval_is_asked_for_as_the_archive_wants_it(
    archive: str, tier: str, request_: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"Bucket": "print-files", "Key": KEY, "VersionId": "v1"}
    with recorded(monkeypatch) as aws:
        aws.add_response("restore_object", {}, place | {"RestoreRequest": request_})
        asked = retrieval.ask(settings_with(retrieval_tier=tier), replace(ACTION, archive=archive))
        aws.assert_no_pending_responses()
    assert asked.deed is HealStatus.RETRIEVING
    assert says in asked.detail


@pytest.mark.parametrize(
    ("code", "deed"),
    [("RestoreAlreadyInProgress", HealStatus.RETRIEVING), ("AccessDenied", HealStatus.FAILED)],
)
def test_a_retrieval_that_somebody_began_is_under_way_and_one_that_is_refused_is_named(
    code: str, deed: HealStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recorded(monkeypatch) as aws:
        aws.add_client_error("restore_object", code, http_status_code=409)
        asked = retrieval.ask(settings_with(), replace(ACTION, archive="GLACIER"))
    assert asked.deed is deed
    assert (code in asked.detail) is (deed is HealStatus.FAILED)


def chosen(expected: Sequence[Expected], *, with_replica: bool = False, body: bytes = b"archived") -> Any:
    """What is chosen for an object whose only version in the bucket lies in GLACIER."""
    with two_buckets() as client:
        deleted(client, body, StorageClass="GLACIER")
        if with_replica:
            writer(REPLICA).put_object(Bucket=REPLICA.bucket, Key=KEY, Body=body)
        chooser = Chooser(Presence(BUCKET), Presence(REPLICA) if with_replica else None, WORKER)
        return chooser.choose(KEY, chooser.copies(KEY), expected)


@pytest.mark.parametrize("expected", [[Expected(size=8)], [Expected(sha256="0" * 64)], []])
def test_an_archived_version_is_to_be_retrieved_whatever_is_known_of_it(expected: Sequence[Expected]) -> None:
    choice = chosen(expected)
    assert choice.copy is None
    assert choice.there.archived == "GLACIER"
    assert "lies in GLACIER and must be retrieved first" in choice.reason
    planned = retrieval.planned(settings_with(), ACTION, choice.there.archived, retrieving=False)
    assert (planned.deed, planned.archive) == (HealStatus.RETRIEVE, "GLACIER")
    assert "restorable after a retrieval from GLACIER, 3 to 5 hours (Standard)" in planned.detail
    under_way = retrieval.planned(settings_with(), ACTION, "GLACIER", retrieving=True)
    assert (under_way.deed, under_way.archive) == (HealStatus.RETRIEVING, "")


def test_the_same_bytes_elsewhere_are_not_waited_for() -> None:
    md5 = hashlib.md5(b"archived", usedforsecurity=False).hexdigest()
    choice = chosen([Expected(md5=md5)], with_replica=True)
    assert choice.copy.bucket.name == "replica"
    assert choice.retrieve is None
