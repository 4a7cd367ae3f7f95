"""What is moved and what stays; what refuses everything; and a place that keeps copies for long enough."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from printflow_reliability.backups.info import STATUS_MISSING_STANZA
from printflow_reliability.checks import Outcome as Verdict
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.files.catalog_report import CatalogReport, Uncovered, Unread
from printflow_reliability.files.protection import protect
from printflow_reliability.files.protection.configuration import Answer, BucketConfiguration
from printflow_reliability.files.quarantine import place, plan
from printflow_reliability.files.quarantine.oldest_backup import READABLE, OldestBackup
from printflow_reliability.files.quarantine.outcome import Deed, Outcome
from printflow_reliability.files.quarantine.place import Place, ends_early, place_of, require_one_name, require_versions
from printflow_reliability.files.quarantine.plan import (
    Left,
    Plan,
    Reason,
    require_covered,
    require_few,
    require_whole,
    sort_out,
)
from printflow_reliability.files.quarantine.references import References
from printflow_reliability.files.quarantine.report import QuarantineReport
from printflow_reliability.platform.failing_rows import FailingRows
from printflow_reliability.platform.tenancy import BasePaths, Tenant
from printflow_reliability.records import passes, reference_rows
from printflow_reliability.records.erasures import Erasure, Erasures
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability_tests.files.protection import recorded
from printflow_reliability_tests.minimal_settings import minimal_settings

OLDEST = OldestBackup("base backup", datetime(2026, 3, 1, tzinfo=UTC))
PLACE = Place(BucketSettings(name="place", bucket="place"), "quarantine/")
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def orphan(key: str, **changed: Any) -> dict[str, Any]:
    found = {"kind": "orphan", "bucket": "files", "key": key, "tenant": "t", "bytes": 10, "superseded_by": None}
    return {**found, "written_at": "2026-01-01T00:00:00+00:00", **changed}


def test_only_what_is_older_than_every_backup_and_somebodys_and_not_erased_is_moved() -> None:
    found = [
        orphan("old.pdf"),
        orphan("made-again.pdf", superseded_by="newer.pdf"),
        orphan("young.pdf", written_at="2026-03-01T00:00:00+00:00"),
        orphan("nobodys.pdf", tenant=None),
        orphan("erased.pdf"),
        orphan("nul\0.pdf"),
        orphan("one-too-many.pdf"),
        orphan("missing.pdf", kind="missing_lost", written_at=None),
    ]
    erased = Erasures([Erasure(1, "files", "erased.pdf", "t", "asked for", "ada", NOW)])
    made = Plan(oldest=OLDEST)
    sort_out(made, iter(found), erased, most=2)
    assert [each.key for each in made.orphans] == ["old.pdf", "made-again.pdf"]
    assert made.files == {("t", Reason.UNREFERENCED): 1, ("t", Reason.SUPERSEDED): 1}
    assert made.left == dict.fromkeys((Left.YOUNG, Left.NOBODYS, Left.ERASED, Left.UNRECORDABLE, Left.LATER), 1)
    assert made.orphans[1].said == "superseded by newer.pdf"
    report = QuarantineReport(made, price=1e8)
    assert (report.as_json()["yearly_cost"], QuarantineReport(made).as_json()["yearly_cost"]) == (24.0, None)
    assert report.exit_code == 1


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome(), 0),
        (Outcome(stopped="the store does not answer"), 2),
    ],
)
def test_a_run_that_broke_off_could_not_tell_and_what_was_not_done_needs_a_person(outcome: Outcome, code: int) -> None:
    report = QuarantineReport(Plan(), outcome=outcome)
    assert report.exit_code == code
    if not code:
        outcome.add(Deed.NAMED, "files", "a.pdf", 10, "a row refers to it now")
        assert report.exit_code == 1


def test_rows_that_were_not_seen_refuse_everything_and_a_single_key_refuses_nothing() -> None:
    one_key = {"kind": "unknown", "bucket": "files", "key": "a.pdf", "detail": "the store refuses it"}
    require_whole(iter([orphan("a.pdf"), one_key]), ["files"])
    with pytest.raises(Refused, match="the query fell to nothing"):
        require_whole(
            iter([one_key, {"kind": "unknown", "key": None, "detail": "the query fell to nothing"}]), ["files"]
        )


def test_so_many_orphans_are_a_missing_query() -> None:
    require_few(minimal_settings(), 20, 20)
    require_few(minimal_settings(), 50, 100)
    with pytest.raises(Refused, match="51 of 100 objects are orphans"):
        require_few(minimal_settings(), 51, 100)


def test_a_column_that_no_query_covers_or_that_cannot_be_read_refuses_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = CatalogReport([], [Uncovered("shop", "proofs", "path", "a.pdf")], [], [], 1)
    monkeypatch.setattr(plan, "check_catalog", lambda _: answer)
    with pytest.raises(Refused, match=r"shop\.proofs\.path"):
        require_covered(minimal_settings())
    answer = CatalogReport([], [], [Unread("permission denied", "shop", "proofs", "path")], [], 1)
    with pytest.raises(CouldNotTell, match="permission denied"):
        require_covered(minimal_settings())


@pytest.mark.parametrize(
    ("rule", "early"),
    [
        ({"Expiration": {"Days": 400}}, False),
        ({"Expiration": {"Days": 372}}, True),
        ({"Expiration": {"Days": 1}, "Status": "Disabled"}, False),
        ({"Expiration": {"Days": 1}, "Filter": {"Prefix": "reports/"}}, False),
        ({"Expiration": {"Days": 1}, "Filter": {"Prefix": "quarantine/files/"}}, True),
        ({"Expiration": {"Days": 1}, "Filter": {"And": {"Prefix": "quar", "Tags": []}}}, True),
        ({"Expiration": {"Days": 1}, "Prefix": ""}, True),
        ({"Expiration": {"Date": NOW + timedelta(days=10)}}, True),
        ({"Expiration": {"Date": NOW + timedelta(days=1000)}}, False),
        ({"NoncurrentVersionExpiration": {"NoncurrentDays": 1}}, False),
    ],
)
def test_a_lifecycle_rule_must_outlast_the_longest_retention(rule: dict[str, Any], early: bool) -> None:
    found = Answer({"Rules": [{"ID": "tidy", "Status": "Enabled", **rule}]})
    assert ends_early(found, "quarantine/", 372, NOW) == ('rule "tidy"' if early else "")


def test_a_lifecycle_that_is_too_short_or_unknown_refuses_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Answer({"Rules": [{"ID": "tidy", "Status": "Enabled", "Expiration": {"Days": 30}}]})
    monkeypatch.setattr(place, "lifecycle_of", lambda _: answer)
    with pytest.raises(Refused, match="372 days"):
        PLACE.require_lasting(372)
    PLACE.require_lasting(29)
    answer = Answer(reason="the key may not ask (AccessDenied)")
    with pytest.raises(CouldNotTell, match="AccessDenied"):
        PLACE.require_lasting(1)
    answer = Answer()  # no rule ends anything
    PLACE.require_lasting(372)


def test_a_place_that_strangers_may_read_or_may_be_able_to_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, Any] = {}
    monkeypatch.setattr(place, "read_configuration", lambda _: recorded.said(**answers))
    PLACE.require_private()
    answers = {"stranger": 200}
    with pytest.raises(Refused, match='strangers may read bucket "place"'):
        PLACE.require_private()
    monkeypatch.setattr(protect, "read_configuration", lambda _: recorded.said(**answers))
    assert [(item.name, item.outcome) for item in protect.access(PLACE.bucket).items] == [
        ("public_access", Verdict.FAIL)
    ]

    def away(_: BucketSettings) -> BucketConfiguration:
        raise CouldNotTell("no answer in time", "try again")

    monkeypatch.setattr(protect, "read_configuration", away)
    assert [item.outcome for item in protect.access(PLACE.bucket).items] == [Verdict.UNKNOWN]
    answers = {"get_public_access_block": "AccessDenied", "get_bucket_policy_status": "AccessDenied"}
    with pytest.raises(CouldNotTell, match="audit_access_key_id"):
        PLACE.require_private()


def test_the_place_lies_apart_from_every_tenant_and_every_reference() -> None:
    PLACE.require_apart([Tenant("t", "tenants/t/")], ["files"])
    with pytest.raises(ConfigError, match="rows refer into"):
        PLACE.require_apart([], ["files", "place"])
    for path in ("quarantine/t/", "q/"):
        other = Place(PLACE.bucket, "q/aside/" if path == "q/" else "quarantine/")
        with pytest.raises(ConfigError, match="lie within each other"):
            other.require_apart([Tenant("t", path)], ["files"])
    with pytest.raises(ConfigError, match=r"files\.quarantine_bucket: is missing"):
        place_of(minimal_settings())


def test_a_bucket_without_versions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unversioned:
        def __init__(self, bucket: BucketSettings) -> None:
            self.bucket = bucket

        def keeps_versions(self) -> bool:
            return self.bucket.name == "versioned"

    monkeypatch.setattr(place, "Presence", Unversioned)
    require_versions([BucketSettings(name="versioned", bucket="b")])
    with pytest.raises(Refused, match="a delete would be final"):
        require_versions([BucketSettings(name="other", bucket="b")])


def with_place(**files: Any) -> Settings:
    document = minimal_settings().model_dump()
    buckets = [*document["bucket"], {"name": "aside", "bucket": "aside"}]
    return Settings.model_validate({**document, "bucket": buckets, "files": files})


def test_a_place_where_the_platforms_files_are_listed_is_no_setting() -> None:
    files = minimal_settings().reference[0].bucket
    assert place_of(with_place(quarantine_bucket="aside")).prefix == "quarantine/"
    for wrong, said in (
        ({"quarantine_bucket": files}, "is listed for files of the platform"),
        ({"quarantine_bucket": "nowhere"}, "nothing is named"),
        ({"quarantine_bucket": "aside", "quarantine_prefix": "aside"}, "must end in a slash"),
        ({"quarantine_bucket": "aside", "quarantine_prefix": "/"}, "must end in a slash"),
    ):
        with pytest.raises(ValueError, match=said):
            with_place(**wrong)


def test_a_bucket_that_rows_may_name_in_two_ways_refuses_everything() -> None:
    twin = BucketSettings(name="print-files", endpoint_url="https://S3.example.org:443/", bucket="prints")
    first = BucketSettings(name="files", endpoint_url="https://s3.example.org", bucket="prints")
    buckets = (first, twin, BucketSettings(name="other", bucket="prints"))
    settings = minimal_settings().model_copy(update={"bucket": buckets})
    require_one_name(settings, ["files"], [])
    require_one_name(settings, ["files", "other"], ["other"])  # of the same name on another server
    for listed, nameable in ((["files"], ["print-files"]), (["files", "print-files"], [])):
        with pytest.raises(Refused, match='"files" and "print-files" are the same bucket'):
            require_one_name(settings, listed, nameable)


def test_two_names_of_one_bucket_that_files_lie_in_are_no_setting() -> None:
    document = minimal_settings().model_dump()
    document["bucket"] = [*document["bucket"], {**document["bucket"][0], "name": "again"}]
    Settings.model_validate(document)  # nothing refers into it by its second name
    for wrong in (
        {"orders": {**document["orders"], "bucket": "again"}},
        {"reference": [{**document["reference"][0], "disk": [{"name": "s3", "bucket": "again"}]}]},
    ):
        with pytest.raises(ValueError, match='"print-files" and "again" are the same bucket on the same server'):
            Settings.model_validate({**document, **wrong})


def test_a_row_into_a_bucket_that_nobody_knows_refuses_everything() -> None:
    elsewhere = {"kind": "unknown", "bucket": "print-files", "key": "a.pdf", "detail": "its bucket is no [[bucket]]"}
    require_whole(iter([elsewhere]), ["print-files"])
    with pytest.raises(Refused, match="its bucket is no"):
        require_whole(iter([elsewhere]), ["files"])


def test_only_the_orphans_of_whom_was_asked_for_are_moved() -> None:
    made = Plan()
    sort_out(made, iter([orphan("a.pdf"), orphan("b.pdf", tenant="branch")]), Erasures([]), 9, ["t"])
    assert [each.key for each in made.orphans] == ["a.pdf"]


def test_further_orphans_are_kept_in_mind_and_counted_as_left_until_they_were_tried() -> None:
    made = Plan()
    sort_out(made, iter([orphan("a.pdf"), orphan("b.pdf"), orphan("c.pdf")]), Erasures([]), 1)
    assert ([each.key for each in made.further], made.left[Left.LATER]) == (["b.pdf", "c.pdf"], 2)
    made.tried_further(1)
    assert (made.left[Left.LATER], made.left_bytes[Left.LATER]) == (1, 10)


def test_rows_that_were_not_compared_with_the_last_pass_refuse_everything() -> None:
    plan.require_compared(["an inventory of yesterday was read"])
    with pytest.raises(CouldNotTell, match="whether a query fell is not known"):
        plan.require_compared(["rows at the last pass were not compared: the records are away"])


@pytest.mark.parametrize(("known", "rows"), [(None, {}), ("a pass", {}), (None, {"rows": 1}), ("a pass", {"rows": 1})])
def test_without_an_earlier_pass_nothing_is_moved(monkeypatch: pytest.MonkeyPatch, known: Any, rows: Any) -> None:
    monkeypatch.setattr(plan, "open_records", lambda _: nullcontext())
    monkeypatch.setattr(passes, "newest", lambda *_: known)
    monkeypatch.setattr(reference_rows, "known", lambda _: rows)
    expected = nullcontext() if known and rows else pytest.raises(Refused, match="no complete reconciliation")
    with expected:
        plan.require_earlier_pass(minimal_settings())


def test_a_database_that_was_left_out_makes_what_rows_name_unknown() -> None:
    class Entry:
        place, key = (0, "branch"), "reference[0]"

        def may_name(self, bucket: str) -> bool:
            return bucket == name

    class CatalogOf:
        entries = (Entry(),)

        def __init__(self) -> None:
            self.failing = FailingRows()

        def look_up(self, *_: Any) -> Any:
            return iter(())

    catalog = CatalogOf()
    name = minimal_settings().reference[0].bucket
    asked = References(minimal_settings(), cast(Any, catalog), BasePaths([]))
    assert not asked.naming(name, ["a.pdf"])
    catalog.failing.leave_out(Entry.place, "t", "too many connections")
    with pytest.raises(CouldNotTell, match=r"reference\[0\]: too many connections"):
        asked.naming(name, ["a.pdf"])
    assert not asked.named(name, ["a.pdf"])  # a release still brings back what is known to be named


def test_a_missing_stanza_is_no_repository_without_backups() -> None:
    assert STATUS_MISSING_STANZA not in READABLE


def test_every_base_path_of_a_tenant_counts_and_none_is_none() -> None:
    PLACE.require_apart([Tenant("t")], [])
    with pytest.raises(ConfigError, match="lie within each other"):
        PLACE.require_apart([Tenant("t", "tenants/t/", ("quarantine/t/",))], [])
