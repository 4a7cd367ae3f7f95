"""Findings from pass to pass: appearing, continuing, known to a person, resolved; and none is resolved unseen."""

import gzip
import io
import json
from collections.abc import Iterator

import pytest
from arro3.io import read_parquet

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError
from printflow_reliability.files.acknowledged import acknowledge, known_finding, withdraw
from printflow_reliability.files.recheck import recheck
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.files.report import ReconcileReport
from printflow_reliability.records import lasting_findings
from printflow_reliability.records.database import open_records
from printflow_reliability.records.lasting_findings import LastingFinding
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability_tests.stack.shop import BUCKETS, Shop, shop

__all__ = ["shop"]
pytestmark = pytest.mark.stack


@pytest.fixture
def kept(shop: Shop) -> Iterator[Shop]:
    """A shop of which no finding is left in the records."""
    yield shop
    with open_records(shop.settings.records) as records:
        records.execute("DELETE FROM lasting_findings WHERE tenant IN (%s, %s)", (shop.tenant, shop.neighbour))


def of(shop: Shop) -> LastingFinding:
    """The only lost file of the shop's tenant."""
    with open_records(shop.settings.records) as records:
        unresolved = lasting_findings.unresolved(records, 10_000)
    (found,) = (found for found in unresolved if (found.tenant, found.kind) == (shop.tenant, "missing_lost"))
    return found


def missing(report: ReconcileReport) -> Outcome:
    return next(check.outcome for check in report.checks if check.check == "files.missing")


def test_a_lost_file_is_one_finding_until_it_is_back(kept: Shop) -> None:
    lost = kept.path("0.pdf")
    assert dict(kept.reconcile().states) == {"appearing": 0, "continuing": 0, "acknowledged": 0, "resolved": 0}
    kept.destroy(lost, *BUCKETS)
    assert kept.reconcile().states["appearing"] == 1
    finding = of(kept)
    assert (finding.state, finding.kind, finding.key) == ("appearing", "missing_lost", lost)

    unjudged = kept.settings.model_copy(
        update={"files": kept.settings.files.model_copy(update={"max_missing_fraction": 0.01})}
    )
    left_out = reconcile(unjudged, tenants=[kept.tenant, kept.neighbour])
    assert left_out.counts["unknown"] == 1
    assert left_out.states["resolved"] == 0  # nothing was concluded of it, so it is no better than before
    assert of(kept).id == finding.id

    rows, (reference,) = f"SELECT * FROM stack_files WHERE key <> '{lost}'", kept.settings.reference
    databases = "SELECT * FROM (VALUES ('live_db'), ('the one with its row')) AS found (database)"
    away = reference.model_copy(update={"query": rows, "databases": databases})
    without = reconcile(kept.settings.model_copy(update={"reference": (away,)}), tenants=[kept.tenant])
    assert (without.counts["unknown"], without.states["resolved"]) == (1, 0)  # whose rows lie there, nobody can tell
    assert of(kept).id == finding.id

    again = kept.reconcile(publish=True)
    assert again.states["resolved"] == 2  # what neither pass could judge is judged
    assert (again.states["continuing"], missing(again)) == (1, Outcome.FAIL)
    assert again.all_findings is not None
    reports = kept.settings.bucket_named("reports").bucket
    admin, key = seaweedfs.client(kept.sandbox.home, "reports"), again.all_findings.removeprefix(f"s3://{reports}/")
    lines = gzip.decompress(admin.get_object(Bucket=reports, Key=key)["Body"].read()).splitlines()
    admin.delete_object(Bucket=reports, Key=key)
    part = f"{again.all_findings_parquet}part-00000.parquet".removeprefix(f"s3://{reports}/")
    parquet = read_parquet(io.BytesIO(admin.get_object(Bucket=reports, Key=part)["Body"].read())).read_all()
    admin.delete_object(Bucket=reports, Key=part)
    assert parquet["key"].to_pylist() == [lost]
    assert [json.loads(line)["key"] for line in lines] == [lost]

    with pytest.raises(ConfigError, match="needs a person and a reason"):
        acknowledge(kept.settings, finding.id, "Ada", " ")
    acknowledge(kept.settings, finding.id, "Ada", "the shop has closed")
    known = kept.reconcile()
    assert (known.states["acknowledged"], missing(known)) == (1, Outcome.PASS)
    assert "known to Ada" in known.worst[0].detail
    (still,) = recheck(kept.settings, [finding.id])
    assert (still.outcome, still.finding.state) == (Outcome.FAIL, "acknowledged")
    withdraw(kept.settings, finding.id)
    assert missing(kept.reconcile()) is Outcome.FAIL

    acknowledge(kept.settings, finding.id, "Ada", "the shop has closed")
    kept.put(lost)
    (resolved,) = recheck(kept.settings, [finding.id])
    assert resolved.outcome is Outcome.PASS
    assert known_finding(kept.settings, finding.id).state == "resolved"
    with pytest.raises(ConfigError, match="is resolved"):
        recheck(kept.settings, [finding.id])
    kept.destroy(lost, *BUCKETS)
    lost_again = kept.reconcile()
    assert (lost_again.states["appearing"], missing(lost_again)) == (1, Outcome.FAIL)  # nobody knows of this loss
    assert of(kept).id == finding.id
