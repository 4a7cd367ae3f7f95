"""Records that are stopped: an order that loses its artwork is paged all the same, and is in them once afterwards."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import TupleRow

from printflow_reliability.alerts.folding import Folded, fold
from printflow_reliability.alerts.outbox import Alert, raise_alert, recorded_alerts
from printflow_reliability.checks import Outcome
from printflow_reliability.findings import Severity
from printflow_reliability.orders.away import fold_held, fold_lifted
from printflow_reliability.orders.holds import held
from printflow_reliability.orders.known import known_to
from printflow_reliability.records.database import open_records
from printflow_reliability.records.spool import Spool, entry
from printflow_reliability.records.spool_lines import HELD, LIFTED, RAISED, RESOLVED, TOLD, Entry
from printflow_reliability.sandbox import postgres
from printflow_reliability.watch.away import AWAY, StandIn
from printflow_reliability.watch.watch import Watch
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

Records = psycopg.Connection[TupleRow]
ROUTE = "on call"
TABLES = ("holds", "alerts", "known_orders", "leases", "spooled_entries")
LINKED = """
SELECT i.id, i.print_ready_file, o.id::text FROM order_items i JOIN orders o ON o.id = i.order_id
WHERE o.status = 'paid' AND o.deleted_at IS NULL AND i.print_ready_file IS NOT NULL
  AND o.paid_at < now() - interval '1 hour' ORDER BY i.id LIMIT 1"""
LINK = "UPDATE order_items SET print_ready_file = %s WHERE id = %s"
OTHERS = {HELD: fold_held, LIFTED: fold_lifted}


@pytest.fixture
def away(sandbox: StackSandbox) -> Iterator[StackSandbox]:
    """The sandbox with nothing held, told or leased, before and after."""
    empty(sandbox)
    yield sandbox
    empty(sandbox)


def empty(sandbox: StackSandbox) -> None:
    with open_records(sandbox.settings.records) as connection:
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")


@pytest.fixture
def records(away: StackSandbox) -> Iterator[Records]:
    with open_records(away.settings.records) as connection:
        yield connection


@pytest.fixture
def watch(away: StackSandbox, tmp_path: Path) -> Iterator[Watch]:
    spool = Spool(tmp_path / "spool", 1_000_000)
    yield Watch("watch", StandIn.of(spool))
    spool.close()


def paged(sandbox: StackSandbox, key: str) -> list[str]:
    answer = httpx.get(f"{sandbox.services['receiver'].endpoint}/received").json()
    return [kept["body"]["event"] for kept in answer["received"] if kept["body"]["dedup_key"] == key]


def spooled(order: str) -> tuple[Entry, Entry]:
    """A hold and its alert, as the spool has them."""
    fields: dict[str, Any] = {"tenant": "t", "paid_at": None, "reason": "never linked", "files": [{"key": None}]}
    alert = {"key": f"order:{order}", "severity": "critical", "title": "Held", "body": "Next: mend it"}
    return entry(HELD, order=order, **fields), entry(RAISED, **alert)


def deliveries(records: Records) -> Sequence[tuple[str, str, bool]]:
    rows = (
        "SELECT a.dedup_key, d.event, d.delivered_at IS NOT NULL FROM deliveries d JOIN alerts a ON a.id = d.alert_id"
    )
    return [
        (key, event, told) for key, event, told in records.execute(f"{rows} ORDER BY a.id, d.event DESC").fetchall()
    ]


def test_an_order_that_loses_its_artwork_is_paged_and_recorded_once(away: StackSandbox, watch: Watch) -> None:
    with postgres.superuser(away.home, "live_db", "live_db") as platform:
        item, key, order = platform.execute(LINKED).fetchall()[0]
        assert watch.go_round(away.settings).outcome is Outcome.PASS
        pages = paged(away, f"order:{order}")
        try:
            with away.stopped("system_db"):
                quiet = watch.go_round(away.settings)
                platform.execute(LINK, (None, item))
                rung = watch.go_round(away.settings)
                again = watch.go_round(away.settings)
                told = paged(away, f"order:{order}")[len(pages) :]
            back = [watch.go_round(away.settings) for _ in range(2)]
            with open_records(away.settings.records) as records:
                holds = [hold for hold in held(records) if hold.order == order]
                alerts = [alert for alert in recorded_alerts(records) if alert.dedup_key == f"order:{order}"]
        finally:
            platform.execute(LINK, (key, item))
        watch.go_round(away.settings)

    assert quiet.outcome is Outcome.UNKNOWN  # nobody is held, and no inspection is forgotten by that
    assert f"1 paid order must not go to print; order {order}" in rung.said
    assert rung.outcome is again.outcome is Outcome.FAIL
    assert told == ["trigger"]
    assert f"order {order}" in back[0].said
    assert len(holds) == len(alerts) == 1
    assert [delivery["delivered_at"] is not None for delivery in alerts[0].deliveries] == [True]
    assert paged(away, f"order:{order}")[len(pages) :] == ["trigger", "resolve"]
    assert paged(away, AWAY)[-2:] == ["trigger", "resolve"]


RAISING = (
    "CREATE FUNCTION raises() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$; "
    "CREATE TRIGGER raises BEFORE INSERT OR UPDATE ON leases EXECUTE FUNCTION raises()"
)


@pytest.mark.parametrize(
    ("refuse", "again", "says"),
    [
        (
            "ALTER ROLE records SET default_transaction_read_only = on",
            "ALTER ROLE records RESET default_transaction_read_only",
            "read-only transaction",
        ),
        (RAISING, "DROP FUNCTION raises CASCADE", "not today"),
    ],
)
def test_records_that_answer_and_refuse_are_away_and_an_order_is_paged_without_them(
    away: StackSandbox, watch: Watch, refuse: str, again: str, says: str
) -> None:
    with (
        postgres.superuser(away.home, "system_db", "records") as server,
        postgres.superuser(away.home, "live_db", "live_db") as platform,
    ):
        item, key, order = platform.execute(LINKED).fetchall()[0]
        pages = paged(away, f"order:{order}")
        server.execute(refuse.encode())
        try:
            platform.execute(LINK, (None, item))
            rung = watch.go_round(away.settings)
        finally:
            server.execute(again.encode())
        back = watch.go_round(away.settings)
        platform.execute(LINK, (key, item))
        watch.go_round(away.settings)

    assert says in rung.said
    assert f"order {order}" in back.said
    assert paged(away, f"order:{order}")[len(pages) :] == ["trigger", "resolve"]


def test_a_spool_is_taken_over_once_however_often_it_is_tried(away: StackSandbox, records: Records) -> None:
    hold, alert = spooled("7")
    told = entry(TOLD, event=alert["id"], route=ROUTE)
    for taken in (2, 0):
        assert fold(records, away.settings, [hold, alert, told], OTHERS) == Folded(taken)

    assert [(found.order, found.reason, found.since.isoformat()) for found in held(records)] == [
        ("7", "never linked", hold["at"])
    ]
    (kept,) = recorded_alerts(records)
    assert (kept.dedup_key, kept.times) == ("order:7", 1)
    assert deliveries(records) == [("order:7", "trigger", True)]


def test_an_entry_that_the_records_refuse_keeps_no_other_from_them(away: StackSandbox, records: Records) -> None:
    hold, alert = spooled("7")
    odd = [
        {**hold, "id": "odd order", "order": "a\0b"},
        {**hold, "id": "odd tenant", "tenant": "\udcff"},
        {**alert, "id": "odd key", "key": "a\0b"},
    ]
    assert fold(records, away.settings, [odd[0], hold, odd[1], alert, odd[2]], OTHERS) == Folded(2, refused=3)
    assert fold(records, away.settings, [hold, *odd], OTHERS) == Folded(0, refused=3)
    assert [found.order for found in held(records)] == ["7"]
    assert [kept.dedup_key for kept in recorded_alerts(records)] == ["order:7"]


def test_what_no_route_was_told_is_delivered_by_the_outbox(away: StackSandbox, records: Records) -> None:
    fold(records, away.settings, spooled("7"), OTHERS)
    assert deliveries(records) == [("order:7", "trigger", False)]


def test_an_order_that_was_held_and_mended_and_held_is_so_in_its_history(away: StackSandbox, records: Records) -> None:
    hold, alert = spooled("7")
    lifted, resolved = entry(LIFTED, order="7"), entry(RESOLVED, key="order:7")
    again, alert_again = spooled("7")
    told = [entry(TOLD, event=event["id"], route=ROUTE) for event in (alert, resolved)]
    fold(records, away.settings, [hold, alert, lifted, resolved, again, alert_again, *told], OTHERS)

    rows = records.execute("SELECT lifted_at IS NULL FROM holds ORDER BY since").fetchall()
    assert [is_open for (is_open,) in rows] == [False, True]
    assert deliveries(records) == [
        ("order:7", "trigger", True),
        ("order:7", "resolve", True),
        ("order:7", "trigger", False),
    ]


def test_an_order_that_the_records_hold_already_is_held_and_open_once(away: StackSandbox, records: Records) -> None:
    fold(records, away.settings, spooled("7"), OTHERS)
    fold(records, away.settings, spooled("7"), OTHERS)

    assert len(held(records)) == 1
    assert [alert.times for alert in recorded_alerts(records)] == [2]


def test_a_hold_of_which_nobody_has_heard_yet_is_not_known(away: StackSandbox, records: Records) -> None:
    fold(records, away.settings, [spooled("7")[0], spooled("8")[0]], OTHERS)
    raise_alert(records, away.settings, Alert("order:7", Severity.CRITICAL, "Held", "Next: mend it"))

    assert known_to(records).told == {"8"}
    records.execute("UPDATE deliveries SET delivered_at = now()")
    assert known_to(records).told == {"7", "8"}
