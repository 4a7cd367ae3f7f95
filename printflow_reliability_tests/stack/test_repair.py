"""Repairing paid orders on the real platform: what brings the artwork back, and what never may."""

from pathlib import Path

import psycopg
import pytest

from printflow_reliability.errors import PrintflowError
from printflow_reliability.platform.order_writes import NewLink, write_link
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import pdfs, postgres, seaweedfs
from printflow_reliability.sandbox.faults import planted
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.repairs import BUCKET, Printflow, guarded, held, keys, linked, printflow, repairs

__all__ = ["guarded", "printflow"]
pytestmark = pytest.mark.stack


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

        with open_records(guarded.settings.records) as connection:  # killed after the link was written
            connection.execute("UPDATE order_repairs SET ended_at = NULL, outcome = NULL")
        code, again = printflow("orders", "repair", order, "--apply")
        assert (code, again["plan"], again["done"]) == (0, [], [])
        assert repairs(guarded) == [(order, "relink", "Ada", "interrupted", 1)]


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


def test_a_key_of_somebody_else_is_never_linked(guarded: StackSandbox, printflow: Printflow) -> None:
    others = "SELECT i.print_ready_file FROM order_items i JOIN orders o ON o.id = i.order_id WHERE o.id <> %s AND "
    same = others + "o.tenant_id::text = %s AND o.status = 'fulfilled' ORDER BY o.id LIMIT 1"
    another = others + "o.tenant_id::text <> %s ORDER BY o.id LIMIT 1"
    with planted(guarded.home, "print_ready_link_lost") as there:
        order, tenant = there.where["order"], there.where["tenant"]
        with postgres.superuser(guarded.home, "live_db", "live_db") as connection:
            rows = [connection.execute(query.encode(), (order, tenant)).fetchone() for query in (same, another)]
        before = linked(guarded)
        for key, says in (
            (rows[0] and rows[0][0], "does not lie in the item's own folder"),
            (rows[1] and rows[1][0], "outside the tenant's own path"),
            (f"tenants/{tenant}/orders/{order}/none.pdf", "not in the bucket"),
        ):
            code, refused = printflow("orders", "repair", order, f"--key={key}", "--apply")
            assert (code, refused["done"], refused["ready"]) == (1, [], False)
            assert says in refused["plan"][0]["detail"]
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
        assert linked(guarded) == before


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"link": "UPDATE order_items SET print_ready_file = %(key)s WHERE %(order)s = %(order)s OR %(was)s = 'x'"},
            "rows",
        ),
        ({"link": "DELETE FROM order_items WHERE id::text = %(item)s AND %(order)s || %(key)s <> %(was)s"}, "may not"),
        ({"link": "UPDATE nothing SET a = %(key)s WHERE b = %(order)s AND c = %(was)s"}, "does not exist"),
        ({"url": "records"}, "leads to another database"),
        ({"url": "postgresql://nobody:secret@127.0.0.1:1/live_db"}, "orders.repair.url: "),
    ],
)
def test_a_statement_or_a_role_that_is_wrong_changes_nothing_and_is_named(
    guarded: StackSandbox, changes: dict[str, str], says: str
) -> None:
    settings, before = guarded.settings, linked(guarded)
    assert settings.orders.repair is not None
    if changes.get("url") == "records":
        changes = {"url": settings.records.url}
    wrong = settings.orders.model_copy(update={"repair": settings.orders.repair.model_copy(update=changes)})
    item, (key, size, sha256) = next(iter(before.items()))
    with pytest.raises(PrintflowError) as refused:
        write_link(
            settings.model_copy(update={"orders": wrong}),
            NewLink("1", str(item), None, key, "a.pdf", size, sha256),
        )
    assert says in refused.value.what
    assert "secret" not in refused.value.sentence
    assert linked(guarded) == before


def test_a_link_that_changed_meanwhile_is_left_as_it_is(guarded: StackSandbox) -> None:
    before = linked(guarded)
    item, (_, size, sha256) = next(iter(before.items()))
    assert not write_link(guarded.settings, NewLink("1", str(item), None, "another.pdf", "a.pdf", size, sha256))
    assert linked(guarded) == before


def test_the_role_that_repairs_may_do_no_more(guarded: StackSandbox) -> None:
    with psycopg.connect(postgres.url(guarded.home, "live_db", "printflow_repair"), autocommit=True) as connection:
        for statement in ("DELETE FROM order_items", "UPDATE orders SET total_cents = 0", "SELECT * FROM customers"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
