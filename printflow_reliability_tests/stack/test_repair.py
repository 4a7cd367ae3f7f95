"""Repairing paid orders on the real platform: what brings the artwork back, and what never may."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from printflow_reliability.errors import PrintflowError
from printflow_reliability.orders.repair import search, steps
from printflow_reliability.orders.repair.plan import Status
from printflow_reliability.orders.repair.repair import repair
from printflow_reliability.platform import order_writes
from printflow_reliability.platform.order_writes import Conflict, NewLink, write_link
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import pdfs, postgres, seaweedfs
from printflow_reliability.sandbox.faults import planted
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.erased import erased
from printflow_reliability_tests.stack.repairs import BUCKET, Printflow, guarded, held, keys, linked, printflow, repairs

__all__ = ["guarded", "printflow"]
pytestmark = pytest.mark.stack

ITEM = """
SELECT i.id, o.id::text, i.print_ready_file, i.print_ready_size, i.print_ready_sha256
FROM order_items i JOIN orders o ON o.id = i.order_id WHERE o.status = 'paid' ORDER BY i.id LIMIT 1"""
TAKES_BACK = """
CREATE FUNCTION takes_back() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.print_ready_file := OLD.print_ready_file; RETURN NEW; END $$;
CREATE TRIGGER takes_back BEFORE UPDATE ON order_items FOR EACH ROW EXECUTE FUNCTION takes_back()"""


def with_statement(sandbox: StackSandbox, link: str) -> Settings:
    """The sandbox's settings, with another statement that writes links."""
    orders = sandbox.settings.orders
    assert orders.repair is not None
    changed = orders.model_copy(update={"repair": orders.repair.model_copy(update={"link": link})})
    return sandbox.settings.model_copy(update={"orders": changed})


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


def test_a_file_that_was_erased_on_purpose_is_left_to_a_person(guarded: StackSandbox, printflow: Printflow) -> None:
    with planted(guarded.home, "object_deleted") as there:
        order, key = there.where["order"], there.where["key"]
        with erased(guarded.settings, key) as number:
            code, done = printflow("orders", "repair", order, "--apply")
    assert (code, done["ready"]) == (1, False), done
    (step,) = done["plan"]
    assert (step["way"], step["status"]) == ("person", "needs_person"), step
    assert f"it was erased on purpose (erasure {number}, ada, " in step["detail"]


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


def test_a_folder_that_is_hardly_one_items_is_that_items_trouble(
    guarded: StackSandbox, printflow: Printflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_IN_A_FOLDER", 0)
    with planted(guarded.home, "print_ready_link_lost") as there:
        code, plan = printflow("orders", "repair", there.where["order"], "--apply")
        assert (code, [step["status"] for step in plan["plan"]]) == (1, ["needs_person"])
        assert "holds more than 0 objects" in plan["plan"][0]["detail"]


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
            (f"tenants/{tenant}/orders/{order}/\ud800.pdf", "S3 has no such keys"),
            (f"tenants/{tenant}/orders/{order}/a\0b.pdf", "S3 has no such keys"),
            (f"tenants/{tenant}/orders/{order}/{'é' * 600}.pdf", "S3 has no such keys"),
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
        for empty in ("--key=", "--item="):
            code, said = printflow("orders", "repair", order, empty, "--apply")
            assert (code, "is empty" in str(said)) == (2, True)
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


WAITS = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'printflow_repair' AND wait_event_type = 'Lock'"
ORDER_FIRST = """
WITH locked AS MATERIALIZED (SELECT id FROM orders WHERE id::text = %(order)s FOR UPDATE)
UPDATE order_items SET print_ready_file = %(key)s FROM locked
WHERE order_id = locked.id AND order_items.id::text = %(item)s AND print_ready_file IS NOT DISTINCT FROM %(was)s"""


@pytest.mark.parametrize(
    ("set_up", "link", "then", "error"),
    [
        ("SET default_transaction_isolation = 'repeatable read'", None, None, psycopg.errors.SerializationFailure),
        (  # the writer looks for a deadlock once it has waited for this long, and is the one that gives way
            "SET deadlock_timeout = '3s'",
            ORDER_FIRST,
            "UPDATE orders SET status = status WHERE id = %s",
            psycopg.errors.DeadlockDetected,
        ),
    ],
)
def test_a_transaction_of_somebody_else_is_waited_for_and_the_link_is_written_all_the_same(
    guarded: StackSandbox,
    monkeypatch: pytest.MonkeyPatch,
    set_up: str,
    link: str | None,
    then: str | None,
    error: type[psycopg.Error],
) -> None:
    conflicts: list[BaseException | None] = []

    def seen(*given: Any) -> bool:
        try:
            return in_a_transaction(*given)
        except Conflict as conflict:
            conflicts.append(conflict.__context__)
            raise

    in_a_transaction = order_writes._in_a_transaction
    monkeypatch.setattr(order_writes, "_in_a_transaction", seen)
    settings = with_statement(guarded, link) if link else guarded.settings
    with postgres.superuser(guarded.home, "live_db", "live_db") as server, ThreadPoolExecutor(max_workers=1) as pool:
        server.execute(f"ALTER ROLE printflow_repair {set_up}".encode())
        try:
            item, order, was, size, sha256 = server.execute(ITEM).fetchall()[0]
            server.execute("SET deadlock_timeout = '60s'")
            with server.transaction():
                server.execute("UPDATE order_items SET print_ready_size = print_ready_size WHERE id = %s", (item,))
                writing = pool.submit(write_link, settings, NewLink(order, str(item), None, was, "a.pdf", size, sha256))
                while server.execute(WAITS).fetchone() == (0,) and not writing.done():
                    server.execute("SELECT pg_stat_clear_snapshot()")
                if then:
                    server.execute(then.encode(), (order,))
            assert writing.result(60)
        finally:
            server.execute(f"ALTER ROLE printflow_repair RESET {set_up.split()[1]}".encode())
    assert linked(guarded)[item][0] == "a.pdf"
    assert [type(conflict) for conflict in conflicts] == [error]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("SELECT 1 WHERE %(key)s <> %(order)s AND %(was)s::text IS NULL", "still does not return"),
        (None, "still does not return"),
    ],
    ids=["no change at all", "a trigger that takes it back"],
)
def test_a_statement_that_says_it_changed_a_row_is_not_believed(
    guarded: StackSandbox, monkeypatch: pytest.MonkeyPatch, statement: str | None, says: str
) -> None:
    monkeypatch.setattr(steps, "READING_SECONDS", (0.1,))
    settings = with_statement(guarded, statement) if statement else guarded.settings
    with (
        planted(guarded.home, "print_ready_link_lost") as there,
        postgres.superuser(guarded.home, "live_db", "live_db") as server,
    ):
        server.execute(TAKES_BACK if statement is None else "SELECT 1")
        try:
            report = repair(settings, there.where["order"], apply=True, person="Ada")
        finally:
            server.execute("DROP FUNCTION IF EXISTS takes_back CASCADE")
    assert not report.answer.ready
    assert [(step.status, says in step.detail) for step in report.done] == [(Status.FAILED, True)]
    assert repairs(guarded)[0][3] == "failed"


def test_a_policy_that_hides_rows_from_the_role_is_named_with_what_lifts_it(guarded: StackSandbox) -> None:
    item, (key, size, sha256) = next(iter(linked(guarded).items()))
    with postgres.superuser(guarded.home, "live_db", "live_db") as server:
        server.execute("ALTER TABLE order_items ENABLE ROW LEVEL SECURITY")
        try:
            with pytest.raises(PrintflowError) as refused:
                write_link(guarded.settings, NewLink("1", str(item), None, key, "a.pdf", size, sha256))
        finally:
            server.execute("ALTER TABLE order_items DISABLE ROW LEVEL SECURITY")
    assert 'ALTER ROLE "printflow_repair" BYPASSRLS' in refused.value.next_step


def test_the_role_that_repairs_may_do_no_more(guarded: StackSandbox) -> None:
    with psycopg.connect(postgres.url(guarded.home, "live_db", "printflow_repair"), autocommit=True) as connection:
        for statement in ("DELETE FROM order_items", "UPDATE orders SET total_cents = 0", "SELECT * FROM customers"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
