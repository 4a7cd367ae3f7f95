"""What comes back on a real store carries what it carried: tags, metadata, its lock; also what is written in parts."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.files import parts
from printflow_reliability.files.carried import Lock
from printflow_reliability.files.heal import heal
from printflow_reliability.files.heal_report import HealStatus
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.shelf import Shelf, shelf_of

pytestmark = pytest.mark.stack

UNTIL = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)


@pytest.fixture
def shelf(sandbox: StackSandbox) -> Iterator[Shelf]:
    with shelf_of(sandbox, "heal-carried") as made:
        made.s3.put_object_lock_configuration(
            Bucket=made.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
        )
        try:
            yield made
        finally:
            for version in made.s3.list_object_versions(Bucket=made.bucket).get("Versions", ()):
                place = {"Bucket": made.bucket, "Key": version["Key"], "VersionId": version["VersionId"]}
                made.s3.put_object_legal_hold(**place, LegalHold={"Status": "OFF"})  # type: ignore[arg-type]
                made.s3.delete_object(**place, BypassGovernanceRetention=True)  # type: ignore[arg-type]


def test_tags_metadata_and_a_lock_come_back_at_once_and_in_parts(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = b"a picture " * 50, os.urandom(5 * 1024**2 + 7)
    monkeypatch.setattr(parts, "LARGEST_AT_ONCE", 5 * 1024**2)
    monkeypatch.setattr(parts, "COPIED_PART", 5 * 1024**2)
    shelf.stock("shops/1/there.png")
    bodies = {"shops/1/small.png": small, "shops/1/large.png": large}
    for key, body in bodies.items():
        shelf.put(
            key,
            body,
            ContentType="image/png",
            Metadata={"proof": "7", "name": "=?UTF-8?B?w4RtaWw=?="},
            Tagging="kept=yes",
            ObjectLockMode="GOVERNANCE",
            ObjectLockRetainUntilDate=UNTIL,
            ObjectLockLegalHoldStatus="ON",
        )
        shelf.refer(key, size=len(body))
        shelf.delete(key)
    report = heal(shelf.settings, apply=True)

    assert {action.key: action.deed for action in report.actions} == dict.fromkeys(bodies, HealStatus.HEALED), report
    for key, body in bodies.items():
        there = shelf.s3.get_object(Bucket=shelf.bucket, Key=key)
        tags = shelf.s3.get_object_tagging(Bucket=shelf.bucket, Key=key)["TagSet"]
        assert there["Body"].read() == body
        assert (there["ContentType"], there["Metadata"]["proof"]) == ("image/png", "7")
        assert there["Metadata"]["name"] == "=?UTF-8?B?w4RtaWw=?="
        assert tags == [{"Key": "kept", "Value": "yes"}]
        assert Lock.of(there) == Lock("GOVERNANCE", UNTIL, legal_hold=True)
    assert not shelf.s3.list_multipart_uploads(Bucket=shelf.bucket).get("Uploads")
