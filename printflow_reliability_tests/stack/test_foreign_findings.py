"""Findings that last, on the foreign platform."""

import pytest

from printflow_reliability_tests.stack.foreign.build import REPORTS
from printflow_reliability_tests.stack.foreign.objects import keys, without
from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform

pytestmark = pytest.mark.stack


def test_a_finding_is_known_shown_and_resolved(foreign: ForeignPlatform) -> None:
    key = next(key for key in keys(foreign) if key.endswith("карта.pdf"))
    with without(foreign, key):
        found = foreign.run("files", "reconcile", "--json")
        shown = foreign.run("files", "show", "--json")
        (number,) = (finding["id"] for finding in shown.document["findings"] if finding["key"] == key)
        known = foreign.run("files", "acknowledge", str(number), "--by", "Ada", "--reason", "withdrawn", "--json")
        after = foreign.run("files", "reconcile", "--json")
    back = foreign.run("files", "recheck", str(number), "--json")
    for ended in (found, after):
        for published in (
            ended.document["all_findings"],
            f"{ended.document['all_findings_parquet']}part-00000.parquet",
        ):
            foreign.s3.delete_object(Bucket=REPORTS, Key=published.removeprefix(f"s3://{REPORTS}/"))

    assert (found.exit_code, found.document["states"]["appearing"]) == (1, 1), found
    assert (shown.exit_code, known.exit_code, known.document["state"]) == (1, 0, "acknowledged")
    assert (after.exit_code, after.document["states"]["acknowledged"]) == (0, 1), after
    assert (back.exit_code, back.document["resolved"]) == (0, 1), back
