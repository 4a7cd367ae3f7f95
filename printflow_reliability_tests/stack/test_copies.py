"""3-2-1-1-0 on the sandbox: healthy, with everything but production spoiled, and with every store away."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from printflow_reliability.backups.integrity import verify_repositories
from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
from printflow_reliability.copies.copies import DIGITS, CopiesReport, check_copies
from printflow_reliability.copies.lock_trial import try_lock
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.drills.history import list_drills
from printflow_reliability.dumps.run import take_dumps
from printflow_reliability.dumps.store import open_store
from printflow_reliability.dumps.verify import verify_dumps
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.dumped import BUCKET, forged, newest, verifying
from printflow_reliability_tests.stack.repository_objects import backups_of, flipped, tampered

pytestmark = pytest.mark.stack
CLUSTER = ["admin_db"]
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
def test_with_everything_but_production_spoiled_every_digit_rings(copied: StackSandbox) -> None:
    with ExitStack() as stack:
        for number in (1, 2):
            stack.enter_context(tampered(copied, number, "backup/admin_db/backup.info.copy", flipped))
            for backup in backups_of(copied, number, "admin_db"):
                stack.enter_context(tampered(copied, number, backup, flipped))
        stack.enter_context(forged(copied, newest(copied, "admin_db"), taken_at=datetime.now(UTC)))
        verify_repositories(copied.settings, clusters=CLUSTER)
        report = check_copies(copied.settings, clusters=CLUSTER)
    assert set(outcomes(report).values()) == {Outcome.FAIL}, report.checks
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
