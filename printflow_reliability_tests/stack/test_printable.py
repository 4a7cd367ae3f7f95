"""Files of open paid orders as of a recovered moment, read from a real versioned bucket on either platform."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.validation.printable import check_printable
from printflow_reliability.platform.queries import connect_to_platform
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox.pdfs import print_pdf
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.shelf import SEALED, Shelf, shelf_at
from printflow_reliability_tests.stack.shelf_site import Site, in_sandbox

pytestmark = pytest.mark.stack

PAID = """
SELECT owner AS "order", tenant, now() - interval '1 day' AS paid_at, nullif(key, 'shops/1/') AS key
FROM ({files}) AS file"""


@dataclass
class Orders:
    """A shelf whose rows are the items of open paid orders."""

    shelf: Shelf

    def settings(self, **drills: object) -> Settings:
        site = self.shelf.site
        every = self.shelf.settings
        paid = PAID.format(files=site.layout.files)
        changes = {"cluster": site.cluster, "bucket": self.shelf.bucket, "paid": paid, "lookup": None, "repair": None}
        orders = every.orders.model_copy(update={**changes, "grace_seconds": 0.0})
        return every.model_copy(update={"orders": orders, "drills": every.drills.model_copy(update=drills)})

    def add(self, order: str, body: bytes | None = None) -> str:
        """An order with a print file of this content; without one, nothing lies under its key."""
        key = f"shops/1/{order}.pdf"
        if body is not None:
            self.shelf.put(key, body)
        return self.shelf.refer(key, owner=order)

    def check(self, moment: datetime | None, **drills: object) -> CheckResult:
        return check_printable(self.settings(**drills), connect_to_platform, moment, None)


@contextmanager
def orders_at(site: Site, name: str) -> Iterator[Orders]:
    """Orders of a test's own; the records know nothing of them afterwards."""
    with shelf_at(site, name) as shelf:
        try:
            yield Orders(shelf)
        finally:
            with open_records(site.settings.records) as records:
                records.execute("DELETE FROM print_files WHERE bucket = %s", (shelf.bucket,))
                records.execute("DELETE FROM order_readings WHERE order_id LIKE 'x%'")


def next_second() -> datetime:
    """A moment between what was written before and what is written after: S3 knows whole seconds only."""
    time.sleep(1.1)
    moment = datetime.now(UTC)
    time.sleep(1.1)
    return moment


@pytest.mark.alarm("drill.printable", "ring")
def test_each_file_is_read_as_it_was_at_the_moment_and_what_is_wrong_is_that_orders_finding(
    sandbox: StackSandbox,
) -> None:
    good = print_pdf(1)
    with orders_at(in_sandbox(sandbox), "printable-then") as orders:
        shelf = orders.shelf
        orders.add("x-good", good)
        overwritten, deleted = orders.add("x-overwritten", good), orders.add("x-deleted", good)
        mended = orders.add("x-mended", b"%PDF-1.4 cut off")
        moment = next_second()
        healthy_before = orders.check(None)
        shelf.put(overwritten, b"a bad deploy")
        shelf.delete(deleted)
        shelf.put(mended, good)
        early = orders.check(moment)
        now = orders.check(None)
        orders.add("x-late", good)
        orders.add("x-missing")
        shelf.refer("shops/1/", owner="x-unlinked")
        shelf.put("shops/1/x-sealed.pdf", **SEALED)
        shelf.refer("shops/1/x-sealed.pdf", owner="x-sealed")
        everything = orders.check(moment - timedelta(seconds=6))

    assert healthy_before.outcome is Outcome.FAIL
    assert "order x-mended: print-ready PDF is unusable" in healthy_before.detail
    # At the moment the overwritten and the deleted file were right, and the one that is right now was not.
    assert (early.outcome, early.numbers["printable_orders"], early.numbers["open_orders"]) == (Outcome.FAIL, 3, 4)
    assert early.numbers["earlier_version_orders"] == 2
    assert "order x-mended" in early.detail
    # At the end of WAL what is current counts.
    assert now.numbers["printable_orders"] == 2, now.detail
    for order in ("x-overwritten", "x-deleted"):
        assert f"order {order}: " in now.detail
    assert everything.outcome is Outcome.FAIL
    assert everything.numbers["printable_orders"] + everything.numbers["unprintable_orders"] < 8
    assert everything.numbers["unjudged_orders"] == 1, everything.detail
    assert "order x-unlinked: print-ready file was never linked" in everything.detail
    assert "order x-late: print-ready file was not in the bucket at that moment" in everything.detail
    assert "order x-sealed: " in everything.detail


def test_bytes_that_changed_in_place_are_found_and_a_budget_has_the_orders_take_turns(sandbox: StackSandbox) -> None:
    files = {f"x-{number}": print_pdf(number) for number in range(1, 4)}
    enough_for_two = max(map(len, files.values())) * 2
    with orders_at(in_sandbox(sandbox), "printable-turns") as orders:
        for order, body in files.items():
            orders.add(order, body)
        first = orders.check(None, printable_max_bytes=enough_for_two)
        second = orders.check(None, printable_max_bytes=enough_for_two)
        with open_records(orders.shelf.site.settings.records) as records:
            read = records.execute("SELECT order_id FROM order_readings WHERE order_id LIKE 'x-%'").fetchall()
            records.execute(
                "UPDATE print_files SET sha256 = repeat('0', 64) WHERE bucket = %s AND key LIKE '%%x-2.pdf'",
                (orders.shelf.bucket,),
            )
        altered = orders.check(None)
        none = orders.check(None, printable_max_bytes=1)
        with open_records(orders.shelf.site.settings.records) as records:
            kept = records.execute(
                "SELECT count(*) FROM print_files WHERE bucket = %s AND sha256 = repeat('0', 64)",
                (orders.shelf.bucket,),
            ).fetchone()

    assert (first.outcome, first.numbers["printable_orders"], first.numbers["not_read_orders"]) == (Outcome.WARN, 2, 1)
    assert "1 order was not read" in first.detail
    assert second.outcome is Outcome.WARN
    assert sorted(order for (order,) in read) == sorted(files)  # the one left out came first in the second drill
    assert altered.outcome is Outcome.FAIL
    assert "order x-2: print-ready file has other bytes than the ledger knows" in altered.detail
    assert (altered.numbers["printable_orders"], altered.numbers["open_orders"]) == (2, 3)
    assert kept == (1,)  # what was read first is not replaced by the damage
    assert (none.outcome, none.numbers["printable_orders"]) == (Outcome.UNKNOWN, 0)
