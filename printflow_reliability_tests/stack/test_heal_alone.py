"""Healing where one tenant, one version or one key is in trouble: nothing is destroyed, and all others come back."""

from collections.abc import Iterator
from typing import Any

import pytest

from printflow_reliability.files import heal_write
from printflow_reliability.files.heal import heal
from printflow_reliability.files.heal_report import HealReport, HealStatus
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.shelf import SEALED, Shelf, shelf_of

pytestmark = pytest.mark.stack

OLD, NEW = b"before versioning " * 50, b"after versioning! " * 50


@pytest.fixture
def shelf(sandbox: StackSandbox, request: pytest.FixtureRequest) -> Iterator[Shelf]:
    with shelf_of(sandbox, request.function.__name__.replace("_", "-"), versioned=False) as made:
        yield made


def version(shelf: Shelf, status: Any) -> None:
    shelf.s3.put_bucket_versioning(Bucket=shelf.bucket, VersioningConfiguration={"Status": status})


def deeds(report: HealReport) -> dict[str, HealStatus]:
    return {action.key: action.deed for action in report.actions}


def versions(shelf: Shelf, key: str) -> dict[str, bytes]:
    """What each version of a key holds."""
    listed = shelf.s3.list_object_versions(Bucket=shelf.bucket, Prefix=key).get("Versions", ())
    return {
        item["VersionId"]: shelf.s3.get_object(Bucket=shelf.bucket, Key=key, VersionId=item["VersionId"])["Body"].read()
        for item in listed
    }


def test_the_version_null_of_a_suspended_bucket_is_never_overwritten(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    null, both, kept = (f"shops/1/{name}.png" for name in ("only null", "null and newer", "newer alone"))
    for key in (null, both, "shops/1/there.png"):
        shelf.stock(key, OLD)
    version(shelf, "Enabled")
    shelf.put(both, NEW)
    shelf.stock(kept, NEW)
    for key in (null, both, kept):
        shelf.delete(key)
    version(shelf, "Suspended")
    before = {key: versions(shelf, key) for key in (null, both, kept)}
    assert before[null] == {"null": OLD}
    assert len(before[both]) == 2

    planned = heal(shelf.settings)
    done = heal(shelf.settings, apply=True)
    assert deeds(planned) == {null: HealStatus.UNDECIDED, both: HealStatus.UNDECIDED, kept: HealStatus.PLANNED}
    assert deeds(done) == {null: HealStatus.UNDECIDED, both: HealStatus.UNDECIDED, kept: HealStatus.HEALED}
    for key in (null, both):
        assert versions(shelf, key) == before[key]
        (action,) = (action for action in done.actions if action.key == key)
        assert "Next: aws s3api put-bucket-versioning" in action.detail
        assert f"printflow files heal --key '{key}' --apply" in action.detail

    # Suspended between the plan and the writing: it is looked at once more.
    version(shelf, "Enabled")

    def suspended_before(*arguments: Any) -> Any:
        version(shelf, "Suspended")
        return heal_write.carry_out(*arguments)

    monkeypatch.setattr("printflow_reliability.files.heal.carry_out", suspended_before)
    assert set(deeds(heal(shelf.settings, apply=True)).values()) == {HealStatus.UNDECIDED}
    assert versions(shelf, null) == before[null]
    monkeypatch.undo()

    version(shelf, "Enabled")  # what the next step says
    assert set(deeds(heal(shelf.settings, apply=True)).values()) == {HealStatus.HEALED}
    assert OLD in versions(shelf, null).values()


def test_a_tenant_with_a_bad_base_path_ends_no_command_for_others(
    shelf: Shelf,
) -> None:
    version(shelf, "Enabled")
    good, odd = shelf.stock("shops/1/a.png", OLD), shelf.stock("odd/a.png", OLD, tenant="odd")
    for tenant, path in (("odd", "odd"), ("none", None), ("twice", "x/"), ("twice", "y/"), (None, "z/")):
        shelf.execute("INSERT INTO shelf_tenants VALUES (%s, %s)", (tenant, path))
    for key in (good, odd):
        shelf.delete(key)

    alone = heal(shelf.settings, tenants=["odd"])
    assert alone.actions == []
    assert '"odd"' in alone.unknown
    assert alone.exit_code == 2
    both = heal(shelf.settings, tenants=["1", "odd"], apply=True)
    assert deeds(both) == {good: HealStatus.HEALED}
    assert "tenant odd" in both.unknown
    every_tenant = heal(shelf.settings, apply=True)
    assert deeds(every_tenant) == {odd: HealStatus.HEALED}
    assert every_tenant.unknown == ""
    assert every_tenant.exit_code == 0


def test_what_could_not_be_judged_beside_what_is_missing_is_said(shelf: Shelf) -> None:
    version(shelf, "Enabled")
    gone = shelf.stock("shops/1/gone.png", OLD)
    shelf.delete(gone)
    shelf.put("shops/1/sealed.png", OLD, **SEALED)
    shelf.refer("shops/1/sealed.png", size=1)
    report = heal(shelf.settings, apply=True)
    assert deeds(report) == {gone: HealStatus.HEALED}
    assert "shops/1/sealed.png" in report.unknown
    assert report.exit_code == 2


def test_a_tenant_that_looks_like_a_misconfiguration_is_left_out_alone(shelf: Shelf, tmp_path: Any) -> None:
    version(shelf, "Enabled")
    for number in range(25):
        shelf.refer(f"shops/2/{number}.png", tenant="2")
    gone = shelf.stock("shops/1/gone.png", OLD)
    shelf.delete(gone)
    shelf.stock("shops/1/there.png", OLD)
    report, found = shelf.findings(tmp_path, tenants=["1", "2"])
    assert {(finding.kind, finding.tenant, finding.key) for finding in found} == {
        ("missing_restorable", "1", gone),
        ("unknown", "2", None),
    }
    assert report.checks[2].outcome == "unknown"
