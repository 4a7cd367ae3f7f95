"""Findings that last, and what is brought back by itself, on the foreign platform."""

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.files.healed_pass import with_healing
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.records.database import open_records
from printflow_reliability_tests.files.recorded_events import USER, journal_of, notification
from printflow_reliability_tests.stack.foreign.build import BUCKET, REPORTS
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


def test_what_was_deleted_comes_back_by_policy_and_pages_when_it_is_deleted_again(foreign: ForeignPlatform) -> None:
    key = next(key for key in keys(foreign) if key.endswith("карта.pdf"))
    body = foreign.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    policy = {"heal_automatically": True, "heal_after_seconds": 0.0}
    settings = foreign.settings.model_copy(update={"files": foreign.settings.files.model_copy(update=policy)})
    with without(foreign, key):
        told = foreign.run("files", "heal", "--by-policy", "--json")
        off = foreign.run("files", "heal", "--by-policy", "--apply", "--json")
        healed = with_healing(settings, reconcile(settings))
        back = foreign.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        foreign.s3.delete_object(Bucket=BUCKET, Key=key)
        again = with_healing(settings, reconcile(settings))
    with open_records(settings.records) as records:
        records.execute("DELETE FROM file_heals WHERE key = %s AND automatic", (key,))
    foreign.run("files", "reconcile", "--json")  # what it found missing is resolved

    assert (told.document["planned"], told.document["reasons"]) == (0, {"too_young": 1}), told
    assert (off.exit_code, "files.heal_automatically is off" in off.document["error"]["what"]) == (2, True), off
    assert {check.outcome for check in healed.checks} == {Outcome.PASS}, healed.checks
    assert (healed.numbers["healed_files"], back) == (1, body)
    assert {check.check: check.outcome for check in again.checks}["files.healing"] is Outcome.FAIL
    assert again.numbers["deleted_again_files"] == 1


def test_the_foreign_shop_hears_of_a_deletion_too(foreign: ForeignPlatform) -> None:
    key = keys(foreign)[0]
    config = foreign.root / "printflow.toml"
    whole = config.read_text(encoding="utf-8")
    journal = f"\n[journal]\ncluster = \"shop\"\nquery = '''{journal_of(notification(BUCKET, key))}'''\n"
    try:
        config.write_text(whole + journal, encoding="utf-8")
        healthy = foreign.run("files", "deletions", "--json")
        with without(foreign, key):
            found = foreign.run("files", "deletions", "--json")
    finally:
        config.write_text(whole, encoding="utf-8")
    absent = foreign.run("files", "deletions")

    assert (healthy.exit_code, healthy.document["events"]) == (0, 1), healthy
    assert (found.exit_code, [finding["key"] for finding in found.document["findings"]]) == (1, [key]), found
    assert USER in found.document["findings"][0]["detail"]
    assert (absent.exit_code, "there is no [journal]" in absent.stderr) == (2, True), absent
