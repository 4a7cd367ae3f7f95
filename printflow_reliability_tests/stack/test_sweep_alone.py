"""The sweep of print files where a row, a tenant or a bucket is in trouble: that is said, and all others are judged."""

from collections.abc import Iterator

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.pdf.sweep import sweep
from printflow_reliability.sandbox import pdfs
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.shelf import Shelf, shelf_of
from printflow_reliability_tests.stack.tampering import tampering

pytestmark = pytest.mark.stack

PDF, PAGE = pdfs.print_pdf(1), b"<html>503</html>"


@pytest.fixture
def shelf(sandbox: StackSandbox, request: pytest.FixtureRequest) -> Iterator[Shelf]:
    with shelf_of(sandbox, request.function.__name__.replace("_", "-")) as made:
        made.stock("shops/1/good.pdf", PDF)
        made.stock("shops/2/page.pdf", PAGE, tenant="2")
        yield made


def test_rows_into_a_bucket_that_nobody_knows_are_not_left_out_in_silence(shelf: Shelf) -> None:
    assert sweep(shelf.settings, tenants=["1"]).ok
    elsewhere = [shelf.refer(f"shops/1/{n}.pdf", bucket=name) for n, name in enumerate(("nowhere", "", "a\nb"))]
    shelf.refer("shops/1/needed no more.pdf", bucket="nowhere", soft_deleted=True)
    shelf.refer("shops/3/of another.pdf", bucket="nowhere", tenant="3")

    report = sweep(shelf.settings, tenants=["1"])
    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert {(finding.key, finding.kind) for finding in report.findings} == {(key, "unknown") for key in elsewhere}
    assert '"nowhere" is no [[bucket]]' in report.checks[0].detail
    assert (report.checked, report.counts["good"], report.counts["unknown"]) == (1, 1, 3)

    every_tenant = sweep(shelf.settings)
    assert every_tenant.checks[0].outcome is Outcome.FAIL  # what is certain comes first
    assert every_tenant.counts["unknown"] == 4
    assert every_tenant.checked == 2


def test_a_tenant_with_a_bad_base_path_is_swept_like_others(shelf: Shelf) -> None:
    shelf.execute("INSERT INTO shelf_tenants VALUES ('odd', 'odd'), ('odd', NULL)")
    shelf.stock("odd/page.pdf", PAGE, tenant="odd")
    report = sweep(shelf.settings, tenants=["odd", "1"])
    assert [(finding.tenant, finding.kind) for finding in report.findings] == [("odd", "unusable")]
    assert report.checked == 2


@pytest.mark.parametrize("status", [400, 403, 500, 503])
def test_files_that_the_store_fails_at_are_theirs_alone_and_all_files_are_the_bucket(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("printflow_reliability.storage.clients.ATTEMPTS", 1)
    failing = [shelf.stock(f"shops/1/a{number:02}.pdf", PDF) for number in range(12)]
    fails = {f"GET {key}": status for key in failing}
    with tampering(shelf.admin, fails) as shelf.endpoint:
        some = sweep(shelf.settings)
        fails |= {f"GET shops/{name}.pdf": status for name in ("1/good", "2/page")}
        every = sweep(shelf.settings, everything=True)
    assert {(finding.key, finding.kind) for finding in some.findings} == {
        *((key, "unknown") for key in failing),
        ("shops/2/page.pdf", "unusable"),
    }
    assert some.checked == 2
    assert every.checks[0].outcome is Outcome.UNKNOWN
    assert every.findings == ()
    assert f"{shelf.bucket} " in every.checks[0].detail


def test_a_bucket_that_does_not_answer_takes_no_other_buckets_answers_away(shelf: Shelf) -> None:
    away = shelf.admin.model_copy(update={"name": "away", "bucket": "there-is-no-such-bucket"})
    shelf.refer("shops/1/away.pdf", bucket="away")
    shelf.changes["bucket"] = (*shelf.settings.bucket, away)
    report = sweep(shelf.settings)
    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert "there-is-no-such-bucket" in report.checks[0].detail
    assert "1 unusable" in report.checks[0].detail
    assert [(finding.tenant, finding.kind) for finding in report.findings] == [("2", "unusable")]
