"""Whose trouble a refusal of the database is: a row's, the statement's, the role's or the server's."""

import psycopg
import pytest
from psycopg import errors

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.platform.queries import FailsOnData, config_errors

OF_A_ROW = {
    "a division": "22012",
    "a time zone that is none": "22023",
    "a subquery with two rows": "21000",
    "a cast to a domain": "23514",
    "a cast to a domain that is never null": "23502",
    "a cast to a table's name": "42P01",
    "a cast to a text query": "42601",
    "a function that raises": "P0001",
    "a function that raises with a code of its own": "23505",
    "a function that finds no row": "P0002",
    "a function that finds two rows": "P0003",
    "a function that asserts": "P0004",
    "a function without a case": "20000",
    "a function in Python": "38000",
    "a recursion without end": "54001",
    "a text of two gigabytes": "54000",
}
OF_THE_SERVER = {
    "the connection": "08006",
    "a standby's conflict": "40001",
    "memory": "53200",
    "an administrator": "57P01",
    "a time limit": "57014",
    "the disk": "58030",
}


@pytest.mark.parametrize("code", OF_A_ROW.values(), ids=OF_A_ROW)
def test_what_a_row_makes_a_query_fail_with_is_that_rows_trouble(code: str) -> None:
    with pytest.raises(FailsOnData, match=r"orders\.paid: the database refused it"), config_errors("orders.paid"):
        raise errors.lookup(code)


@pytest.mark.parametrize("code", ["42601", "42P01", "22012"])
def test_a_query_that_was_never_accepted_is_wrong_and_not_its_rows(code: str) -> None:
    with pytest.raises(ConfigError) as refused, config_errors("orders.paid", accepted=False):
        raise errors.lookup(code)
    assert not isinstance(refused.value, FailsOnData)


@pytest.mark.parametrize("code", OF_THE_SERVER.values(), ids=OF_THE_SERVER)
def test_what_fails_with_the_server_is_no_rows_trouble(code: str) -> None:
    with pytest.raises(psycopg.OperationalError), config_errors("orders.paid"):
        raise errors.lookup(code)


def test_a_lost_connection_is_no_rows_trouble() -> None:
    with pytest.raises(psycopg.OperationalError), config_errors("orders.paid"):
        raise psycopg.OperationalError("server closed the connection unexpectedly")


@pytest.mark.parametrize(("code", "kind"), [("42501", ConfigError), ("25006", ConfigError), ("XX001", CouldNotTell)])
def test_rights_read_only_sessions_and_damage_are_no_rows_trouble(code: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as refused, config_errors("orders.paid"):
        raise errors.lookup(code)
    assert not isinstance(refused.value, FailsOnData)
