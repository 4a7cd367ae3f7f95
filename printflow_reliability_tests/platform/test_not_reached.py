"""A server that nobody takes the connection of is told apart from those that answer, refuse or say nothing."""

import psycopg
import pytest

from printflow_reliability.platform.refusals import NoAnswer, NotReached, not_opened

CONNECTION = 'connection to server at "db.example", port 5432 failed: '


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?", NotReached),
        ("No route to host\n\tIs the server running on that host and accepting TCP/IP connections?", NotReached),
        ("Network is unreachable\n\tIs the server running on that host?", NotReached),
        ("Host is down", NotReached),
        ("No such file or directory", NotReached),
        ("timeout expired", NoAnswer),
    ],
)
def test_why_nobody_answers_is_told_apart(said: str, kind: type[Exception]) -> None:
    why = not_opened("shop", psycopg.OperationalError(CONNECTION + said), {"host": "db.example"}, seconds=5)
    assert type(why) is kind
    assert why.what.startswith("cluster shop cannot be reached: ")


def test_a_server_that_refuses_is_reached() -> None:
    said = f'{CONNECTION}FATAL:  the database "unreachable" does not exist'
    why = not_opened("shop", psycopg.OperationalError(said), {"host": "db.example"}, seconds=5)
    assert not isinstance(why, NotReached)
