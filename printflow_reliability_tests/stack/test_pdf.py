"""Print-file integrity on the real bucket: good files are good, a spoiled one is named, nothing is read twice."""

import json
import time
from collections import Counter
from collections.abc import Callable

import pikepdf
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session

from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
from printflow_reliability.pdf.sweep import SweepReport, sweep
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability.sandbox.faults import planted
from printflow_reliability_tests.pdf.files import changed
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

Record = Callable[[str, object], None]


def named(report: SweepReport, key: str) -> list[tuple[str, str | None, str]]:
    return [(finding.kind, finding.tenant, finding.detail) for finding in report.findings if finding.key == key]


@pytest.mark.alarm("pdf.integrity", "silent")
def test_a_healthy_platforms_files_are_good_and_are_not_fetched_again(sandbox: StackSandbox) -> None:
    first = sweep(sandbox.settings, everything=True)
    again = sweep(sandbox.settings)

    assert first.ok, first.checks[0].detail
    assert first.checked == first.counts["good"] > 20
    assert (first.unchanged, first.missing) == (0, 0)
    assert first.as_json()["isolation"].keys() == {"other_user", "no_network", "no_files", "no_programs"}
    assert (again.checked, again.unchanged) == (first.checked, first.checked)
    assert again.ok


@pytest.mark.alarm("pdf.integrity", "ring")
@pytest.mark.parametrize(("fault", "says"), [("pdf_truncated", "cut off"), ("pdf_html_error", "an HTML page")])
def test_a_spoiled_file_is_named_with_its_tenant_and_order(
    sandbox: StackSandbox, record_property: Record, fault: str, says: str
) -> None:
    sweep(sandbox.settings)
    with planted(sandbox.home, fault) as there:
        began = time.monotonic()
        report = sweep(sandbox.settings)
        record_property("seconds_to_ring", time.monotonic() - began)

    assert report.checks[0].outcome is Outcome.FAIL
    found = named(report, there.where["key"])
    assert [(kind, tenant) for kind, tenant, _ in found] == [("unusable", there.where["tenant"])]
    assert says in found[0][2]
    assert report.checked - report.unchanged == 1  # only the version that is new was fetched
    assert sweep(sandbox.settings).ok


def test_an_unchanged_sweep_fetches_nothing_also_of_a_file_that_takes_too_long(
    sandbox: StackSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = sandbox.settings.model_copy(
        update={"pdf": sandbox.settings.pdf.model_copy(update={"timeout_seconds": 1.0})}
    )
    sent: Counter[str] = Counter()
    send = URLLib3Session.send

    def counted(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        query = request.url.partition("?")[2]
        sent["LIST" if request.method == "GET" and "list-type" in query else request.method] += 1
        return send(session, request)

    with planted(sandbox.home, "pdf_truncated") as there:
        seaweedfs.client(sandbox.home, "print-files").put_object(
            Bucket="print-files", Key=there.where["key"], Body=slow()
        )
        first = sweep(settings)
        monkeypatch.setattr(URLLib3Session, "send", counted)
        again = sweep(settings)
        unchanged = Counter(sent)
        with open_records(settings.records) as records:
            records.execute("UPDATE print_files SET try_again_at = try_again_at - interval '1 day'")
        tomorrow = sweep(settings)

    # Of the processor, or on a busy machine of the clock.
    assert "its inspection" in named(first, there.where["key"])[0][2]
    assert (again.unchanged, again.counts) == (first.checked, first.counts)
    assert unchanged["GET"] == 0
    assert unchanged["HEAD"] < first.checked / 2
    assert tomorrow.checked - tomorrow.unchanged == 1
    assert sent["GET"] - unchanged["GET"] == 1


@pytest.mark.alarm("pdf.integrity", "unknown")
def test_with_the_bucket_away_no_file_is_called_good(sandbox: StackSandbox) -> None:
    with sandbox.stopped("primary"):
        report = sweep(sandbox.settings)

    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert not report.ok
    assert "print-files" in report.checks[0].detail


def test_one_tenant_can_be_swept_alone(sandbox: StackSandbox) -> None:
    with planted(sandbox.home, "pdf_truncated") as there:
        tenant = there.where["tenant"]
        its_own = sweep(sandbox.settings, tenants=[tenant])
        others = [name for name in _tenants(sandbox) if name != tenant]
        rest = sweep(sandbox.settings, tenants=others)

    assert not its_own.ok
    assert rest.ok
    assert 0 < its_own.checked < its_own.checked + rest.checked


def test_the_commands_keep_their_promises(sandbox: StackSandbox, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(sandbox.config)]
    with planted(sandbox.home, "pdf_html_error") as there:
        assert run([*config, "pdf", "inspect", f"s3://print-files/{there.where['key']}", "--json"]) == 1
        inspected = json.loads(capsys.readouterr().out)
        assert run([*config, "pdf", "sweep", "--json"]) == 1
        swept = json.loads(capsys.readouterr().out)
        assert run([*config, "pdf", "sweep"]) == 1
        said = capsys.readouterr().out
    assert run([*config, "pdf", "sweep", "--tenant", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err
    assert run([*config, "pdf", "inspect", "s3://nowhere/x.pdf"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert run([*config, "pdf", "inspect", "s3://print-files/not/there.pdf"]) == 2

    assert inspected["files"][0]["verdict"] == "unusable"
    assert inspected["files"][0]["problems"][0]["code"] == "not_a_pdf"
    assert {"ok", "checked", "unchanged", "counts", "seconds"} <= swept.keys()
    assert swept["counts"]["unusable"] == 1
    assert "an HTML page" in said


def slow() -> bytes:
    """A PDF whose content takes seconds to read."""

    def endless(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].contents_add(b"q Q\n" * 5_000_000)

    return changed(endless)


def _tenants(sandbox: StackSandbox) -> list[str]:
    from printflow_reliability.platform.tenancy import tenants

    return [tenant.id for tenant in tenants(sandbox.settings)]
