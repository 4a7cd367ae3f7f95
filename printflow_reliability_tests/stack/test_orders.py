"""The paid-order guard on the real platform: what has no usable artwork is held and told, and nothing else is."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql

from printflow_reliability.alerts.outbox import recorded_alerts
from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
from printflow_reliability.errors import ConfigError
from printflow_reliability.orders.guard import check_order, check_paid_orders
from printflow_reliability.orders.settling import MANY
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox.faults import Planted, planted
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

Record = Callable[[str, object], None]


@pytest.fixture
def guarded(sandbox: StackSandbox) -> Iterator[StackSandbox]:
    """The sandbox without holds, alerts, known orders and known files, before and after."""
    _forget(sandbox)
    yield sandbox
    _forget(sandbox)


def _forget(sandbox: StackSandbox) -> None:
    with open_records(sandbox.settings.records) as connection:
        for table in ("holds", "alerts", "known_orders", "order_overrides", "print_files"):
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


def open_alerts(sandbox: StackSandbox) -> dict[str, int]:
    with open_records(sandbox.settings.records) as connection:
        return {
            recorded_alert.dedup_key: recorded_alert.times
            for recorded_alert in recorded_alerts(connection)
            if recorded_alert.resolved_at is None
        }


def live(sandbox: StackSandbox) -> psycopg.Connection:
    return psycopg.connect(postgres.url(sandbox.home, "live_db", "platform_app"), autocommit=True)


@pytest.mark.alarm("orders.artwork", "silent")
def test_paid_orders_with_their_artwork_are_free(guarded: StackSandbox) -> None:
    report = check_paid_orders(guarded.settings)

    assert report.checks[0].outcome is Outcome.PASS
    assert report.held == ()
    assert report.numbers["paid_orders"] == report.numbers["ready_orders"] > 10
    assert open_alerts(guarded) == {}


@pytest.mark.alarm("orders.artwork", "ring")
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("print_ready_link_lost", "never linked"),
        ("object_deleted", "not in the bucket"),
        ("object_gone", "not in the bucket"),
        ("wrong_tenant_path", "outside its tenant's own path"),
        ("key_near_miss", "not in the bucket"),
        ("pdf_truncated", "cut off"),
        ("pdf_html_error", "an HTML page"),
    ],
)
def test_a_paid_order_without_usable_artwork_is_held_until_it_is_mended(
    guarded: StackSandbox, record_property: Record, fault: str, says: str
) -> None:
    with planted(guarded.home, fault) as there:
        began = time.monotonic()
        report = check_paid_orders(guarded.settings)
        record_property("seconds_to_ring", time.monotonic() - began)
        again = check_paid_orders(guarded.settings)
        told = open_alerts(guarded)
        answer = check_order(guarded.settings, there.where["order"])
    mended = check_paid_orders(guarded.settings)

    order = there.where["order"]
    assert report.checks[0].outcome is Outcome.FAIL
    assert [(hold.order, hold.tenant) for hold in report.held] == [(order, there.where["tenant"])]
    assert says in report.held[0].reason
    assert [hold.since for hold in again.held] == [hold.since for hold in report.held]
    assert told == {f"order:{order}": 1}
    assert not answer.ready
    assert mended.checks[0].outcome is Outcome.PASS
    assert mended.numbers["lifted"] == 1
    assert open_alerts(guarded) == {}


@pytest.mark.alarm("orders.artwork", "unknown")
@pytest.mark.parametrize("server", ["primary", "live_db", "system_db"])
def test_with_a_system_away_nothing_is_held_and_nothing_is_freed(guarded: StackSandbox, server: str) -> None:
    with planted(guarded.home, "print_ready_link_lost") as there:
        check_paid_orders(guarded.settings)
        with guarded.stopped(server):
            report = check_paid_orders(guarded.settings)
            orders = ["--config", str(guarded.config), "orders"]
            code = run([*orders, "check", there.where["order"]])
            repaired = run([*orders, "repair", there.where["order"], "--apply"])
        after = check_paid_orders(guarded.settings)

    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert report.held == ()
    assert (code, repaired) == (2, 2)
    assert [hold.order for hold in after.held] == [there.where["order"]]
    assert after.numbers["newly_held"] == 0


def test_a_database_that_hangs_is_unknown_within_the_time_limit(guarded: StackSandbox) -> None:
    began = time.monotonic()
    with guarded.frozen("live_db"):
        report = check_paid_orders(guarded.settings)

    assert report.checks[0].outcome is Outcome.UNKNOWN
    assert time.monotonic() - began < 60


def test_a_refunded_order_needs_no_hold(guarded: StackSandbox) -> None:
    with planted(guarded.home, "print_ready_link_lost") as there, live(guarded) as connection:
        held = check_paid_orders(guarded.settings).held
        connection.execute("UPDATE orders SET status = 'refunded' WHERE id = %s", (there.where["order"],))
        try:
            report = check_paid_orders(guarded.settings)
            with pytest.raises(ConfigError, match="no paid order"):
                check_order(guarded.settings, there.where["order"])
        finally:
            connection.execute("UPDATE orders SET status = 'paid' WHERE id = %s", (there.where["order"],))

    assert len(held) == 1
    assert report.held == ()
    assert open_alerts(guarded) == {}


def test_an_order_that_was_only_just_paid_may_wait_for_its_artwork(guarded: StackSandbox) -> None:
    patient = guarded.settings.orders.model_copy(update={"grace_seconds": 300.0})  # on a busy machine too
    with planted(guarded.home, "print_ready_link_lost") as there, live(guarded) as connection:
        (before,) = connection.execute("SELECT paid_at FROM orders WHERE id = %s", (there.where["order"],)).fetchall()[
            0
        ]
        connection.execute("UPDATE orders SET paid_at = now() WHERE id = %s", (there.where["order"],))
        try:
            report = check_paid_orders(guarded.settings.model_copy(update={"orders": patient}))
        finally:
            connection.execute("UPDATE orders SET paid_at = %s WHERE id = %s", (before, there.where["order"]))

    assert report.held == ()
    assert report.numbers["waiting_orders"] == 1
    assert open_alerts(guarded) == {}


def test_one_cause_and_many_orders_is_one_alert_with_a_count(guarded: StackSandbox) -> None:
    with live(guarded) as connection, connection.transaction(force_rollback=False):
        keys = connection.execute("SELECT id, print_ready_file FROM order_items").fetchall()
        connection.execute("UPDATE order_items SET print_ready_file = NULL")
    try:
        report = check_paid_orders(guarded.settings)
        told = open_alerts(guarded)
    finally:
        with live(guarded) as connection, connection.cursor() as cursor:
            cursor.executemany("UPDATE order_items SET print_ready_file = %s WHERE id = %s", [(k, i) for i, k in keys])
    mended = check_paid_orders(guarded.settings)

    assert len(report.held) > MANY
    assert told == {"orders:held-many": 1}
    assert mended.checks[0].outcome is Outcome.PASS
    assert open_alerts(guarded) == {}


def test_two_guards_at_once_hold_and_tell_once(guarded: StackSandbox) -> None:
    with planted(guarded.home, "print_ready_link_lost") as there, ThreadPoolExecutor(max_workers=2) as pool:
        reports = list(pool.map(lambda _: check_paid_orders(guarded.settings), range(2)))
        told = open_alerts(guarded)

    assert sum(report.numbers["newly_held"] for report in reports) == 1
    assert told == {f"order:{there.where['order']}": 1}


def test_the_commands_keep_their_promises(guarded: StackSandbox, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(guarded.config)]

    assert run([*config, "orders", "held", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["held"] == []
    with planted(guarded.home, "print_ready_link_lost") as there:
        assert run([*config, "orders", "held", "--json"]) == 1
        held = json.loads(capsys.readouterr().out)["held"]
        assert run([*config, "orders", "held"]) == 1
        said = capsys.readouterr().out
        assert run([*config, "orders", "check", there.where["order"], "--json"]) == 1
        answer = json.loads(capsys.readouterr().out)
    assert run([*config, "orders", "check", there.where["order"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ready"] is True
    assert run([*config, "orders", "check", "no-such-order"]) == 2
    assert "no-such-order" in capsys.readouterr().err

    assert {"order", "tenant", "paid_at", "reason", "files", "since", "action"} <= held[0].keys()
    assert f"\n{there.where['order']} " in said
    assert "FAIL: 1 paid order must not go to print" in said
    assert answer == {"order": there.where["order"], "ready": False, "reasons": ["print-ready file was never linked"]}


def test_each_fault_is_planted_in_an_order_of_its_own(guarded: StackSandbox) -> None:
    orders: list[str] = []
    for fault in ("print_ready_link_lost", "object_deleted", "pdf_truncated", "pdf_html_error", "key_near_miss"):
        with planted(guarded.home, fault) as there:
            assert isinstance(there, Planted)
            orders.append(there.where["order"])

    assert len(set(orders)) == len(orders)
