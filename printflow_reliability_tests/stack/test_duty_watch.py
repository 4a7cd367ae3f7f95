"""Whoever looked after the guard and has fallen silent is missed by the one that lives, and by nobody too early."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import TupleRow

from printflow_reliability.alerts.duty_watch import mind_absent
from printflow_reliability.alerts.outbox import recorded_alerts
from printflow_reliability.records.database import open_records
from printflow_reliability.records.leases import announce, give_back, withdraw
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

Records = psycopg.Connection[TupleRow]
WATCH, DAGSTER = "printflow watch on venus", "Dagster on pluto"
SILENT = "UPDATE leases SET until = clock_timestamp() - make_interval(secs => %s) WHERE holder = %s"
LONG_THERE = "UPDATE leases SET since = clock_timestamp() - interval '1 hour' WHERE holder = %s"


@pytest.fixture
def records(sandbox: StackSandbox) -> Iterator[Records]:
    """Records in which both are there, the watch for long."""
    with open_records(sandbox.settings.records) as connection:
        empty(connection)
        for holder in (WATCH, DAGSTER):
            announce(connection, "guard", holder)
        connection.execute(LONG_THERE, (WATCH,))
        yield connection
        empty(connection)


def empty(records: Records) -> None:
    records.execute("DELETE FROM leases")
    records.execute("DELETE FROM alerts")


def missed(sandbox: StackSandbox, records: Records, by: str = WATCH) -> list[str]:
    """The titles of the alerts that are open after a look."""
    mind_absent(records, sandbox.settings, "guard", by)
    return [alert.title for alert in recorded_alerts(records) if alert.resolved_at is None]


def test_while_both_are_there_nobody_is_missed(sandbox: StackSandbox, records: Records) -> None:
    assert missed(sandbox, records) == missed(sandbox, records, DAGSTER) == []


def test_a_daemon_that_has_fallen_silent_is_told_once_and_until_it_is_back(
    sandbox: StackSandbox, records: Records
) -> None:
    records.execute(SILENT, (1, DAGSTER))
    assert missed(sandbox, records) == missed(sandbox, records) == ["Dagster on pluto has fallen silent (guard)"]
    (alert,) = recorded_alerts(records)
    assert alert.times == 1
    assert "last heard of 1 min" in alert.body

    announce(records, "guard", DAGSTER)
    assert missed(sandbox, records) == []


def test_after_records_were_away_nobody_is_missed_at_once(sandbox: StackSandbox, records: Records) -> None:
    records.execute(SILENT, (600, WATCH))
    records.execute(SILENT, (600, DAGSTER))
    announce(records, "guard", WATCH)
    assert missed(sandbox, records) == []
    records.execute(LONG_THERE, (WATCH,))
    assert missed(sandbox, records) == ["Dagster on pluto has fallen silent (guard)"]


def test_who_ended_in_good_order_is_not_missed(sandbox: StackSandbox, records: Records) -> None:
    records.execute(LONG_THERE, (DAGSTER,))
    give_back(sandbox.settings.records, "guard", WATCH, for_good=True)
    assert missed(sandbox, records, DAGSTER) == []


def test_who_was_taken_away_for_good_is_forgotten_after_a_day(sandbox: StackSandbox, records: Records) -> None:
    records.execute(SILENT, (1, DAGSTER))
    assert len(missed(sandbox, records)) == 1
    records.execute(SILENT, (2 * 86_400, DAGSTER))
    assert missed(sandbox, records) == []
    withdraw(records, "guard", DAGSTER)  # nothing of it is left
    assert records.execute("SELECT count(*) FROM leases").fetchone() == (1,)
