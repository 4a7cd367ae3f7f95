"""Leases in the records: one works, the other stands by, and takes over when the first is dead or hangs."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import TupleRow

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.records import leases
from printflow_reliability.records.database import open_records
from printflow_reliability.records.leases import give_back, on_duty, take
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

NAME = "test"
UNTIL = "SELECT until - clock_timestamp() > interval '0' FROM leases WHERE name = %s AND holder = %s"
ENDED = "UPDATE leases SET until = clock_timestamp() - interval '1 s' WHERE name = %s"


@pytest.fixture
def records(sandbox: StackSandbox) -> Iterator[psycopg.Connection[TupleRow]]:
    with open_records(sandbox.settings.records) as connection:
        connection.execute("DELETE FROM leases")
        yield connection
        connection.execute("DELETE FROM leases")


def test_the_first_has_the_lease_and_the_other_hears_who(records: psycopg.Connection[TupleRow]) -> None:
    assert take(records, NAME, "Dagster on pluto").mine
    other = take(records, NAME, "watch")

    assert not other.mine
    assert other.holder == "Dagster on pluto"
    assert 0 < other.seconds_left <= leases.LEASE_SECONDS
    assert take(records, "something else", "watch").mine


def test_the_holder_renews_its_lease(records: psycopg.Connection[TupleRow]) -> None:
    take(records, NAME, "watch", lasting=1)
    assert take(records, NAME, "watch", lasting=100).mine
    assert take(records, NAME, "Dagster").seconds_left > 50


def test_a_lease_that_ended_by_the_databases_clock_is_the_others(records: psycopg.Connection[TupleRow]) -> None:
    take(records, NAME, "watch")
    records.execute(ENDED, (NAME,))

    assert take(records, NAME, "Dagster").mine
    assert not take(records, NAME, "watch").mine


def test_a_lease_of_a_clock_that_was_ahead_keeps_nobody_from_the_work(records: psycopg.Connection[TupleRow]) -> None:
    leases.announce(records, NAME, "watch")
    leases.announce(records, NAME, "Dagster")
    take(records, NAME, "watch")
    assert leases.there(records, NAME) == {"watch", "Dagster"}
    records.execute("UPDATE leases SET until = until + interval '1 day' WHERE holder = 'watch'")
    records.execute("UPDATE leases SET since = since - interval '1 hour'")

    assert take(records, NAME, "Dagster").mine
    assert leases.there(records, NAME) == {"Dagster"}
    assert leases.absent(records, NAME, "Dagster").keys() == {"watch"}
    leases.announce(records, NAME, "watch")
    assert leases.absent(records, NAME, "Dagster") == {}


def test_a_lease_that_is_given_back_is_anybodys_and_that_of_another_stays(
    sandbox: StackSandbox, records: psycopg.Connection[TupleRow]
) -> None:
    take(records, NAME, "watch")
    give_back(sandbox.settings.records, NAME, "Dagster")
    assert not take(records, NAME, "Dagster").mine

    give_back(sandbox.settings.records, NAME, "watch")
    assert take(records, NAME, "Dagster").mine


def test_a_lease_is_renewed_while_its_holder_works(
    sandbox: StackSandbox, records: psycopg.Connection[TupleRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEWED_EVERY_SECONDS", 0.05)
    with on_duty(sandbox.settings.records, NAME, "watch") as lease:
        assert lease.mine
        records.execute(ENDED, (NAME,))
        for _ in range(200):
            if records.execute(UNTIL, (NAME, "watch")).fetchone() == (True,):
                break
            records.execute("SELECT pg_sleep(0.05)")
        else:
            pytest.fail("the lease was not renewed")


def test_work_that_fails_gives_its_lease_back(sandbox: StackSandbox, records: psycopg.Connection[TupleRow]) -> None:
    def fails() -> None:
        with on_duty(sandbox.settings.records, NAME, "watch"):
            raise CouldNotTell("nothing answers")

    with pytest.raises(CouldNotTell):
        fails()
    assert take(records, NAME, "Dagster").mine


def test_without_records_there_is_no_lease(sandbox: StackSandbox) -> None:
    with (
        sandbox.stopped("system_db"),
        pytest.raises(CouldNotTell, match="records database"),
        on_duty(sandbox.settings.records, NAME, "watch"),
    ):
        pytest.fail("nobody has a lease")
