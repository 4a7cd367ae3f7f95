"""Repairing paid orders on the real platform: what brings the artwork back, and what never may."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from printflow_reliability.cli import run
from printflow_reliability.orders.guard import check_paid_orders
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import pdfs, postgres, seaweedfs
from printflow_reliability.sandbox.faults import planted
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

TABLES = ("holds", "alerts", "known_orders", "order_overrides", "print_files", "order_repairs", "accepted_files")
BUCKET = "print-files"
Printflow = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def guarded(sandbox: StackSandbox) -> Iterator[StackSandbox]:
    """The sandbox without records of orders, before and after, and its rows and objects as they were."""
    _forget(sandbox)
    links = linked(sandbox)
    objects = keys(sandbox)
    yield sandbox
    link = "UPDATE order_items SET print_ready_file = %s, print_ready_size = %s, print_ready_sha256 = %s WHERE id = %s"
    with postgres.superuser(sandbox.home, "live_db", "live_db") as connection, connection.cursor() as cursor:
        cursor.executemany(link, [(*row, item) for item, row in links.items()])
        connection.execute("UPDATE orders SET status = 'paid' WHERE status = 'generation_failed'")
    for key in keys(sandbox) - objects:
        erase(sandbox, key)
    _forget(sandbox)


def _forget(sandbox: StackSandbox) -> None:
    with open_records(sandbox.settings.records) as connection:
        for table in TABLES:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


def linked(sandbox: StackSandbox) -> Mapping[int, tuple[str | None, int, str]]:
    """What each order item is linked to."""
    query = "SELECT id, print_ready_file, print_ready_size, print_ready_sha256 FROM order_items"
    with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
        return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(query).fetchall()}


def keys(sandbox: StackSandbox) -> set[str]:
    """The bucket's objects."""
    pages = seaweedfs.client(sandbox.home, BUCKET).get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return {item["Key"] for page in pages for item in page.get("Contents", ())}


def erase(sandbox: StackSandbox, key: str) -> None:
    s3 = seaweedfs.client(sandbox.home, BUCKET)
    listed = s3.list_object_versions(Bucket=BUCKET, Prefix=key)
    for version in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
        s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])


def repairs(sandbox: StackSandbox) -> list[tuple[Any, ...]]:
    """The record of repairs: order, way, person, outcome, tries."""
    with open_records(sandbox.settings.records) as connection:
        return connection.execute(
            "SELECT order_id, way, person, outcome, tries FROM order_repairs ORDER BY id"
        ).fetchall()


@pytest.fixture
def printflow(guarded: StackSandbox, capsys: pytest.CaptureFixture[str]) -> Printflow:
    """Runs a command on the sandbox with --json: its exit code and its document, or what it said on stderr."""

    def called(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = run(["--config", str(guarded.config), *arguments, "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else {"said": err}

    return called


def held(sandbox: StackSandbox) -> list[str]:
    return [hold.order for hold in check_paid_orders(sandbox.settings).held]


def test_a_lost_link_is_written_back_once_a_person_says_so(guarded: StackSandbox, printflow: Printflow) -> None:
    before = linked(guarded)
    with planted(guarded.home, "print_ready_link_lost") as there:
        order, key = there.where["order"], there.where["key"]
        assert held(guarded) == [order]
        code, plan = printflow("orders", "repair", order)
        assert (code, plan["done"], plan["ready"]) == (1, [], False)
        assert [(step["way"], step["status"], step["key"]) for step in plan["plan"]] == [("relink", "planned", key)]
        assert repairs(guarded) == []

        code, done = printflow("orders", "repair", order, "--apply", "--by", "Ada")
        assert (code, done["ready"], done["reasons"]) == (0, True, []), done
        assert [step["key"] for step in done["done"]] == [key]
        assert linked(guarded) == before
        assert repairs(guarded) == [(order, "relink", "Ada", "done", 1)]
        with open_records(guarded.settings.records) as connection:
            assert connection.execute("SELECT count(*) FROM holds WHERE lifted_at IS NULL").fetchone() == (0,)

        code, again = printflow("orders", "repair", order, "--apply")
        assert (code, again["plan"], again["done"]) == (0, [], [])
        assert len(repairs(guarded)) == 1


@pytest.mark.parametrize(
    ("fault", "way"),
    [
        ("object_deleted", "heal"),
        ("pdf_truncated", "heal"),
        ("pdf_html_error", "heal"),
        ("wrong_tenant_path", "relink"),
        ("key_near_miss", "relink"),
    ],
)
def test_each_fault_of_the_platform_is_repaired(
    guarded: StackSandbox, printflow: Printflow, fault: str, way: str
) -> None:
    with planted(guarded.home, fault) as there:
        order = there.where["order"]
        code, done = printflow("orders", "repair", order, "--apply")
        assert (code, done["ready"]) == (0, True), done
        assert [(step["way"], step["status"]) for step in done["done"]] == [(way, "done")]
        assert held(guarded) == []
        assert printflow("orders", "check", order)[0] == 0


def test_a_file_that_a_person_gives_is_inspected_stored_and_linked(
    guarded: StackSandbox, printflow: Printflow, tmp_path: Path
) -> None:
    page, card = tmp_path / "page.pdf", tmp_path / "Größe & card.pdf"
    page.write_bytes(b"<html>502 Bad Gateway</html>")
    card.write_bytes(pdfs.print_pdf(4711))
    with planted(guarded.home, "object_gone") as there:
        order, before = there.where["order"], keys(guarded)
        code, refused = printflow("orders", "repair", order, f"--file={page}", "--apply")
        assert (code, refused["done"]) == (1, [])
        assert "HTML" in refused["plan"][0]["detail"]
        assert keys(guarded) == before

        for _ in range(2):  # again: it is there, and nothing is done
            code, done = printflow("orders", "repair", order, f"--file={card}", "--apply")
            assert (code, done["ready"]) == (0, True), done
        (new,) = keys(guarded) - before
        assert new.startswith(f"tenants/{there.where['tenant']}/orders/{order}/")
        assert new in {row[0] for row in linked(guarded).values()}
        assert [row[1:4:2] for row in repairs(guarded)] == [("replace", "done")]


def test_two_files_that_may_be_meant_are_left_to_a_person(guarded: StackSandbox, printflow: Printflow) -> None:
    with planted(guarded.home, "print_ready_link_lost") as there:
        order, key = there.where["order"], there.where["key"]
        other = f"{key.rpartition('/')[0]}/card-20261128T172000.pdf"
        seaweedfs.client(guarded.home, BUCKET).put_object(Bucket=BUCKET, Key=other, Body=pdfs.print_pdf(4711))
        code, plan = printflow("orders", "repair", order, "--apply")
        assert (code, plan["done"], plan["ready"]) == (1, [], False)
        assert plan["plan"][0]["status"] == "needs_person"
        assert sum("--key=" in option for option in plan["plan"][0]["options"]) == 2
        code, done = printflow("orders", "repair", order, f"--key={other}", "--apply")
        assert (code, done["ready"]) == (0, True), done


@pytest.mark.parametrize("of", ["another order", "another tenant", "nobody"])
def test_a_key_of_somebody_else_is_never_linked(guarded: StackSandbox, printflow: Printflow, of: str) -> None:
    others = "SELECT i.print_ready_file FROM order_items i JOIN orders o ON o.id = i.order_id WHERE o.id <> %s AND "
    same = others + "o.tenant_id::text = %s AND o.status = 'fulfilled' ORDER BY o.id LIMIT 1"
    another = others + "o.tenant_id::text <> %s ORDER BY o.id LIMIT 1"
    with planted(guarded.home, "print_ready_link_lost") as there:
        order, tenant = there.where["order"], there.where["tenant"]
        key: str | None = f"tenants/{tenant}/orders/{order}/none.pdf"
        if of != "nobody":
            with postgres.superuser(guarded.home, "live_db", "live_db") as connection:
                row = connection.execute(
                    (same if of == "another order" else another).encode(), (order, tenant)
                ).fetchone()
            assert row is not None
            (key,) = row
        before = linked(guarded)
        code, refused = printflow("orders", "repair", order, f"--key={key}", "--apply")
        assert (code, refused["done"], refused["ready"]) == (1, [], False)
        assert linked(guarded) == before
        assert repairs(guarded) == []


def test_the_customer_is_asked_once_and_the_order_stays_held(guarded: StackSandbox, printflow: Printflow) -> None:
    with planted(guarded.home, "object_gone") as there:
        order = there.where["order"]
        for _ in range(2):
            code, asked = printflow("orders", "repair", order, "--ask", "--apply")
            assert (code, asked["ready"]) == (1, False)
            assert [step["way"] for step in asked["done"]] == ["ask"]
        assert held(guarded) == [order]
        with postgres.superuser(guarded.home, "live_db", "live_db") as connection:
            row = connection.execute("SELECT status FROM orders WHERE id::text = %s", (order,)).fetchone()
        assert row == ("generation_failed",)


def test_what_cannot_be_done_is_said_and_nothing_is_changed(guarded: StackSandbox, printflow: Printflow) -> None:
    assert printflow("orders", "repair", "no-such-order")[0] == 2
    with planted(guarded.home, "print_ready_link_lost") as there:
        order, before = there.where["order"], linked(guarded)
        code, said = printflow("orders", "repair", order, "--key=x", "--ask")
        assert (code, "exclude one another" in str(said)) == (2, True)
        code, said = printflow("orders", "repair", order, "--item=none")
        assert (code, "no item none" in str(said)) == (2, True)
        for server in ("live_db", "primary", "system_db"):
            with guarded.stopped(server):
                assert printflow("orders", "repair", order, "--apply")[0] == 2
        assert linked(guarded) == before


def test_the_role_that_repairs_may_do_no_more(guarded: StackSandbox) -> None:
    with psycopg.connect(postgres.url(guarded.home, "live_db", "printflow_repair"), autocommit=True) as connection:
        for statement in ("DELETE FROM order_items", "UPDATE orders SET total_cents = 0", "SELECT * FROM customers"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
