"""One tenant's rows brought back out of a real clone, and nobody else's touched."""

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime

import psycopg
import pytest

from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.taken import BackupRequest
from printflow_reliability.cli import run
from printflow_reliability.errors import CouldNotTell, PrintflowError
from printflow_reliability.platform.queries import Connection, Connector
from printflow_reliability.platform.tenancy import tenants
from printflow_reliability.records.database import open_records
from printflow_reliability.records.session import RecordsSession
from printflow_reliability.recovery.tenant_restore import Committed, TenantRestore, bring_back, restore_tenant
from printflow_reliability.restore.targets import parse_target
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability.settings import ClusterSettings
from printflow_reliability.tenants.audit import record_kept
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.wal import switch_wal

pytestmark = pytest.mark.stack

SUBSCRIPTION = "SELECT * FROM subscriptions WHERE tenant_id = %s"
ARTWORK = """
SELECT i.print_ready_file FROM order_items i JOIN orders o ON o.id = i.order_id
WHERE o.tenant_id = %s AND i.print_ready_file IS NOT NULL ORDER BY i.id LIMIT 1
"""
TABLES = (
    *("tenants", "users", "customers", "products", "product_images", "designer_documents", "orders", "order_items"),
    *("quotes", "invoices"),
)
END_WRITERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = 'live_db'
"""
LOSE = """
DELETE FROM order_items WHERE order_id IN (SELECT id FROM orders WHERE tenant_id = %(tenant)s);
DELETE FROM invoices WHERE order_id IN (SELECT id FROM orders WHERE tenant_id = %(tenant)s);
DELETE FROM orders WHERE tenant_id = %(tenant)s
"""


@pytest.fixture(scope="module")
def backed_up(sandbox: StackSandbox) -> StackSandbox:
    take_base_backups(sandbox.settings, BackupRequest(type="full"))
    return sandbox


@pytest.fixture
def live_db(backed_up: StackSandbox) -> Iterator[psycopg.Connection]:
    with postgres.superuser(backed_up.home, "live_db", "live_db") as connection:
        yield connection


def moment_of(sandbox: StackSandbox, live_db: psycopg.Connection) -> datetime:
    """A moment that lies between two commits of every cluster."""
    time.sleep(1.1)
    row = live_db.execute("SELECT clock_timestamp()").fetchone()
    time.sleep(0.1)
    assert row is not None
    with postgres.superuser(sandbox.home, "admin_db", "admin_db") as connection:
        connection.execute("CREATE TABLE later (); DROP TABLE later")
    return row[0]  # type: ignore[no-any-return]


def contents(live_db: psycopg.Connection) -> dict[str, tuple[int, int]]:
    """Of each table that holds rows of tenants how many there are, and a digest of all of them."""
    found = {}
    for name in TABLES:
        query = f"SELECT count(*), coalesce(sum(hashtextextended(x::text, 0)), 0) FROM {name} AS x"
        row = live_db.execute(query.encode()).fetchone()
        assert row is not None
        found[name] = (row[0], int(row[1]))
    return found


def orders_of(live_db: psycopg.Connection, tenant: str) -> int:
    row = live_db.execute("SELECT count(*) FROM orders WHERE tenant_id = %s", (tenant,)).fetchone()
    assert row is not None
    return int(row[0])


def test_a_tenants_lost_rows_come_back_the_same_and_nobody_elses_change(
    backed_up: StackSandbox, live_db: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant = tenants(backed_up.settings)[0].id
    before, orders = contents(live_db), orders_of(live_db, tenant)
    with postgres.superuser(backed_up.home, "admin_db", "admin_db") as admin_db:
        subscription = admin_db.execute(SUBSCRIPTION, (tenant,)).fetchone()
    row = live_db.execute(ARTWORK, (tenant,)).fetchone()
    assert row is not None
    key = row[0]
    moment = moment_of(backed_up, live_db)
    with postgres.superuser(backed_up.home, "admin_db", "admin_db") as admin_db:
        admin_db.execute("DELETE FROM subscriptions WHERE tenant_id = %s", (tenant,))
    for statement in LOSE.split(";"):
        live_db.execute(statement.encode(), {"tenant": tenant})
    live_db.execute(
        "UPDATE products SET name = name || '!' WHERE id = (SELECT min(id) FROM products WHERE tenant_id = %s)",
        (tenant,),
    )
    client = seaweedfs.client(backed_up.home, "print-files")
    artwork = client.get_object(Bucket="print-files", Key=key)["Body"].read()
    client.delete_object(Bucket="print-files", Key=key)
    switch_wal(backed_up, "live_db")
    switch_wal(backed_up, "admin_db")
    argv = ["--config", str(backed_up.config), "tenant", "restore", tenant, "--to", moment.isoformat(), "--json"]
    assert run(argv) == 1
    planned = {table["table"]: table for table in json.loads(capsys.readouterr().out)["plan"]}
    assert planned["public.orders"]["insert"] == orders
    assert planned["public.products"]["conflict"] == 1
    assert planned["public.tenants"] == {
        "table": "public.tenants",
        "insert": 0,
        "conflict": 0,
        "unchanged": 1,
        "conflicts": [],
        "cluster": "live_db",
    }
    assert orders_of(live_db, tenant) == 0
    assert run([*argv, "--apply"]) == 1  # the conflict needs a person
    done = json.loads(capsys.readouterr().out)
    assert done["restored"] == sum(table["insert"] for table in planned.values())
    live_db.execute("UPDATE products SET name = rtrim(name, '!')")
    assert contents(live_db) == before
    assert [action["key"] for action in done["healed_files"]["actions"] if action["deed"] == "healed"] == [key]
    assert client.get_object(Bucket="print-files", Key=key)["Body"].read() == artwork
    assert planned["public.subscriptions"]["insert"] == 1
    with postgres.superuser(backed_up.home, "admin_db", "admin_db") as admin_db:
        assert admin_db.execute(SUBSCRIPTION, (tenant,)).fetchone() == subscription
    assert {check["name"] for check in done["files"]} == {"files.missing", "files.tenancy", "files.content"}
    with open_records(backed_up.settings.records) as records:
        audit = records.execute("SELECT tenant, rows_written FROM tenant_restores ORDER BY id DESC LIMIT 1").fetchone()
    assert audit == (tenant, done["restored"])


def test_an_order_that_went_to_another_tenant_meanwhile_is_not_given_rows(
    backed_up: StackSandbox, live_db: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    restored, other, *_ = (tenant.id for tenant in tenants(backed_up.settings))
    before = contents(live_db)
    item = live_db.execute(
        "SELECT i.id, i.order_id FROM order_items i JOIN orders o ON o.id = i.order_id WHERE o.tenant_id = %s "
        "ORDER BY 1 LIMIT 1",
        (restored,),
    ).fetchone()
    assert item is not None
    moment = moment_of(backed_up, live_db)
    live_db.execute("CREATE TABLE kept AS SELECT * FROM order_items WHERE id = %s", (item[0],))
    live_db.execute("DELETE FROM order_items WHERE id = %s", (item[0],))
    live_db.execute("UPDATE orders SET tenant_id = %s WHERE id = %s", (other, item[1]))
    try:
        switch_wal(backed_up, "live_db")
        switch_wal(backed_up, "admin_db")
        argv = ["--config", str(backed_up.config), "tenant", "restore", restored, "--to", moment.isoformat(), "--apply"]
        assert run(argv) == 2
        assert "are another tenant's in production" in capsys.readouterr().err
        assert live_db.execute("SELECT FROM order_items WHERE id = %s", (item[0],)).rowcount == 0
    finally:
        live_db.execute("UPDATE orders SET tenant_id = %s WHERE id = %s", (restored, item[1]))
        live_db.execute("INSERT INTO order_items SELECT * FROM kept")
        live_db.execute("DROP TABLE kept")
    assert contents(live_db) == before


OTHERS = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


@pytest.fixture
def as_then(backed_up: StackSandbox) -> Iterator[Connector]:
    """Opens databases that stay as they are now; two rows of the first tenant, of different clusters, are then lost."""
    tenant = tenants(backed_up.settings)[0].id
    lost = {
        "live_db": "DELETE FROM quotes WHERE tenant_id = %s",
        "admin_db": "DELETE FROM audit_logs WHERE tenant_id = %s",
    }
    for name, statement in lost.items():
        with postgres.superuser(backed_up.home, name) as connection:
            connection.execute(OTHERS, (name,))  # what looks again and again keeps its sessions for a while
            connection.execute(f"CREATE DATABASE as_then TEMPLATE {name}".encode())
        with postgres.superuser(backed_up.home, name, name) as connection:
            assert connection.execute(statement.encode(), (tenant,)).rowcount == 1

    def connect_with(cluster: ClusterSettings, _database: str | None) -> AbstractContextManager[Connection]:
        return postgres.superuser(backed_up.home, cluster.name, "as_then")

    yield connect_with
    for name in lost:
        with postgres.superuser(backed_up.home, name) as connection:
            connection.execute("DROP DATABASE as_then WITH (FORCE)")


def audits(sandbox: StackSandbox) -> list[tuple[object, ...]]:
    with open_records(sandbox.settings.records) as records:
        return records.execute("SELECT tenant, rows_written FROM tenant_restores ORDER BY id").fetchall()


def test_a_restore_whose_audit_record_fails_says_what_is_committed_and_the_next_one_records_it(
    backed_up: StackSandbox, as_then: Connector
) -> None:
    tenant, before = tenants(backed_up.settings)[0].id, audits(backed_up)
    directory = backed_up.settings.drills.directory
    with ExitStack() as stack:
        records = stack.enter_context(RecordsSession(backed_up.settings.records, "test"))

        def committed(cluster: str, _rows: int) -> None:
            if cluster == "live_db":
                stack.enter_context(backed_up.stopped("system_db"))

        done = bring_back(
            backed_up.settings, tenant, datetime.now(UTC), as_then, records, apply=True, committed=committed
        )
    assert done.written == 2
    assert done.as_json()["committed"] == {"admin_db": 1, "live_db": 1}
    (trouble,) = done.trouble
    (file,) = directory.glob("*.audit.json")
    assert trouble.startswith("the audit record is not in the records yet: ")
    assert str(file) in trouble
    assert file.stat().st_mode & 0o777 == 0o600
    assert audits(backed_up) == before
    with RecordsSession(backed_up.settings.records, "test") as records:
        kept = file.read_text()
        record_kept(records, directory)
        file.write_text(kept)  # as a process leaves it that is killed before it could remove the file
        record_kept(records, directory)
    assert audits(backed_up) == [*before, (tenant, 2)]
    assert list(directory.glob("*.audit.json")) == []


def test_a_commit_that_fails_after_another_names_what_is_committed_and_the_rest_comes_with_the_same_again(
    backed_up: StackSandbox, as_then: Connector
) -> None:
    tenant, before = tenants(backed_up.settings)[0].id, audits(backed_up)

    def committed(cluster: str, _rows: int) -> None:
        if cluster == "admin_db":
            with postgres.superuser(backed_up.home, "live_db", "live_db") as connection:
                connection.execute(END_WRITERS)

    def again(committed: Committed) -> TenantRestore:
        with RecordsSession(backed_up.settings.records, "test") as records:
            return bring_back(
                backed_up.settings, tenant, datetime.now(UTC), as_then, records, apply=True, committed=committed
            )

    with pytest.raises(
        CouldNotTell, match=r"commit in cluster live_db failed.* Committed before it: 1 row in admin_db"
    ):
        again(committed)
    assert audits(backed_up) == [*before, (tenant, 1)]
    done = again(lambda _cluster, _rows: None)
    assert done.as_json()["committed"] == {"admin_db": 0, "live_db": 1}
    assert audits(backed_up) == [*before, (tenant, 1), (tenant, 1)]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://platform_app:wrong@127.0.0.1:{port}/live_db", "tenancy.restore_url: "),
        ("postgresql://nobody@127.0.0.1:1/live_db", "tenancy.restore_url: "),
        ("no url", "tenancy.restore_url: "),
        ("{records}", "tenancy.restore_url: leads to another database than the url of cluster live_db"),
    ],
)
def test_a_restore_url_that_leads_nowhere_or_elsewhere_is_told_before_anything_is_recovered(
    backed_up: StackSandbox, url: str, said: str
) -> None:
    settings = backed_up.settings
    url = url.format(port=backed_up.home.port("live_db"), records=settings.records.url)
    wrong = settings.model_copy(update={"tenancy": settings.tenancy.model_copy(update={"restore_url": url})})
    target = parse_target("2026-11-02T00:00:00Z", datetime.now(UTC))
    with pytest.raises(PrintflowError) as refused:
        restore_tenant(wrong, "x", target, repository=1, apply=True, tell=lambda _phase, _what: None)
    assert refused.value.what.startswith(said)
    assert "wrong" not in refused.value.sentence


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody", "--to", "2026-11-02T00:00:00"], "has no time zone"),
        (["nobody", "--to", "latest"], "--to: a tenant is restored to a given time"),
        (["nobody", "--to", "2000-01-01T00:00:00Z"], "lies outside of what repo1 can restore"),
    ],
)
def test_what_cannot_be_restored_is_said_in_one_message(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(["--config", str(backed_up.config), "tenant", "restore", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert list(backed_up.settings.drills.directory.glob("*")) == []
