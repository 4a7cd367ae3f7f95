"""The newest answer of each check."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.checks import CheckResult, Outcome


@dataclass(frozen=True)
class Answer:
    """A check's newest result and when it was given (UTC)."""

    result: CheckResult
    answered_at: datetime


def remember(connection: psycopg.Connection[TupleRow], results: Iterable[CheckResult]) -> None:
    """Keep these as the newest answers of their checks."""
    with connection.transaction():
        for result in results:
            connection.execute(
                """INSERT INTO check_results (check_name, outcome, detail, numbers) VALUES (%s, %s, %s, %s)
                   ON CONFLICT (check_name) DO UPDATE SET outcome = excluded.outcome,
                   detail = excluded.detail, numbers = excluded.numbers, answered_at = now()""",
                (result.check, result.outcome, result.detail, json.dumps(dict(result.numbers))),
            )


def newest(connection: psycopg.Connection[TupleRow]) -> Sequence[Answer]:
    """The newest answer of every check that ever answered, by name."""
    rows = connection.execute(
        "SELECT check_name, outcome, detail, numbers, answered_at FROM check_results ORDER BY check_name"
    ).fetchall()
    return [
        Answer(CheckResult(name, Outcome(outcome), detail, numbers), at) for name, outcome, detail, numbers, at in rows
    ]
