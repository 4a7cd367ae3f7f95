"""Reconciliation with hostile rows, keys and objects: each is its own finding and no other's."""

import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.orphans import known_orphans
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.files.report import ReconcileReport
from printflow_reliability.findings import Finding
from printflow_reliability.records import passes, reference_rows
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import postgres
from printflow_reliability.settings import Settings
from printflow_reliability.storage.listing import proven, read_in_order
from printflow_reliability.storage.pages import Page, fetcher, list_pages
from printflow_reliability.storage.side_by_side import SideBySide
from printflow_reliability.storage.sources import ObjectListing, VersionListing
from printflow_reliability.storage.workers import Workers
from printflow_reliability_tests.stack.shop import FILES, GRACE_OVER, QUERY, Shop, by_key, shop

__all__ = ["shop"]
pytestmark = pytest.mark.stack

LONG = "x" * 1100
CUSTOMER_KEY = b"a key that the customer keeps..."
SPELLED = ("\u00e9/1", "\uff41/1", "\U0001f600/1", "100%/ +&<>'/1", "b\n/1", "\U0001f600/1\x01", "zz")
OWN_BUCKETS = "SELECT tenant, owner, key, size, sha256, soft_deleted, bucket FROM stack_files"


def outcomes(report: ReconcileReport) -> Mapping[str, Outcome]:
    return {check.check: check.outcome for check in report.checks}


def put_encrypted(shop: Shop, key: str) -> str:
    """An object under a key that only the customer has: the store answers 400 to whoever asks for it."""
    shop.touched.add(key)
    shop.clients["print-files"].put_object(
        Bucket="print-files",
        Key=key,
        Body=b"%PDF-1.4",
        SSECustomerAlgorithm="AES256",
        SSECustomerKey=CUSTOMER_KEY,
    )
    return key


def changed(shop: Shop, **reference: Any) -> Settings:
    """The shop's settings with another reference query."""
    entry = shop.settings.reference[0].model_copy(update=reference)
    return shop.settings.model_copy(update={"reference": (entry,)})


def execute(shop: Shop, statement: str, *values: Any) -> None:
    with postgres.superuser(shop.sandbox.home, "live_db", "live_db") as connection:
        connection.execute(statement.encode(), values)


@contextmanager
def remembered(shop: Shop) -> Iterator[None]:
    """What passes of this test leave in the records is gone after it."""
    try:
        yield
    finally:
        with open_records(shop.settings.records) as records:
            records.execute("DELETE FROM reference_rows WHERE reference = 'stack file'")


def findings_of(settings: Settings, directory: Path, **options: Any) -> tuple[ReconcileReport, dict[str, Finding]]:
    report = reconcile(settings, findings_file=directory / "findings.jsonl", **options)
    return report, by_key(directory / "findings.jsonl")


def test_one_of_every_hostile_kind_takes_no_other_answer_away(shop: Shop, tmp_path: Path) -> None:
    execute(shop, "ALTER TABLE stack_files ADD bucket text")
    settings = changed(shop, query=OWN_BUCKETS)
    deleted = shop.path("0.pdf")
    shop.delete(deleted)
    orphan = shop.put(shop.path("orphan.pdf"))
    encrypted = put_encrypted(shop, shop.path("encrypted orphan.pdf"))
    shop.refer(put_encrypted(shop, shop.path("encrypted.pdf")))
    sized = shop.refer(put_encrypted(shop, shop.path("encrypted and shorter.pdf")), size=9)
    twins = [shop.refer(shop.put(shop.path(f"twin{char}.pdf"))) for char in "\x01\x02"]
    lone = shop.put(shop.path("lone\x03.pdf"))
    empty, blank = shop.refer(""), shop.refer(" ")
    long = shop.refer(shop.path(LONG))
    deep = shop.refer(shop.path(f"{LONG}/a.pdf"))
    whole = shop.refer(shop.path(""))
    execute(shop, "INSERT INTO stack_tenants VALUES (gen_random_uuid(), NULL)")
    elsewhere = shop.refer(shop.path("on another disk.pdf"))
    execute(shop, "UPDATE stack_files SET bucket = 'nowhere' WHERE key = %s", elsewhere)
    time.sleep(GRACE_OVER)

    report, found = findings_of(settings, tmp_path, tenants=[shop.tenant])

    listed_lone = lone.replace("\x03", "\ufffd")
    assert {key: finding.kind for key, finding in found.items()} == {
        deleted: "missing_restorable",
        orphan: "orphan",
        encrypted: "unknown",
        sized: "unknown",
        listed_lone: "unknown",
        elsewhere: "unknown",
        **dict.fromkeys((empty, blank, long, deep, whole), "missing_lost"),
    }
    assert not set(twins) & set(found)
    assert "400" in found[encrypted].detail
    assert '"nowhere"' in found[elsewhere].detail
    assert "base path" in found[whole].detail
    assert "1,024 bytes" in found[long].detail
    assert report.references == FILES + 10
    assert outcomes(report)["files.missing"] is Outcome.FAIL
    assert outcomes(report)["files.orphans"] is Outcome.FAIL
    assert outcomes(report)["files.tenancy"] is Outcome.PASS


def test_what_alone_could_not_be_judged_is_named_and_unknown(shop: Shop, tmp_path: Path) -> None:
    encrypted = put_encrypted(shop, shop.path("encrypted orphan.pdf"))
    time.sleep(GRACE_OVER)
    report, found = findings_of(shop.settings, tmp_path, tenants=[shop.tenant])
    assert {key: finding.kind for key, finding in found.items()} == {encrypted: "unknown"}
    assert outcomes(report) == dict.fromkeys(outcomes(report), Outcome.PASS) | {"files.orphans": Outcome.UNKNOWN}
    assert encrypted in next(check.detail for check in report.checks if check.check == "files.orphans")


def test_a_query_that_falls_to_nothing_is_not_believed(shop: Shop, tmp_path: Path) -> None:
    with remembered(shop):
        own, others = shop.path("0.pdf"), shop.refer(shop.path("0.pdf", shop.neighbour), tenant=shop.neighbour)
        shop.put(others)
        orphan = shop.put(shop.path("orphan.pdf", shop.neighbour))
        time.sleep(GRACE_OVER)
        both = [shop.tenant, shop.neighbour]
        before, _ = findings_of(shop.settings, tmp_path, tenants=both)
        assert outcomes(before)["files.missing"] is Outcome.PASS

        renamed = changed(shop, query=f"SELECT * FROM ({QUERY.partition(';')[0]}\n) f WHERE tenant <> '{shop.tenant}'")
        for _ in range(2):  # what was not believed is remembered
            report, found = findings_of(renamed, tmp_path, tenants=both)
            assert set(found) == {"", orphan}
            assert (found[""].kind, found[""].tenant) == ("unknown", shop.tenant)
            assert f"{FILES} rows" in found[""].detail
            assert "--accept-empty 'stack file'" in found[""].action
            assert outcomes(report)["files.missing"] is Outcome.UNKNOWN
            assert outcomes(report)["files.orphans"] is Outcome.FAIL

        accepted, found = findings_of(renamed, tmp_path, tenants=both, accept_empty=["stack file"])
        assert own in found
        assert {finding.kind for finding in found.values()} == {"orphan"}
        again, _ = findings_of(renamed, tmp_path, tenants=both)
        assert outcomes(again)["files.missing"] is Outcome.PASS
        assert accepted.counts["orphan"] == FILES + 1


def test_a_tenants_query_that_falls_to_nothing_is_not_believed(shop: Shop) -> None:
    with remembered(shop):
        shop.reconcile()
        execute(shop, "DELETE FROM stack_tenants")
        report = reconcile(shop.settings)
        assert set(outcomes(report).values()) == {Outcome.UNKNOWN}
        assert "tenancy.tenants returns no tenant" in report.checks[0].detail
        assert report.pass_id is None


def test_one_key_of_ones_own_under_any_spelling_is_one_finding(shop: Shop, tmp_path: Path) -> None:
    folder = shop.path("previews")
    shop.put(f"{folder}/1.png")
    spelled: dict[str, str] = {f"/storage/{folder}/": f"{folder}/"}
    spellings = (
        "{}?v=3",
        "storage/{}",
        "/storage/{}",
        "public/{}",
        " {}",
        "{} ",
        "https://cdn.example.com/assets/v2/{}?x=1",
        "//cdn.example.com/{}",
        "/var/www/storage/app/public/{}",
        "s3://print-files/{}",
        "print-files/{}",
    )
    for number, spelling in enumerate(spellings):
        meant = shop.put(shop.path(f"spelled {number}.pdf"))
        spelled[spelling.format(meant)] = meant
    for number, change in enumerate((("/", "//"), ("/", "\\"), (" ", "%20"), (" ", "+"), (" ", "%2520"))):
        meant = shop.put(shop.path(f"changed {number}.pdf"))
        spelled[meant.replace(*change)] = meant
    restorable = shop.refer(shop.put(shop.path("again.pdf")))
    shop.delete(restorable)
    shop.put(shop.path("AGAIN.pdf"))  # a reference may mean it, though its own object can be brought back
    for key in spelled:
        shop.refer(key)
    time.sleep(GRACE_OVER)

    _, found = findings_of(shop.settings, tmp_path, tenants=[shop.tenant])

    expected = dict.fromkeys(spelled, "near_miss") | {restorable: "missing_restorable"}
    assert {key: finding.kind for key, finding in found.items()} == expected
    for key, meant in spelled.items():
        assert repr(meant) in found[key].action


def test_another_tenants_key_under_any_spelling_is_a_wrong_tenant(shop: Shop, tmp_path: Path) -> None:
    secret = shop.put(shop.path("secret.pdf", shop.neighbour))
    keys = [
        shop.refer(spelling)
        for spelling in (
            f"{secret}?v=3",
            f"storage/{secret}",
            f"/{secret}",
            secret.replace("/", "\\"),
            secret.replace("/", "//"),
            secret.replace("/", "%2F"),
            secret.upper(),
            f"https://cdn.example.com/assets/{secret}",
        )
    ]
    time.sleep(GRACE_OVER)
    _, found = findings_of(shop.settings, tmp_path, tenants=[shop.tenant])
    assert {key: finding.kind for key, finding in found.items()} == dict.fromkeys(keys, "wrong_tenant")
    _, of_the_other = findings_of(shop.settings, tmp_path, tenants=[shop.neighbour])
    assert of_the_other == {}, "what another tenant's row may mean is no orphan"


def test_a_reference_that_is_too_wide_covers_nothing_and_a_marker_fills_no_folder(shop: Shop, tmp_path: Path) -> None:
    wide = [shop.refer(key) for key in ("stack/", "/", shop.path(""), f"/{shop.path('')}")]
    marked = shop.refer(shop.put(shop.path("emptied/"), b""))
    orphan = shop.put(shop.path("orphan.pdf"))
    foreign = shop.refer(shop.put(shop.path("secret.pdf", shop.neighbour)))
    time.sleep(GRACE_OVER)
    _, found = findings_of(shop.settings, tmp_path, tenants=[shop.tenant])
    assert {key: finding.kind for key, finding in found.items()} == {
        **dict.fromkeys((*wide, marked), "missing_lost"),
        orphan: "orphan",
        foreign: "wrong_tenant",
    }


def test_a_row_of_no_known_tenant_does_not_hide_that_its_file_is_missing(shop: Shop, tmp_path: Path) -> None:
    gone = shop.refer(shop.path("gone.pdf"), tenant=None)
    shop.refer(shop.put(shop.path("there.pdf")), tenant=None)
    time.sleep(GRACE_OVER)
    _, found = findings_of(shop.settings, tmp_path, tenants=[shop.tenant])
    assert {key: (finding.kind, finding.tenant) for key, finding in found.items()} == {gone: ("missing_lost", None)}
    assert "None" not in found[gone].detail


def test_many_orphans_cost_no_question_each(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("printflow_reliability.files.confirm_orphans.FEW", 5)
    monkeypatch.delattr("printflow_reliability.files.presence.Presence.look_up")
    orphans = [shop.put(shop.path(f"{number}/orphan.pdf")) for number in range(12)]
    encrypted = put_encrypted(shop, shop.path("encrypted.pdf"))
    time.sleep(GRACE_OVER)
    _, found = findings_of(shop.settings, tmp_path, tenants=[shop.tenant])
    assert set(found) == {*orphans, encrypted}
    assert {finding.kind for finding in found.values()} == {"orphan"}


def test_a_bucket_is_listed_side_by_side_as_by_one_listing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("printflow_reliability.storage.pages.PAGE_KEYS", 5)
    monkeypatch.setattr("printflow_reliability.storage.side_by_side.PAGES_ALONE", 2)
    bucket, below = shop.settings.bucket_named("print-files"), shop.path("many/")
    asked = []

    def fetch(prefix: str, delimiter: str, token: str | None) -> Page:
        asked.append(prefix)
        return fetcher(bucket)(prefix, delimiter, token)

    for name in (*(f"orders/{order}/{number}" for order in range(9) for number in range(4)), *SPELLED):
        shop.put(f"{below}{name}", buckets=("print-files",))
    with Workers(4) as pool:
        pages = SideBySide(bucket.name, fetch, pool, 4).pages(below)
        found = list(proven(itertools.chain.from_iterable(pages)))
    whole = [stored for page in list_pages(bucket, below) for stored in page]
    assert found == whole
    assert {f"{below}{name}".replace("\x01", "\ufffd") for name in SPELLED} < {stored.key for stored in whole}
    assert {f"{below}orders/1/", f"{below}orders/8/"} < set(asked)
    for name in ("orders-new/1", "orders.pdf"):  # from here on this server breaks the order of bytes
        shop.put(f"{below}{name}", buckets=("print-files",))
    whole = sorted(stored for page in list_pages(bucket, below) for stored in page)
    assert len(whole) == len(found) + 2
    assert read_in_order(ObjectListing(bucket), below, list) == whole
    versions = read_in_order(VersionListing(bucket), below, list)
    assert [stored[:3] for stored in versions] == [stored[:3] for stored in whole]


def test_orphans_of_a_pass_that_left_something_open_are_not_called_none(shop: Shop) -> None:
    with open_records(shop.settings.records) as records:
        unknown = Finding(kind="unknown", severity="warning", detail="refused", action="look", key="a/b.pdf")  # type: ignore[arg-type]
        moment = records.execute("SELECT now()").fetchone()
        assert moment is not None
        times = {"started_at": moment[0], "finished_at": moment[0]}
        number = passes.store(records, "reconcile", tenant=None, counts={"unknown": 1}, findings=[unknown], **times)
        try:
            (check,) = known_orphans(shop.settings).checks
        finally:
            records.execute("DELETE FROM passes WHERE id = %s", (number,))
    assert check.outcome is Outcome.UNKNOWN
    assert "a/b.pdf" in check.detail


def test_an_unknown_name_of_a_reference_is_refused(shop: Shop) -> None:
    with pytest.raises(Exception, match='there is no reference "nothing"'):
        reconcile(shop.settings, accept_empty=["nothing"])


def test_rows_are_remembered_for_the_tenants_of_a_pass_alone(shop: Shop) -> None:
    first, second = (reference_rows.Rows("stack file", "print-files", name) for name in ("1", "2"))
    with remembered(shop), open_records(shop.settings.records) as records:
        reference_rows.remember(records, {first: 3, second: 4}, tenants=["1", "2"])
        reference_rows.remember(records, {}, tenants=["1"], kept=[first])
        assert reference_rows.known(records, ["1", "2"]) == {first: 3, second: 4}
        reference_rows.remember(records, {}, tenants=["1"])
        assert reference_rows.known(records, ["1", "2"]) == {second: 4}


def test_a_bucket_that_refuses_everything_is_no_key_of_its_own(shop: Shop) -> None:
    secrets = {"secret_access_key": "wrong"}
    bucket = shop.settings.bucket_named("print-files").model_copy(update=secrets)
    settings = shop.settings.model_copy(
        update={"bucket": (bucket, *(other for other in shop.settings.bucket if other.name != "print-files"))}
    )
    try:
        report = reconcile(settings, tenants=[shop.tenant])
    except CouldNotTell as refused:
        pytest.fail(f"raised instead of reported: {refused}")
    assert set(outcomes(report).values()) == {Outcome.UNKNOWN}
