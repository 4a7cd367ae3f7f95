"""The paid-order guard against odd rows, keys and files: each is its own order's trouble, and nobody else's."""

import random
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from urllib3 import HTTPResponse

from printflow_reliability.checks import Outcome
from printflow_reliability.orders import guard, guard_pass
from printflow_reliability.orders.guard import GuardReport
from printflow_reliability.orders.settling import STORM
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform import paid_orders
from printflow_reliability.platform.identifiers import kept
from printflow_reliability.sandbox import postgres
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage import lookup, single_keys
from printflow_reliability.storage.clients import s3_client
from printflow_reliability.storage.lookup import By
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.storage.single_keys import SingleKeys
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.counter import BUCKET, Counter, Row, counter_of
from printflow_reliability_tests.stack.hostile import FOLDER, KINDS, ODD_PATHS, READY, drawn

pytestmark = pytest.mark.stack

POISON = (sys.executable, str(Path(__file__).parents[1] / "pdf" / "poison.py"))


@pytest.fixture
def counter(sandbox: StackSandbox) -> Iterator[Counter]:
    with counter_of(sandbox) as counter:
        yield counter


def reasons(report: GuardReport) -> dict[str, str]:
    return {hold.order: hold.reason for hold in report.held}


def healthy(counter: Counter) -> dict[str, str]:
    """Twelve orders that are ready and two that are not; why those are held."""
    counter.odd_paths = ODD_PATHS
    for number in range(12):
        counter.sell(f"good {number:02}", f"orders/{number}/print-ready.pdf")
    counter.rows += [Row("gone", key=f"{FOLDER}gone.pdf"), Row("unlinked")]
    alone = reasons(counter.look())
    assert alone.keys() == {"gone", "unlinked"}
    return alone


@pytest.mark.parametrize("seed", range(5))
def test_whatever_hostile_is_mixed_in_the_other_orders_are_judged_as_without_it(counter: Counter, seed: int) -> None:
    chance = random.Random(seed)
    alone = healthy(counter)
    kinds = [*KINDS] if seed == 0 else chance.choices([*KINDS], k=chance.randint(1, 8))
    hostile = drawn(chance, counter, kinds)
    counter.rows += [row for kind in hostile.values() for row in kind.rows] + [
        Row(None),
        Row("", key=f"{FOLDER}gone.pdf"),
    ]
    chance.shuffle(counter.rows)
    report = counter.look()

    found = reasons(report)
    held = {kept(order): kind.says for order, kind in hostile.items() if kind.says != READY}
    assert {order: reason for order, reason in found.items() if order not in held} == alone
    assert {order: found.get(order) for order, says in held.items() if not re.search(says, found.get(order, ""))} == {}
    assert report.numbers["ready_orders"] == 12 + len(hostile) - len(held)
    assert report.numbers["waiting_orders"] == 0
    assert "2 rows of orders.paid without an order's number" in report.untold
    assert counter.look().numbers["newly_held"] == 0


def test_a_row_without_an_order_is_told_and_is_not_health(counter: Counter) -> None:
    counter.sell("1")
    counter.rows.append(Row(None))
    report = counter.look()

    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert "1 row of orders.paid without an order's number" in report.checks[0].detail
    assert report.numbers["ready_orders"] == 1


def test_a_paid_order_without_any_item_is_held(sandbox: StackSandbox, counter: Counter) -> None:
    with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
        (order,) = connection.execute(
            "INSERT INTO orders (tenant_id, customer_id, status, total_cents, paid_at) SELECT tenant_id, customer_id, "
            "'paid', 4200, now() - interval '1 day' FROM orders WHERE status = 'paid' LIMIT 1 RETURNING id::text"
        ).fetchall()[0]
        try:
            report = guard.check_paid_orders(sandbox.settings)
        finally:
            connection.execute("DELETE FROM orders WHERE id::text = %s", (order,))

    assert reasons(report) == {order: "print-ready file was never linked"}


def test_a_storm_is_one_page_also_for_those_that_join_it_and_one_table(counter: Counter) -> None:
    counter.sell("good")
    counter.rows += [Row(f"{number:04}") for number in range(5_000)]
    first = counter.look()
    counter.rows += [Row("later 1"), Row("later 2")]
    second = counter.look()

    assert (first.numbers["newly_held"], second.numbers["newly_held"]) == (5_000, 2)
    assert len(second.held) == 5_002
    assert counter.open_alerts() == {STORM}


def test_what_is_not_inspected_yet_waits_and_is_held_after_the_grace_period(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_pass, "INSPECTING_SECONDS", -1.0)
    counter.sell("old")
    counter.rows.append(counter.rows[0]._replace(order="young", paid_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S+00}"))
    report = counter.look()

    assert reasons(report) == {"old": "print-ready PDF has not been inspected yet"}
    assert (report.numbers["ready_orders"], report.numbers["waiting_orders"]) == (0, 1)
    monkeypatch.undo()
    assert counter.look().numbers["ready_orders"] == 2


def test_files_that_take_too_long_starve_no_other_and_end_no_look(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "InspectionWorker", partial(InspectionWorker, program=POISON))
    for name, seconds in {"PATIENCE": 0.2, "INSPECTING": 3.0, "STOP": 5.0}.items():
        monkeypatch.setattr(guard_pass, f"{name}_SECONDS", seconds)
    for number in range(20):
        key = counter.put(f"a{number:02}.pdf", b"waits")
        counter.rows.append(Row(f"slow {number:02}", key=key))
    for new in ("first", "second", "third"):  # each before one look: it waits for none that was there before it
        counter.rows.append(Row(new, key=counter.put(f"z {new}.pdf", b"good")))
        began = time.monotonic()
        report = counter.look()
        assert time.monotonic() - began < 30
        assert report.numbers["held_orders"] >= 20  # nobody waits to be held until the last file is inspected

    found = reasons(report)
    assert not {"first", "second", "third"} & found.keys()
    assert "could not be judged: its inspection was given up" in found["slow 00"]


@pytest.mark.parametrize("broken", [1, 8, None])
def test_files_that_the_server_fails_at_are_their_orders_trouble_and_all_are_the_servers(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, broken: int | None
) -> None:
    def failing(request: AWSPreparedRequest, **_: object) -> Any:
        number = request.url.rpartition("/")[2].partition(".")[0]
        return (
            AWSResponse(request.url, 500, HTTPHeaders(), HTTPResponse(BytesIO(), preload_content=False))
            if broken is None or (number.isdigit() and int(number) < broken)
            else None
        )

    def client(bucket: BucketSettings, **options: Any) -> object:
        made = s3_client(bucket, **options)
        made.meta.events.register("before-send.s3.GetObject", failing)
        return made

    monkeypatch.setattr("printflow_reliability.storage.clients.ATTEMPTS", 1)
    monkeypatch.setattr(single_keys, "s3_client", client)
    for number in range(10):
        counter.sell(f"{number}", f"{number}.pdf")
    report = counter.look()

    assert report.checks[0].outcome is (Outcome.UNKNOWN if broken is None else Outcome.FAIL)
    assert set(reasons(report)) == {f"{number}" for number in range(broken or 0)}
    assert report.numbers.get("ready_orders") == (None if broken is None else 10 - broken)


def test_a_query_that_takes_too_long_is_unknown_and_ends(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paid_orders, "STATEMENT_SECONDS", 1)
    counter.sell("1")
    counter.changes["paid"] = f"{counter.settings.orders.paid} WHERE pg_sleep(120) IS NOT NULL"
    began = time.monotonic()
    report = counter.look()

    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("by", By)
def test_keys_with_a_folder_each_are_told_by_listings_and_by_head_alike(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, by: By
) -> None:
    there = {counter.put(f"orders/{number}/print-ready.pdf", b"%PDF") for number in range(30)}
    missing = {f"{FOLDER}orders/{number}/print-ready.pdf" for number in range(30, 40)}
    if by is By.LISTING:
        monkeypatch.setattr(SingleKeys, "ask", lambda *_: pytest.fail("a HEAD"))
    found = lookup.look_up(counter.settings.bucket_named(BUCKET), [*there, *missing], by)

    assert {key for key, answer in found.items() if isinstance(answer, ObjectHead)} == there
    assert {key for key, answer in found.items() if answer is None} == missing
