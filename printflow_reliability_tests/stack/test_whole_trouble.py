"""Where all tenants are odd, or a whole bucket looks misconfigured: that is said of each, and the rest is judged."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.heal import heal
from printflow_reliability.files.heal_report import HealStatus
from printflow_reliability.files.report import ReconcileReport
from printflow_reliability.pdf.sweep import sweep
from printflow_reliability.platform.tenancy import tenants
from printflow_reliability.sandbox import pdfs
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.shelf import TENANTS, Shelf, shelf_of

pytestmark = pytest.mark.stack

PDF = pdfs.print_pdf(1)
OTHER = "beside"
"""The name of another bucket that references point into."""


@pytest.fixture
def shelf(sandbox: StackSandbox) -> Iterator[Shelf]:
    """A file that is there, one that can be brought back, one that is lost and an orphan."""
    with shelf_of(sandbox, "whole-trouble") as shelf:
        shelf.stock("shops/1/there.pdf", PDF)
        shelf.delete(shelf.stock("shops/2/deleted.pdf", PDF, tenant="2"))
        shelf.refer("shops/3/lost.pdf", tenant="3")
        shelf.put("shops/1/orphan.pdf")
        yield shelf


KNOWN = {
    ("missing_restorable", "2", "shops/2/deleted.pdf"),
    ("missing_lost", "3", "shops/3/lost.pdf"),
    ("orphan", "1", "shops/1/orphan.pdf"),
}


def told(shelf: Shelf, directory: Path) -> tuple[ReconcileReport, set[tuple[str, str | None, str | None]]]:
    report, found = shelf.findings(directory)
    return report, {(finding.kind, finding.tenant, finding.key) for finding in found}


def test_where_no_tenant_has_a_usable_base_path_each_is_named_and_its_files_are_looked_up(
    shelf: Shelf, tmp_path: Path
) -> None:
    report, found = told(shelf, tmp_path)
    assert found == KNOWN
    assert {check.check: check.outcome for check in report.checks}["files.tenancy"] is Outcome.PASS

    shelf.execute("UPDATE shelf_tenants SET base_path = rtrim(base_path, '/')")
    report, found = told(shelf, tmp_path)
    nobodys = {(kind, None if kind == "orphan" else tenant, key) for kind, tenant, key in KNOWN}
    assert found == nobodys | {("unknown", tenant, None) for tenant in TENANTS}
    tenancy = next(check for check in report.checks if check.check == "files.tenancy")
    assert (tenancy.outcome, "keeps nobody apart" in tenancy.detail) == (Outcome.UNKNOWN, True)
    swept = sweep(shelf.settings)
    assert (swept.checked, swept.missing, swept.ok) == (1, 2, True)
    with pytest.raises(CouldNotTell, match=r"tenant 1 has the base path .*, and 2 other tenants"):
        tenants(shelf.settings)  # what is nothing without them, such as the guard, could not tell
    healed = heal(shelf.settings, tenants=["2"], apply=True)
    assert not healed.actions
    assert "tenant 2 has the base path" in healed.unknown


def test_a_bucket_that_looks_misconfigured_is_named_and_all_others_are_compared(shelf: Shelf, tmp_path: Path) -> None:
    name = f"{shelf.bucket[:50]}-b"
    other = shelf.admin.model_copy(update={"name": OTHER, "bucket": name})
    shelf.s3.create_bucket(Bucket=name)
    shelf.changes["bucket"] = (*shelf.settings.bucket, other)
    keys = [shelf.refer(f"shops/1/{number}.pdf", bucket=OTHER) for number in range(3)]
    try:
        report, found = told(shelf, tmp_path)
        assert found == {*KNOWN, ("unknown", None, None)}
        (left_out,) = (finding for finding in report.worst if finding.kind == "unknown")
        assert left_out.bucket == OTHER
        assert "is empty although 3 references point into it" in left_out.detail
        assert report.pass_id is not None
        healed = heal(shelf.settings, apply=True)
        assert {action.key: action.deed for action in healed.actions if action.deed is HealStatus.HEALED} == {
            "shops/2/deleted.pdf": HealStatus.HEALED
        }

        for key in keys:
            shelf.s3.put_object(Bucket=name, Key=key, Body=PDF)
        report, found = told(shelf, tmp_path)
        assert found == {(kind, tenant, key) for kind, tenant, key in KNOWN if kind != "missing_restorable"}
    finally:
        for key in keys:
            shelf.s3.delete_object(Bucket=name, Key=key)
        shelf.s3.delete_bucket(Bucket=name)
