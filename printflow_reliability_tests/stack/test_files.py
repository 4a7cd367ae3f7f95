"""Reconciliation on real servers: each fault is found by name, a healthy shop is silent, a server away is unknown."""

import hashlib
import json
import time
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from printflow_reliability.checks import Outcome, exit_code
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.files.catalog_check import check_catalog
from printflow_reliability.files.protection.protect import check_protection
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.platform.catalog import open_catalog
from printflow_reliability.platform.connect import connect
from printflow_reliability.platform.paid_orders import paid_items
from printflow_reliability.platform.queries import Connection
from printflow_reliability.platform.tenancy import Tenant, tenants
from printflow_reliability.records import passes
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability.settings import ClusterSettings
from printflow_reliability.storage.objects import head
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.shop import FILES, GRACE_OVER, Shop, by_key, shop

__all__ = ["shop"]
pytestmark = pytest.mark.stack

CHECKS = ("files.missing", "files.tenancy", "files.content", "files.orphans")


@pytest.mark.alarm("files.missing", "silent")
@pytest.mark.alarm("files.tenancy", "silent")
@pytest.mark.alarm("files.content", "silent")
@pytest.mark.alarm("files.orphans", "silent")
def test_a_healthy_shop_is_silent(shop: Shop, tmp_path: Path) -> None:
    time.sleep(GRACE_OVER)
    report = shop.reconcile(findings_file=tmp_path / "findings.jsonl")
    assert [check.check for check in report.checks] == list(CHECKS)
    assert {check.outcome for check in report.checks} == {Outcome.PASS}
    assert (report.references, report.objects) == (FILES, FILES)
    assert by_key(tmp_path / "findings.jsonl") == {}


@pytest.mark.alarm("files.protection", "silent")
@pytest.mark.alarm("files.protection", "ring")
@pytest.mark.alarm("files.protection", "unknown")
def test_protection_is_judged_by_what_the_store_says_now(sandbox: StackSandbox) -> None:
    healthy = check_protection(sandbox.settings)
    admin, suspended = seaweedfs.client(sandbox.home, "print-files"), {"Status": "Suspended"}
    try:
        admin.put_bucket_versioning(Bucket="print-files", VersioningConfiguration=suspended)  # type: ignore[arg-type]
        damaged = check_protection(sandbox.settings)
    finally:
        admin.put_bucket_versioning(Bucket="print-files", VersioningConfiguration={"Status": "Enabled"})
    with sandbox.stopped("primary"):
        away = check_protection(sandbox.settings)
    with sandbox.stopped("live_db"):
        without_database = check_protection(sandbox.settings)
    with sandbox.stopped("offsite"):
        without_replica = check_protection(sandbox.settings)

    found = {item.name: item.outcome for item in healthy.buckets[0].items}
    assert found == {
        **dict.fromkeys(("versioning", "lifecycle", "replication", "public_access"), Outcome.PASS),
        **dict.fromkeys(("object_lock", "mfa_delete", "encryption"), Outcome.WARN),
        "public_access_block": Outcome.UNKNOWN,
    }
    assert [(item.name, item.outcome) for item in healthy.buckets[-1].items] == [("public_access", Outcome.PASS)]
    assert healthy.checks[0].outcome is Outcome.PASS, healthy.checks
    assert healthy.numbers["sampled_objects"] > 0
    assert damaged.checks[0].outcome is Outcome.FAIL
    assert "versioning is suspended" in damaged.checks[0].detail
    for report in (away, without_database, without_replica):
        assert report.checks[0].outcome is Outcome.UNKNOWN
    assert {item.name: item.outcome for item in without_database.buckets[0].items} == found


@pytest.mark.alarm("files.missing", "ring")
@pytest.mark.alarm("files.tenancy", "ring")
@pytest.mark.alarm("files.content", "ring")
@pytest.mark.alarm("files.orphans", "ring")
def test_every_fault_is_found_by_name_in_one_pass(shop: Shop, tmp_path: Path, record_property: Any) -> None:
    deleted, moved, gone = (shop.path(f"{n}.pdf") for n in (0, 1, 2))
    shop.delete(deleted)
    shop.destroy(moved, "print-files")
    lost = shop.refer(shop.path("never uploaded\nanywhere.pdf"))
    shop.delete(gone)
    with postgres.superuser(shop.sandbox.home, "live_db", "live_db") as connection:
        connection.execute("UPDATE stack_files SET soft_deleted = true WHERE key = %s", (gone,))
    shop.put(shop.path("Über uns.pdf"))
    spelled = {
        shop.refer(key): shop.path("Über uns.pdf")
        for key in (
            shop.path("über uns.PDF"),
            shop.path("%C3%9Cber%20uns.pdf"),
            shop.path("U\u0308ber uns.pdf"),
            "/" + shop.path("Über uns.pdf"),
            "https://cdn.example.com/print-files/" + shop.path("Über uns.pdf"),
            # This server answers a HEAD of these two with the object; its listing tells the truth.
            shop.path("").replace("/", "//") + "Über uns.pdf",
            shop.path("Über uns.pdf").replace("/", "\\"),
        )
    }
    foreign = shop.refer(shop.put(shop.path("secret.pdf", shop.neighbour)))
    climbing = shop.refer(shop.path("../" + shop.neighbour + "/secret.pdf"))
    shorter = shop.refer(shop.put(shop.path("short.pdf"), b"%PD"), size=8)
    altered = shop.refer(shop.put(shop.path("altered.pdf"), b"altered"), sha256=hashlib.sha256(b"good").hexdigest())
    _remember_in_ledger(shop, altered, b"altered")
    folder = shop.refer(shop.path("previews/"))
    shop.put(shop.path("previews/1.png"))
    empty = shop.refer(shop.path("empty/"))
    orphan = shop.put(shop.path("orphan.pdf"))
    time.sleep(GRACE_OVER)
    began = time.monotonic()

    report = shop.reconcile(findings_file=tmp_path / "findings.jsonl")

    record_property("seconds_to_ring", time.monotonic() - began)
    found = by_key(tmp_path / "findings.jsonl")
    expected = {
        deleted: ("missing_restorable", "critical"),
        moved: ("missing_restorable", "critical"),
        gone: ("missing_restorable", "info"),
        lost: ("missing_lost", "critical"),
        foreign: ("wrong_tenant", "critical"),
        climbing: ("wrong_tenant", "critical"),
        shorter: ("size_mismatch", "critical"),
        altered: ("checksum_mismatch", "critical"),
        empty: ("missing_lost", "critical"),
        orphan: ("orphan", "warning"),
    } | dict.fromkeys(spelled, ("near_miss", "critical"))
    assert {key: (finding.kind, finding.severity) for key, finding in found.items()} == expected
    assert folder not in found
    assert found[deleted].version_id is not None
    assert "version" in found[deleted].action
    assert "print-files-replica" in found[moved].action
    for key, meant in spelled.items():
        assert repr(meant) in found[key].action
    assert {check.outcome for check in report.checks} == {Outcome.FAIL}
    assert exit_code(check.outcome for check in report.checks) == 1
    assert report.tenants[shop.tenant]["near_miss"] == len(spelled)
    with open_records(shop.settings.records) as connection:
        kept = passes.newest(connection, "reconcile", shop.tenant)
        assert kept is not None
        assert kept.id == report.pass_id
        assert {finding.key: finding for finding in passes.findings_of(connection, kept.id)} == found


@pytest.mark.alarm("files.missing", "unknown")
@pytest.mark.alarm("files.tenancy", "unknown")
@pytest.mark.alarm("files.content", "unknown")
@pytest.mark.alarm("files.orphans", "unknown")
def test_a_server_killed_in_mid_pass_is_unknown_and_leaves_no_findings_file(shop: Shop, tmp_path: Path) -> None:
    shop.delete(shop.path("0.pdf"))
    with ExitStack() as until_the_end:
        connections = iter(range(100))

        def connect_with(cluster: ClusterSettings, database: str | None) -> AbstractContextManager[Connection]:
            if next(connections) == 3:  # the second look: the whole listing was read by now
                until_the_end.enter_context(shop.sandbox.stopped("primary"))
            return connect(cluster, database=database)

        report = shop.reconcile(findings_file=tmp_path / "findings.jsonl", connect_with=connect_with)
        assert {check.outcome for check in report.checks} == {Outcome.UNKNOWN}
        assert "print-files" in report.checks[0].detail
        assert exit_code(check.outcome for check in report.checks) == 2
        assert list(tmp_path.iterdir()) == []
        command = CliRunner().invoke(_app(), ["--config", str(shop.sandbox.config), "files", "reconcile", "--json"])
    assert command.exit_code == 2
    assert {check["outcome"] for check in json.loads(command.stdout)["checks"]} == {"unknown"}


def test_a_database_that_is_away_is_unknown(shop: Shop, tmp_path: Path) -> None:
    with shop.sandbox.stopped("live_db"):
        report = shop.reconcile(findings_file=tmp_path / "findings.jsonl")
        assert {check.outcome for check in report.checks} == {Outcome.UNKNOWN}
        assert "cluster live_db cannot be reached" in report.checks[0].detail
        with pytest.raises(CouldNotTell):
            tenants(shop.settings)
    assert list(tmp_path.iterdir()) == []


def test_without_its_replica_nothing_is_called_lost(shop: Shop) -> None:
    shop.destroy(shop.path("0.pdf"), "print-files")
    with shop.sandbox.stopped("offsite"):
        report = shop.reconcile()
    assert {check.outcome for check in report.checks} == {Outcome.UNKNOWN}
    assert "print-files-replica" in report.checks[0].detail


def test_without_records_the_report_still_comes_and_says_so(shop: Shop) -> None:
    shop.delete(shop.path("0.pdf"))
    with shop.sandbox.stopped("system_db"):
        report = shop.reconcile()
    outcomes = {check.check: check.outcome for check in report.checks}
    assert outcomes["files.missing"] is Outcome.FAIL
    assert outcomes["files.orphans"] is Outcome.PASS
    assert any("not kept in the records" in warning for warning in report.warnings)


def test_a_tenant_whose_files_are_all_gone_is_refused_as_a_misconfiguration(shop: Shop, tmp_path: Path) -> None:
    for n in range(FILES):
        shop.delete(shop.path(f"{n}.pdf"))
    with pytest.raises(Refused, match="empty although 30 references"):
        shop.reconcile(findings_file=tmp_path / "findings.jsonl")
    shop.put(shop.path("0.pdf"))
    with pytest.raises(Refused, match="max_missing_fraction"):
        shop.reconcile(findings_file=tmp_path / "findings.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_row_gone_and_a_file_written_during_the_pass_are_no_findings(shop: Shop) -> None:
    vanishing, late = shop.path("0.pdf"), shop.path("1.pdf")
    shop.delete(vanishing)
    shop.delete(late)
    connections = iter(range(100))

    def connect_with(cluster: ClusterSettings, database: str | None) -> AbstractContextManager[Connection]:
        if next(connections) == 3:
            with postgres.superuser(shop.sandbox.home, "live_db", "live_db") as connection:
                connection.execute("DELETE FROM stack_files WHERE key = %s", (vanishing,))
            shop.put(late)
        return connect(cluster, database=database)

    report = shop.reconcile(connect_with=connect_with)
    assert {check.outcome for check in report.checks} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT id AS tenant, '' AS owner FROM tenants", 'returns no column "key"'),
        ("SELECT nothing FROM tenants", 'column "nothing" does not exist'),
        ("SELECT tenant, owner, key FROM no_such_table", 'relation "no_such_table" does not exist'),
        ("SELEC tenant", "syntax error"),
        (
            "SELECT id AS tenant, '' AS owner, '' AS key, 1 AS weight FROM tenants",
            'a column "weight" that has no meaning',
        ),
        ("SELECT id AS tenant, '' AS owner, '' AS key, 'x' AS size FROM tenants", 'column "size" is text'),
        ("DELETE FROM error_logs RETURNING '' AS tenant, '' AS owner, '' AS key", "syntax error"),
    ],
)
def test_a_query_that_the_database_refuses_is_named_by_its_key(sandbox: StackSandbox, query: str, said: str) -> None:
    reference = sandbox.settings.reference[0]
    broken = sandbox.settings.model_copy(
        update={"reference": (reference, reference.model_copy(update={"query": query}))}
    )
    with pytest.raises(ConfigError, match=r"reference\[1\]\.query") as raised:
        reconcile(broken)
    assert said in raised.value.what


def test_references_stream_in_the_byte_order_of_their_keys(shop: Shop) -> None:
    for key in ("B", "a", "a-b", "a.b", "a/b", "é", "z", "\U0001f600", "\uffff", "new\nline\ttab\\"):
        shop.refer(key)
    shop.refer("B", owner="another")

    def streamed(tenant: str) -> list[str]:
        whose = [Tenant(tenant, shop.path("", tenant))]
        return [reference.key for reference in open_catalog(shop.settings).references("print-files", whose)]

    keys = streamed(shop.tenant)
    assert keys == sorted(keys, key=lambda key: key.encode())
    assert keys.count("B") == 2
    assert "new\nline\ttab\\" in keys
    assert streamed(shop.neighbour) == []


def test_a_column_with_paths_that_no_query_covers_is_named(shop: Shop) -> None:
    with postgres.superuser(shop.sandbox.home, "live_db", "live_db") as connection:
        connection.execute("CREATE TABLE stack_forgotten (snapshot jsonb, known text)")
        try:
            connection.execute(
                "INSERT INTO stack_forgotten VALUES (jsonb_build_object('files', jsonb_build_array("
                "jsonb_build_object('path', %s::text, 'name', 'a/b')))::jsonb, %s)",
                (shop.path("forgotten.pdf"), shop.path("0.pdf")),
            )
            report = check_catalog(shop.settings)
        finally:
            connection.execute("DROP TABLE stack_forgotten")
    assert [reference.name for reference in report.references] == ["stack file"]
    named = {(column.table, column.column): column.example for column in report.uncovered}
    assert named[("stack_forgotten", "snapshot.files[].path")] == shop.path("forgotten.pdf")
    assert ("stack_forgotten", "known") not in named


def test_paid_items_come_with_their_time_in_utc_and_missing_artwork_as_none(shop: Shop) -> None:
    paid = """SELECT 7 AS "order", tenant, timestamp '2026-11-02 03:00' AS paid_at, NULL::text AS key
              FROM stack_tenants WHERE tenant IN (SELECT tenant FROM stack_files)"""
    settings = shop.settings.model_copy(update={"orders": shop.settings.orders.model_copy(update={"paid": paid})})
    (item,) = paid_items(settings, ["7"]).items
    assert (item.order, item.tenant, item.key) == ("7", shop.tenant, None)
    assert item.paid_at == datetime(2026, 11, 2, 3, tzinfo=UTC)
    assert paid_items(settings, ["8"]).items == ()


def _remember_in_ledger(shop: Shop, key: str, body: bytes) -> None:
    there = head(shop.clients["print-files"], "print-files", key)
    assert there is not None
    with open_records(shop.settings.records) as connection:
        connection.execute(
            """INSERT INTO print_files (bucket, key, version_id, etag, size, sha256, verdict,
                                            problems, rules, checked_at)
               VALUES ('print-files', %s, %s, %s, %s, %s, 'good', '[]', '', now())""",
            (key, there.version_id, there.etag, there.size, hashlib.sha256(body).hexdigest()),
        )


def _app() -> Any:
    from printflow_reliability.cli import app  # every capability's commands, needed by one test only

    return app
