"""A file that is replaced while it is looked at: what is recorded is what was inspected, or nothing is."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.orders.acceptance.offered_file import FileLook
from printflow_reliability.pdf import verify
from printflow_reliability.pdf.inspection import Inspection, Verdict
from printflow_reliability.pdf.ledger import MemoryLedger
from printflow_reliability.pdf.verify import Pace, PdfVerification, PdfVerifier
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.tenancy import BasePaths, Tenant
from printflow_reliability.settings import BucketSettings, PdfSettings
from printflow_reliability.storage.lookup import look_up
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability_tests.minimal_settings import minimal_settings

KEY = "tenant/a.pdf"
GOOD = Inspection(Verdict.GOOD, 1, (), "0" * 64)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="files")
        yield client


@pytest.mark.parametrize("versioned", [False, True])
def test_a_file_that_is_replaced_before_it_is_read_is_not_judged_by_the_other_bytes(
    s3: Any, monkeypatch: pytest.MonkeyPatch, versioned: bool
) -> None:
    if versioned:
        s3.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="files", Key=KEY, Body=b"<html>the first</html>")

    def then_replaced(*given: Any, **options: Any) -> Any:
        found = look_up(*given, **options)
        s3.put_object(Bucket="files", Key=KEY, Body=b"<html>another</html>")
        return found

    monkeypatch.setattr(verify, "look_up", then_replaced)
    bucket = BucketSettings(name="files", bucket="files", region="us-east-1")
    with InspectionWorker(PdfSettings()) as worker:
        (judged,) = PdfVerifier(bucket, MemoryLedger(), worker).verify([KEY])

    if versioned:  # the version that was seen is still there
        assert judged.inspection is not None
        assert judged.fetched
    else:
        assert (judged.inspection, judged.fetched) == (None, False)


class Replaced:
    """A file that is new at each of the first looks."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.looks = 0

    def verify_within(self, keys: list[str], *_: object) -> Iterator[PdfVerification]:
        self.looks += 1
        head = ObjectHead(f"v{self.looks}", f"etag {min(self.looks, self.times)}", 1, datetime.now(UTC))
        yield PdfVerification(keys[0], head, GOOD, fetched=self.looks <= self.times)


def looking_at(file: object) -> FileLook:
    look = FileLook.__new__(FileLook)
    look._verifier, look._pace = file, Pace()  # type: ignore[assignment]
    return look


def test_a_file_counts_once_a_look_finds_what_was_inspected() -> None:
    judged = looking_at(Replaced(2))._judged(KEY)
    assert (judged.fetched, judged.inspection) == (False, GOOD)


@pytest.mark.parametrize(
    ("order", "version", "command"),
    [
        ("7", "3", "printflow pdf accept 7 3 s3://print-files/tenant/a.pdf"),
        ("-7", "3", "printflow pdf accept -- -7 3 s3://print-files/tenant/a.pdf"),
        ("7 b", "-3", "printflow pdf accept -- '7 b' -3 s3://print-files/tenant/a.pdf"),
    ],
)
def test_a_file_that_is_too_large_for_the_time_has_a_command_that_takes_it(
    order: str, version: str, command: str
) -> None:
    class Late:
        def verify_within(self, keys: list[str], *_: object) -> Iterator[PdfVerification]:
            yield PdfVerification(keys[0], ObjectHead("v1", "etag", 1, datetime.now(UTC)))

    look = looking_at(Late())
    look._settings, look._version = minimal_settings(), version
    look.__dict__["_paths"] = BasePaths([Tenant("t", "tenant/")])
    with pytest.raises(CouldNotTell) as late:
        look.now(order, "t", KEY)
    assert late.value.next_step.endswith(f": {command}")


def test_a_file_that_is_replaced_again_and_again_could_not_be_told() -> None:
    with pytest.raises(CouldNotTell, match="again and again"):
        looking_at(Replaced(100))._judged(KEY)
