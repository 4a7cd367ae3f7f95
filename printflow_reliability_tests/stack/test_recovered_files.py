"""Files as of a recovered moment, in a real versioned bucket: what was overwritten, deleted or lost since."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.validation.files_then import Moment
from printflow_reliability.drills.validation.recovered_files import check_files
from printflow_reliability.drills.validation.rollback_proof import check_rollback
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.platform.queries import connect_to_platform
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.erased import erased
from printflow_reliability_tests.stack.references import keys_of
from printflow_reliability_tests.stack.shelf import SEALED, Shelf, shelf_of

pytestmark = pytest.mark.stack


def test_what_happened_to_objects_after_the_moment_is_told_and_planned(sandbox: StackSandbox, tmp_path: Path) -> None:
    settings = sandbox.settings
    keys = keys_of(settings, "product image")[:2]
    client = seaweedfs.client(sandbox.home, "print-files")
    before = check_files(settings, connect_to_platform, None, tmp_path)
    assert before.result.outcome is Outcome.PASS, before.result.detail
    bodies = [client.get_object(Bucket="print-files", Key=key)["Body"].read() for key in keys]
    then = client.head_object(Bucket="print-files", Key=keys[0])["VersionId"]
    time.sleep(1.1)
    moment = datetime.now(UTC)
    time.sleep(1.1)
    try:
        client.put_object(Bucket="print-files", Key=keys[0], Body=bodies[0] + b"later")
        client.delete_object(Bucket="print-files", Key=keys[1])
        found = check_files(settings, connect_to_platform, moment, tmp_path)
        back = check_rollback(settings, connect_to_platform, found, Moment(moment, exact=True))
        with erased(settings, keys[1]) as number:
            refused = check_rollback(settings, connect_to_platform, found, Moment(moment, exact=True))
    finally:
        for key, body in zip(keys, bodies, strict=True):
            client.put_object(Bucket="print-files", Key=key, Body=body)
    assert (back.outcome, back.numbers) == (Outcome.PASS, {"rollback_files": 2, "rollback_absent_files": 0})
    assert (refused.outcome, refused.numbers["rollback_files"]) == (Outcome.PASS, 1)
    assert f"1 file stays erased ({keys[1]}: it was erased on purpose (erasure {number}, " in refused.detail
    numbers = found.result.numbers
    assert found.result.outcome is Outcome.WARN, found.result.detail
    assert (numbers["restorable_files"], numbers["lost_files"], numbers["overwritten_files"]) == (1, 0, 1)
    plan = [json.loads(line) for line in found.plan_lines()]
    assert [(finding["kind"], finding["key"]) for finding in plan] == [
        ("missing_restorable", keys[1]),
        ("overwritten", keys[0]),
    ]
    assert plan[1]["version_id"] == then


def with_scratch(shelf: Shelf, name: str | None = None) -> Settings:
    """The shelf's settings with a scratch bucket, an empty one unless a name is given."""
    every, name = shelf.settings, name or f"{shelf.bucket}-scratch"
    buckets = every.bucket
    if name != shelf.bucket:
        shelf.s3.create_bucket(Bucket=name)
        buckets = (*buckets, shelf.admin.model_copy(update={"name": name, "bucket": name}))
    drills = every.drills.model_copy(update={"scratch_bucket": name})
    return every.model_copy(update={"bucket": buckets, "drills": drills})


@pytest.mark.alarm("drill.rollback", "ring")
def test_a_file_that_no_rollback_gives_is_named(sandbox: StackSandbox, tmp_path: Path) -> None:
    with shelf_of(sandbox, "rolled-back-files") as shelf:
        shelf.stock("shops/1/there.pdf")
        gone = shelf.stock("shops/1/gone-before.pdf")
        shelf.delete(gone)
        time.sleep(1.1)
        moment = Moment(datetime.now(UTC), exact=True)
        found = check_files(shelf.settings, connect_to_platform, moment.at, tmp_path)
        kept = check_rollback(shelf.settings, connect_to_platform, found, moment)
        tried = check_rollback(with_scratch(shelf), connect_to_platform, found, moment)
        listed = shelf.s3.list_object_versions(Bucket=f"{shelf.bucket}-scratch")
        shelf.s3.delete_bucket(Bucket=f"{shelf.bucket}-scratch")
        with pytest.raises(ConfigError, match="holds files that the database refers to"):
            check_rollback(with_scratch(shelf, shelf.bucket), connect_to_platform, found, moment)
        shelf.s3.put_bucket_versioning(Bucket=shelf.bucket, VersioningConfiguration={"Status": "Suspended"})
        with pytest.raises(CouldNotTell, match="is suspended"):
            check_rollback(shelf.settings, connect_to_platform, found, moment)

    assert kept.outcome is Outcome.FAIL, kept.detail
    assert "planned only: drills.scratch_bucket" in kept.detail
    assert tried.numbers["rollback_tried_files"] == 1, tried.detail
    assert not {"Versions", "DeleteMarkers"} & listed.keys()
    assert "1 file would still be missing (shops/1/gone-before.pdf: it was not there at that moment" in kept.detail


def test_a_file_that_cannot_be_judged_hides_no_loss_and_is_never_green(sandbox: StackSandbox, tmp_path: Path) -> None:
    with shelf_of(sandbox, "recovered-files") as shelf:
        shelf.stock("shops/1/there.pdf")
        shelf.put("shops/1/sealed.pdf", **SEALED)
        shelf.refer("shops/1/sealed.pdf", size=99)
        untold = check_files(shelf.settings, connect_to_platform, None, tmp_path)
        shelf.refer("shops/1/lost.pdf")
        lost = check_files(shelf.settings, connect_to_platform, None, tmp_path)
    assert untold.result.outcome is Outcome.UNKNOWN
    assert "shops/1/sealed.pdf" in untold.result.detail
    assert lost.result.outcome is Outcome.FAIL
    assert lost.result.numbers["lost_files"] == 1
