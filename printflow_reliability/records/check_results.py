"""The newest answer of each check, for the whole and for each part that was looked at by itself."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.register import REGISTER

REMEMBER = """
INSERT INTO check_results (check_name, scope, outcome, detail, numbers) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (check_name, scope) DO UPDATE SET outcome = excluded.outcome, detail = excluded.detail,
    numbers = excluded.numbers, answered_at = now()
"""
FORGET = """
DELETE FROM check_results r WHERE check_name = ANY(%s) AND scope <> ''
  AND NOT EXISTS (SELECT FROM unnest(%s::text[], %s::text[]) AS part(check_name, scope)
                  WHERE part.check_name = r.check_name AND part.scope = r.scope)"""
NEWEST = """
SELECT check_name, scope, outcome, detail, numbers, answered_at,
       extract(epoch FROM clock_timestamp() - answered_at)::float8
FROM check_results ORDER BY 1, 2"""


@dataclass(frozen=True)
class Answer:
    """A check's newest result.

    Attributes:
        result: what it said.
        answered_at: when (UTC).
        age_seconds: how long ago that was when it was read, by the database's own clock.
    """

    result: CheckResult
    answered_at: datetime
    age_seconds: float = 0.0


def remember(connection: psycopg.Connection[TupleRow], results: Iterable[CheckResult]) -> None:
    """Keep these as the newest answers of their checks."""
    with connection.transaction():
        for result in results:
            connection.execute(
                REMEMBER,
                (result.check, result.scope, result.outcome, result.detail, json.dumps(dict(result.numbers))),
            )


def remember_parts(
    connection: psycopg.Connection[TupleRow], checks: Sequence[str], results: Iterable[CheckResult]
) -> None:
    """Keep these as the newest answers on the parts of these checks, and forget parts that are no longer looked at."""
    parts = list(results)
    kept = [[part.check for part in parts], [part.scope for part in parts]]
    with connection.transaction():
        connection.execute(FORGET, (list(checks), *kept))
        remember(connection, parts)


def newest(connection: psycopg.Connection[TupleRow]) -> Sequence[Answer]:
    """The newest answer of every check that ever answered, by name and scope; the whole comes first."""
    return [
        Answer(CheckResult(name, Outcome(outcome), detail, numbers, scope=scope), at, age)
        for name, scope, outcome, detail, numbers, at, age in connection.execute(NEWEST).fetchall()
        if name in REGISTER  # an earlier version may have had others
    ]
