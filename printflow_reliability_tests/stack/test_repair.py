"""Repairing paid orders on the real platform: what brings the artwork back, and what never may."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from psycopg import sql

from printflow_reliability.cli import run
from printflow_reliability.orders.guard import check_paid_orders
from printflow_reliability.orders.repair import repair
from printflow_reliability.orders.repair_plan import Status
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import node_pdf_service, pdfs, postgres, seaweedfs
from printflow_reliability.sandbox.faults import planted
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

TABLES = ("holds", "alerts", "known_orders", "order_overrides", "print_files", "order_repairs", "accepted_files")
BUCKET = "print-files"
BIN = str(Path(sys.executable).with_name("printflow"))
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
    with redis.Redis.from_url(sandbox.home.secret("redis.url")) as queue:  # a job that is known is not done again
        for job in [*queue.scan_iter("bull:print-files:printflow-*")]:
            queue.zrem("bull:print-files:completed", job.decode().rpartition(":")[2])
            queue.delete(job)


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


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"link": "UPDATE order_items SET print_ready_file = %(key)s WHERE %(order)s = %(order)s OR %(was)s = 'x'"},
            "rows",
        ),
        ({"link": "DELETE FROM order_items WHERE id::text = %(item)s AND %(order)s || %(key)s <> %(was)s"}, "may not"),
        ({"link": "UPDATE nothing SET a = %(key)s WHERE b = %(order)s AND c = %(was)s"}, "does not exist"),
        (
            {"link": "UPDATE order_items SET print_ready_file = %(key)s WHERE %(order)s = %(was)s"},
            "no longer what it was",
        ),
        ({"url": "records"}, "leads to another database"),
        ({"url": "postgresql://nobody:secret@127.0.0.1:1/live_db"}, "orders.repair.url: "),
    ],
)
def test_a_statement_or_a_role_that_is_wrong_changes_nothing_and_is_named(
    guarded: StackSandbox, changes: dict[str, str], says: str
) -> None:
    settings = guarded.settings
    assert settings.orders.repair is not None
    if changes.get("url") == "records":
        changes = {"url": settings.records.url}
    repairs_with = settings.orders.repair.model_copy(update=changes)
    orders = settings.orders.model_copy(update={"repair": repairs_with})
    with planted(guarded.home, "print_ready_link_lost") as there:
        before = linked(guarded)
        report = repair(settings.model_copy(update={"orders": orders}), there.where["order"], apply=True, person="Ada")
        assert linked(guarded) == before
    (step,) = report.done
    assert (step.status, report.answer.ready) == (Status.FAILED, False)
    assert says in step.detail
    assert "secret" not in step.detail


def test_the_role_that_repairs_may_do_no_more(guarded: StackSandbox) -> None:
    with psycopg.connect(postgres.url(guarded.home, "live_db", "printflow_repair"), autocommit=True) as connection:
        for statement in ("DELETE FROM order_items", "UPDATE orders SET total_cents = 0", "SELECT * FROM customers"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


needs_node = pytest.mark.skipif(bool(node_pdf_service.missing()), reason=node_pdf_service.missing())


@pytest.fixture
def lost(guarded: StackSandbox) -> Iterator[Mapping[str, str]]:
    """A paid order whose file is gone from everywhere."""
    with planted(guarded.home, "object_gone") as there:
        yield there.where


def made(sandbox: StackSandbox, before: set[str]) -> list[str]:
    """The names of the files that came since."""
    return sorted(key.rpartition("/")[2] for key in keys(sandbox) - before)


@needs_node
def test_a_file_that_is_lost_is_made_again_once_whatever_is_at_work(
    guarded: StackSandbox, printflow: Printflow, lost: Mapping[str, str]
) -> None:
    order, before = lost["order"], keys(guarded)
    code, plan = printflow("orders", "repair", order)
    assert (code, [step["way"] for step in plan["plan"]]) == (1, ["regenerate"])
    command = [BIN, "--config", str(guarded.config), "orders", "repair", order, "--apply"]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    codes = sorted(process.wait(120) for process in both)
    assert codes[0] == 0
    assert codes[1] in (0, 2), "the other had nothing left to do, or was told that somebody is at it"
    assert printflow("orders", "check", order)[0] == 0
    assert len(made(guarded, before)) == 1
    assert [row[1:4:2] for row in repairs(guarded)] == [("regenerate", "done")]


@needs_node
def test_a_repair_that_is_killed_is_completed_by_the_next_without_a_second_file(
    guarded: StackSandbox, printflow: Printflow, lost: Mapping[str, str]
) -> None:
    order, before = lost["order"], keys(guarded)
    node_pdf_service.behave(guarded.home, "hang", 1)
    process = subprocess.Popen(
        [BIN, "--config", str(guarded.config), "orders", "repair", order, "--apply"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not repairs(guarded) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.kill()
    process.wait(30)
    assert [row[3] for row in repairs(guarded)] == [None]
    node_pdf_service.behave(guarded.home, "hang", 0)

    code, done = printflow("orders", "repair", order, "--apply", "--by", "Ada")
    assert (code, done["ready"]) == (0, True), done
    assert len(made(guarded, before)) == 1
    assert repairs(guarded) == [(order, "regenerate", "Ada", "done", 2)]


@needs_node
@pytest.mark.parametrize("fault", ["link_error_swallowed", "timestamped"])
def test_a_service_that_forgets_the_link_or_names_files_by_time_is_made_good(
    guarded: StackSandbox, printflow: Printflow, lost: Mapping[str, str], fault: str
) -> None:
    order, before = lost["order"], keys(guarded)
    node_pdf_service.behave(guarded.home, fault, 1)
    code, done = printflow("orders", "repair", order, "--apply")
    assert (code, done["ready"]) == (0, True), done
    (new,) = made(guarded, before)
    assert new in {row[0].rpartition("/")[2] for row in linked(guarded).values() if row[0]}


@needs_node
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("error_page", "answered 200 with a web page"),
        ("error_page_stored", "HTML"),
        ("other_order", "nothing was linked"),
        ("hang", "did not answer within"),
    ],
)
def test_what_a_faulty_service_makes_is_never_a_ready_order(
    guarded: StackSandbox, printflow: Printflow, lost: Mapping[str, str], fault: str, says: str, impatient: None
) -> None:
    order, before = lost["order"], linked(guarded)
    node_pdf_service.behave(guarded.home, fault, 1)
    code, failed = printflow("orders", "repair", order, "--apply")
    assert (code, failed["ready"], failed["done"]) == (1, False, []), failed
    assert says in failed["failed"][0]["detail"]
    assert "Next: " in failed["failed"][0]["detail"]
    changed = {item for item, row in linked(guarded).items() if row != before[item]}
    assert fault == "error_page_stored" or not changed, "the service itself linked what it stored"
    assert repairs(guarded)[0][3] in ("failed", "rejected")
    assert printflow("orders", "check", order)[0] == 1

    code, done = printflow("orders", "repair", order, "--regenerate", "--apply")
    assert (code, done["ready"]) == (0, True), done


@pytest.fixture
def impatient(guarded: StackSandbox) -> Iterator[None]:
    """The time limit of the pdf-service is short."""
    text = guarded.config.read_text()
    guarded.config.write_text(text.replace("timeout_seconds = 20", "timeout_seconds = 3"))
    yield
    guarded.config.write_text(text)
