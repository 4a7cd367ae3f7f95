"""Which version of a missing object comes back, in a real versioned bucket: the one that the database means."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from printflow_reliability.files import kinds
from printflow_reliability.files.heal import heal
from printflow_reliability.files.heal_plan import Chosen
from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.sandbox import pdfs, postgres, seaweedfs
from printflow_reliability.settings import Settings
from printflow_reliability.storage.clients import s3_client
from printflow_reliability_tests.stack.conftest import StackSandbox

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.stack

BUCKET = "heal-choice"
SCHEMA = """
DROP TABLE IF EXISTS heal_choice;
CREATE TABLE heal_choice (tenant text, owner text, key text, size bigint, sha256 bytea, md5 text, etag text)
"""
INSERT = """
INSERT INTO heal_choice VALUES (%(tenant)s, 'a row', %(key)s, %(size)s, decode(%(sha256)s, 'hex'), %(md5)s, %(etag)s)
"""
TENANTS = "SELECT * FROM (VALUES ('1', 'shops/1/'), ('2', 'shops/2/')) AS known (tenant, base_path)"
GOOD, WRONG = b"a picture, whole " * 300, b"<html>an error page</html>"
LONGER = b"somebody else's picture " * 300
WHOLE_PDF = pdfs.print_pdf(1)


@dataclass
class Platform:
    """A bucket that was versioned only after its first uploads, and rows that name its objects."""

    sandbox: StackSandbox

    @cached_property
    def s3(self) -> "S3Client":
        """A client that may do everything."""
        return s3_client(self.settings.bucket_named(BUCKET))

    @cached_property
    def settings(self) -> Settings:
        """The sandbox's, with this bucket and catalog alone."""
        base = self.sandbox.settings
        admin = seaweedfs.bucket(self.sandbox.home, "print-files", "admin")
        bucket = admin.model_copy(
            update={
                "name": BUCKET,
                "bucket": BUCKET,
                "replica": None,
                "heal_access_key_id": admin.access_key_id,
                "heal_secret_access_key": admin.secret_access_key,
            }
        )
        reference = base.reference[0].model_copy(
            update={"name": "choice", "cluster": "live_db", "bucket": BUCKET, "query": "SELECT * FROM heal_choice"}
        )
        tenancy = base.tenancy.model_copy(update={"cluster": "live_db", "tenants": TENANTS})
        return base.model_copy(update={"bucket": (*base.bucket, bucket), "reference": (reference,), "tenancy": tenancy})

    def refer(self, key: str, tenant: str | None = "1", **known: Any) -> str:
        """A row that names a key, and what it knows of the content."""
        row = dict.fromkeys(("size", "sha256", "md5", "etag")) | known | {"tenant": tenant, "key": key}
        with postgres.superuser(self.sandbox.home, "live_db", "live_db") as connection:
            connection.execute(INSERT, row)
        return key

    def written(self, key: str, *bodies: bytes) -> None:
        """Versions of a key, the last of them deleted."""
        for body in bodies:
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        self.s3.delete_object(Bucket=BUCKET, Key=key)

    def uploaded_in_parts(self, key: str, body: bytes) -> str:
        """A multipart upload; its ETag, which is no MD5."""
        upload = self.s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        part = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
        etag = self.s3.upload_part(**part, PartNumber=1, Body=body)["ETag"]  # type: ignore[arg-type]
        parts: Any = {"Parts": [{"ETag": etag, "PartNumber": 1}]}
        done = self.s3.complete_multipart_upload(**part, MultipartUpload=parts)  # type: ignore[arg-type]
        assert "-" in done["ETag"]
        return done["ETag"]

    def body(self, key: str) -> bytes:
        """What an object holds now."""
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


@pytest.fixture(scope="module")
def platform(sandbox: StackSandbox) -> Iterator[Platform]:
    made = Platform(sandbox)
    made.s3.create_bucket(Bucket=BUCKET)
    with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
        connection.execute(SCHEMA)
    made.s3.put_object(Bucket=BUCKET, Key="shops/1/old/null.png", Body=GOOD)
    made.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    try:
        yield made
    finally:
        with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
            connection.execute("DROP TABLE heal_choice")


def plant(platform: Platform) -> Mapping[str, bytes]:
    """Keys that only one version of should come back, each for a reason of its own; that version."""
    s3, expected = platform.s3, {}

    def missing(key: str, good: bytes, *versions: bytes, tenant: str | None = "1", **known: Any) -> None:
        platform.written(key, *versions)
        expected[platform.refer(key, tenant, **known)] = good

    s3.delete_object(Bucket=BUCKET, Key=platform.refer("shops/1/old/null.png"))
    expected["shops/1/old/null.png"] = GOOD
    missing("shops/1/a/empty newest.png", GOOD, GOOD, b"")
    missing("shared/outside of base paths.png", GOOD, GOOD, tenant=None)
    missing("shops/1/a/newest of two alike.png", GOOD[:-1], GOOD, GOOD[:-1])
    missing("shops/1/b/md5.png", GOOD, GOOD, LONGER, md5=hashlib.md5(GOOD, usedforsecurity=False).hexdigest().upper())
    missing("shops/1/b/sha256.png", GOOD, GOOD, GOOD[::-1], size=len(GOOD), sha256=hashlib.sha256(GOOD).hexdigest())
    missing("shops/1/b/a file.pdf", WHOLE_PDF, WHOLE_PDF, WHOLE_PDF[: len(WHOLE_PDF) // 2], LONGER)
    etag = platform.uploaded_in_parts("shops/1/c/etag.png", GOOD)
    missing("shops/1/c/etag.png", GOOD, LONGER, etag=etag)
    platform.uploaded_in_parts("shops/1/c/md5 in parts.png", GOOD)
    md5 = hashlib.md5(GOOD, usedforsecurity=False).hexdigest()
    missing("shops/1/c/md5 in parts.png", GOOD, LONGER, md5=md5)
    for n in range(3):
        s3.put_object(Bucket=BUCKET, Key=platform.refer(f"shops/1/d/neighbour {n}.png"), Body=GOOD)
    missing("shops/1/d/like its neighbours.png", GOOD, GOOD, WRONG)
    missing("shops/1/e/a stranger lies.png", GOOD, GOOD)
    platform.refer("shops/1/e/a stranger lies.png", tenant="2", size=7)
    return expected


def test_the_version_that_the_database_means_comes_back_and_a_person_is_asked_where_nothing_tells(
    platform: Platform,
) -> None:
    expected = plant(platform)
    asked = platform.refer("shops/1/f/nothing tells.png")
    platform.written(asked, GOOD, WRONG)
    refuted = platform.refer("shops/1/g/it's none.png", size=999)
    platform.written(refuted, GOOD)
    unusable = platform.refer("shops/1/g/cut off.pdf")
    platform.written(unusable, WHOLE_PDF[: len(WHOLE_PDF) // 2])
    empty = platform.refer("shops/1/g/only empty.png")
    platform.written(empty, b"")

    found = {
        finding.key: finding.kind for finding in reconcile(platform.settings).worst if finding.kind in kinds.MISSING
    }
    planned = by_key(heal(platform.settings).actions)
    assert found == dict.fromkeys((*expected, asked, refuted, unusable), kinds.MISSING_RESTORABLE) | {
        empty: kinds.MISSING_LOST
    }
    assert {key for key, action in planned.items() if action.deed is HealStatus.PLANNED} == set(expected)

    done = by_key(heal(platform.settings, apply=True).actions)
    assert {key: action.deed for key, action in done.items()} == (
        dict.fromkeys(expected, HealStatus.HEALED)
        | dict.fromkeys((asked, refuted, unusable), HealStatus.UNDECIDED)
        | {empty: HealStatus.UNHEALABLE}
    )
    assert {key: platform.body(key) for key in expected} == dict(expected)
    assert "the only version that is left is unusable (it is cut off)" in done[unusable].detail
    assert "999 bytes" in done[refuted].detail

    older = max(done[asked].options, key=lambda option: option.size)
    nothing = heal(platform.settings, chosen=Chosen(asked, "no such version"), apply=True)
    assert [action.deed for action in nothing.actions] == [HealStatus.UNDECIDED]
    chosen = heal(platform.settings, chosen=Chosen(asked, older.version_id, older.source), apply=True)
    assert [(action.deed, action.key) for action in chosen.actions] == [(HealStatus.HEALED, asked)]
    assert platform.body(asked) == GOOD


def by_key(actions: Any) -> Mapping[str, HealAction]:
    found = {action.key: action for action in actions}
    assert len(found) == len(actions)
    return found
