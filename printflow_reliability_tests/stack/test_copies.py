"""3-2-1-1-0 on the sandbox: healthy, with everything but production spoiled, and with every store away."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.backups.integrity import verify_repositories
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.cli import run
from printflow_reliability.copies import files, sampled_files
from printflow_reliability.copies.copies import DIGITS, CopiesReport, check_copies
from printflow_reliability.copies.files import FileCopies, file_copies, files_answer
from printflow_reliability.copies.lock_trial import try_lock
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.drills.history import list_drills
from printflow_reliability.dumps.run import take_dumps
from printflow_reliability.dumps.store import open_store
from printflow_reliability.dumps.verify import verify_dumps
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.platform.connect import connect
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.dumped import BUCKET, forged, newest, verifying
from printflow_reliability_tests.stack.repository_objects import backups_of, flipped, tampered

pytestmark = pytest.mark.stack
CLUSTER = ["admin_db"]
REPLICA = "print-files-replica"
A_FILE = "SELECT print_ready_file FROM order_items WHERE print_ready_file IS NOT NULL ORDER BY id LIMIT 1"
SLOW = (
    "SELECT NULL AS tenant, NULL AS owner, 'a' AS key FROM generate_series(1, 100) AS n WHERE pg_sleep(n) IS NOT NULL"
)
PROBE = "printflow-probe/of-a-test"


@pytest.fixture(scope="module")
def copied(backed_up: StackSandbox) -> Iterator[StackSandbox]:
    """Backups that were verified, dumps that were verified, and a drill that passed."""
    settings = backed_up.settings
    take_dumps(settings, clusters=CLUSTER)
    verify_dumps(verifying(backed_up), clusters=CLUSTER)
    verify_repositories(settings, clusters=CLUSTER)
    if not any(drill["passed"] for drill in list_drills(settings)[:1]):
        run_drill(settings)
    yield backed_up
    verify_repositories(settings, clusters=CLUSTER)  # what was spoiled is whole again


def outcomes(report: CopiesReport) -> dict[str, Outcome]:
    return {check.check.removeprefix("copies."): check.outcome for check in report.checks}


@pytest.mark.alarm("copies.copies", "silent")
@pytest.mark.alarm("copies.media", "silent")
@pytest.mark.alarm("copies.offsite", "silent")
@pytest.mark.alarm("copies.immutable", "silent")
@pytest.mark.alarm("copies.errors", "silent")
def test_a_healthy_platform_has_every_digit(copied: StackSandbox, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["--config", str(copied.config), "copies", *CLUSTER, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert [rule["ok"] for rule in document["rules"]] == [True] * len(DIGITS), document["rules"]
    assert [rule["digit"] for rule in document["rules"]] == [3, 2, 1, 1, 0]
    assert (code, document["ok"]) == (0, True)
    assert {copy["name"]: copy["locked"] for copy in document["copies"]} == {
        "the cluster itself": False,
        "repo1": False,
        "repo2": False,
        "dumps": True,
    }
    assert run(["--config", str(copied.config), "copies", *CLUSTER]) == 0
    said = capsys.readouterr().out
    assert "1 that nobody can delete: yes" in said
    assert "refused to delete a locked version" in said


@pytest.mark.alarm("copies.copies", "ring")
@pytest.mark.alarm("copies.media", "ring")
@pytest.mark.alarm("copies.offsite", "ring")
@pytest.mark.alarm("copies.immutable", "ring")
@pytest.mark.alarm("copies.errors", "ring")
def test_with_everything_but_production_spoiled_every_digit_rings(
    copied: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        for number in (1, 2):
            stack.enter_context(tampered(copied, number, "backup/admin_db/backup.info.copy", flipped))
            for backup in backups_of(copied, number, "admin_db"):
                stack.enter_context(tampered(copied, number, backup, flipped))
        stack.enter_context(forged(copied, newest(copied, "admin_db"), taken_at=datetime.now(UTC)))
        verify_repositories(copied.settings, clusters=CLUSTER)
        report = check_copies(copied.settings, clusters=CLUSTER)
        assert run(["--config", str(copied.config), "copies", *CLUSTER]) == 1
    assert set(outcomes(report).values()) == {Outcome.FAIL}, report.checks
    said = capsys.readouterr().out
    # A person reads why a copy does not count once, not once for each digit.
    assert [said.count(line) for line in ("repo1 of admin_db", "repo2 of admin_db", "dumps of admin_db")] == [1, 1, 1]
    assert [copy.name for copy in report.copies if copy.state is Outcome.PASS] == ["the cluster itself"]
    count = next(check.detail for check in report.checks if check.check == "copies.copies")
    assert "repo2 does not count" in count
    assert "is not locked" in count
    verify_repositories(copied.settings, clusters=CLUSTER)


@pytest.mark.alarm("copies.copies", "unknown")
@pytest.mark.alarm("copies.media", "unknown")
@pytest.mark.alarm("copies.offsite", "unknown")
@pytest.mark.alarm("copies.immutable", "unknown")
@pytest.mark.alarm("copies.errors", "unknown")
def test_with_every_store_away_no_digit_is_told(copied: StackSandbox) -> None:
    with copied.stopped("primary"), copied.stopped("offsite"):
        report = check_copies(copied.settings, clusters=CLUSTER)
    assert set(outcomes(report).values()) == {Outcome.UNKNOWN}, report.checks


@pytest.fixture(scope="module")
def reconciled(copied: StackSandbox) -> StackSandbox:
    """Print files that were reconciled, which the records know."""
    assert run(["--config", str(copied.config), "files", "reconcile"]) in (0, 1)
    return copied


def of_files(settings: Settings) -> tuple[FileCopies, CheckResult]:
    (found,) = file_copies(settings, (Outcome.PASS, "the store refused"), datetime.now(UTC))
    return found, files_answer((found,), settings)


@pytest.mark.alarm("copies.files", "silent")
@pytest.mark.alarm("copies.files", "ring")
def test_a_file_that_the_replica_lost_or_has_otherwise_rings(
    reconciled: StackSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampled_files, "ON_ITS_WAY", timedelta(0))  # all of the sandbox was written just now
    monkeypatch.setattr(files, "SAMPLE", 10_000)
    settings = reconciled.settings
    found, answer = of_files(settings)
    assert answer.outcome is Outcome.PASS, answer
    assert "the sandbox has two S3 servers" in answer.detail
    assert [(copy.state, copy.locked) for copy in found.copies] == [(Outcome.PASS, False)] * 2, found
    assert {digit.name for digit in found.digits if digit.outcome is Outcome.PASS} == {"offsite", "errors"}
    without = files_answer((found,), settings.model_copy(update={"acknowledged": ()}))
    assert (without.outcome, 'about = "print-files: copies"' in without.detail) == (Outcome.WARN, True)

    with connect(settings.cluster_named("live_db")) as connection:
        row = connection.execute(A_FILE).fetchone()
    key = str(row and row[0])
    replica = seaweedfs.client(reconciled.home, REPLICA)
    body = replica.get_object(Bucket=REPLICA, Key=key)["Body"].read()
    try:
        replica.put_object(Bucket=REPLICA, Key=key, Body=bytes(len(body)))
        found, otherwise = of_files(settings)
        replica.delete_object(Bucket=REPLICA, Key=key)
        lost = of_files(settings)[1]
    finally:
        replica.put_object(Bucket=REPLICA, Key=key, Body=body)
    assert (otherwise.outcome, f"{key} has another content" in otherwise.detail) == (Outcome.FAIL, True), otherwise
    assert [copy.state for copy in found.copies] == [Outcome.PASS, Outcome.FAIL]
    assert (lost.outcome, f"{key} is not there" in lost.detail) == (Outcome.FAIL, True), lost


@pytest.mark.alarm("copies.files", "unknown")
def test_with_the_replica_away_it_is_not_told_and_the_bucket_still_counts(reconciled: StackSandbox) -> None:
    with reconciled.stopped("offsite"):
        found, answer = of_files(reconciled.settings)
    assert answer.outcome is Outcome.UNKNOWN, answer
    assert [copy.state for copy in found.copies] == [Outcome.PASS, Outcome.UNKNOWN], found


def test_a_query_that_takes_too_long_leaves_its_bucket_untold_and_no_other(
    reconciled: StackSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "QUERY_SECONDS", 1)
    settings = reconciled.settings
    given = settings.reference[0].model_dump() | {
        "name": "slow",
        "bucket": "reports",
        "query": SLOW,
        "kind": "print-ready",
    }
    slow = type(settings.reference[0]).model_validate(given)
    found = file_copies(
        settings.model_copy(update={"reference": (*settings.reference, slow)}), (Outcome.PASS, ""), datetime.now(UTC)
    )
    states = {each.bucket: {copy.state for copy in each.copies} for each in found}
    assert states == {"print-files": {Outcome.PASS}, "reports": {Outcome.UNKNOWN}}, found


def test_a_lock_is_tried_on_the_same_object_until_it_ends(copied: StackSandbox) -> None:
    store = open_store(copied.settings)
    now = datetime.now(UTC)
    assert [try_lock(store, PROBE, now)[0] for _ in range(2)] == [Outcome.PASS] * 2
    listed = seaweedfs.client(copied.home, BUCKET).list_object_versions(Bucket=BUCKET, Prefix=PROBE)
    assert len(listed["Versions"]) == 1
    assert listed.get("DeleteMarkers", []) == []


def test_a_key_that_may_not_delete_at_all_proves_no_lock(copied: StackSandbox) -> None:
    own = open_store(copied.settings)
    reader = seaweedfs.bucket(copied.home, BUCKET, "drill")
    outcome, said = try_lock(
        LockedStore(reader, seaweedfs.client(copied.home, BUCKET, "drill")), PROBE, datetime.now(UTC)
    )
    assert (outcome, "proves nothing" in said) == (Outcome.UNKNOWN, True)
    assert own.bucket.bucket == BUCKET


def test_a_lock_that_gives_way_is_told(copied: StackSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(copied.settings)
    plain = seaweedfs.client(copied.home, BUCKET).put_object(Bucket=BUCKET, Key=f"{PROBE}-plain", Body=b"x")[
        "VersionId"
    ]
    monkeypatch.setattr("printflow_reliability.copies.lock_trial._canary", lambda *_: plain)
    outcome, said = try_lock(store, f"{PROBE}-plain", datetime.now(UTC))
    assert (outcome, "could be deleted" in said) == (Outcome.FAIL, True)
