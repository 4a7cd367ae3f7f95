"""Passes over many things (a reconciliation, a sweep) and what they found. Only a complete pass is ever kept."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.findings import Finding, Severity

KEPT = 30
"""How many passes of one kind and tenant are kept, with their findings."""
OF_ORPHANS = "bytes, written_at, superseded_by"
COLUMNS = f"kind, severity, tenant, bucket, key, version_id, reference, owner, detail, action, {OF_ORPHANS}"
FORGET_OLD = """
DELETE FROM passes WHERE id IN (
    SELECT id FROM passes WHERE kind = %s AND tenant IS NOT DISTINCT FROM %s ORDER BY id DESC OFFSET %s)"""


@dataclass(frozen=True)
class Pass:
    """One complete pass; `tenant` is None where it saw all of them. Times are UTC."""

    id: int
    kind: str
    tenant: str | None
    started_at: datetime
    finished_at: datetime
    counts: Mapping[str, int]


def store(
    connection: psycopg.Connection[TupleRow],
    kind: str,
    *,
    tenant: str | None,
    started_at: datetime,
    finished_at: datetime,
    counts: Mapping[str, int],
    findings: Iterable[Finding],
) -> int:
    """Keep a complete pass with its findings, all or nothing, and return its id; the oldest ones are forgotten."""
    with connection.transaction():
        row = connection.execute(
            """INSERT INTO passes (kind, tenant, started_at, finished_at, counts)
               VALUES (%s, %s, %s, %s, %s) RETURNING id""",
            (kind, tenant, started_at, finished_at, json.dumps(dict(counts))),
        ).fetchone()
        if row is None:
            raise AssertionError("INSERT ... RETURNING returned nothing")
        number = int(row[0])
        with connection.cursor().copy(f"COPY findings (pass_id, {COLUMNS}) FROM STDIN") as copy:
            for finding in findings:
                document = finding.as_json()
                # PostgreSQL's text holds every character that a key may have, except NUL.
                copy.write_row(
                    (
                        number,
                        *(
                            value.replace("\0", "\\0") if isinstance(value := document[name], str) else value
                            for name in COLUMNS.split(", ")
                        ),
                    )
                )
        connection.execute(FORGET_OLD, (kind, tenant, KEPT))
    return number


def newest(connection: psycopg.Connection[TupleRow], kind: str, tenant: str | None = None) -> Pass | None:
    """The newest complete pass over all tenants, or over one; None if there was none yet."""
    row = connection.execute(
        """SELECT id, kind, tenant, started_at, finished_at, counts FROM passes
           WHERE kind = %s AND tenant IS NOT DISTINCT FROM %s ORDER BY id DESC LIMIT 1""",
        (kind, tenant),
    ).fetchone()
    return Pass(*row) if row else None


def findings_of(
    connection: psycopg.Connection[TupleRow], number: int, kinds: Sequence[str] | None = None
) -> Iterator[Finding]:
    """The findings of a pass (of these kinds only), by bucket and key."""
    rows = connection.execute(
        f"""SELECT {COLUMNS} FROM findings WHERE pass_id = %s AND (%s::text[] IS NULL OR kind = ANY(%s))
            ORDER BY bucket COLLATE "C", key COLLATE "C\"""",  # noqa: S608 - a constant of this module
        (number, kinds and list(kinds), kinds and list(kinds)),
    )
    for values in rows:
        document = dict(zip(COLUMNS.split(", "), values, strict=True))
        yield Finding(**(document | {"severity": Severity(document["severity"])}))
