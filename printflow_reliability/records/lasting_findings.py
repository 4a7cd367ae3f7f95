"""Findings from the pass that they appeared in to the pass that no longer found them, and who knows of them.

They are told apart by what they are about (kind, tenant, bucket, key, query and owner), so a restore of the platform's
database changes none of them. All is done by the database itself: a million findings never come into this process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import TupleRow, class_row

from printflow_reliability.findings import Finding, Severity

KEPT_DAYS = 90
"""How long a resolved finding is kept."""
IDENTITY = "md5(jsonb_build_array(kind, tenant, bucket, key, reference, owner)::text)"
FIELDS = "kind, severity, tenant, bucket, key, version_id, reference, owner, detail, action"
NOTE = f"""
INSERT INTO lasting_findings AS known (identity, pass_id, {FIELDS}, appeared_at, seen_at)
SELECT DISTINCT ON (1) {IDENTITY}, pass_id, {FIELDS}, %(at)s, %(at)s FROM findings WHERE pass_id = %(number)s
ON CONFLICT (identity) DO UPDATE SET
    pass_id = excluded.pass_id, version_id = excluded.version_id, detail = excluded.detail, action = excluded.action,
    severity = CASE WHEN known.acknowledged_at IS NULL THEN excluded.severity ELSE known.severity END,
    seen_at = excluded.seen_at, resolved_at = NULL,
    appeared_at = CASE WHEN known.resolved_at IS NULL THEN known.appeared_at ELSE excluded.appeared_at END"""  # noqa: S608 - constants of this module
# What a pass could not judge is not resolved by it: one key, or a whole query, tenant or bucket.
RESOLVE = """
WITH wide AS MATERIALIZED (
    SELECT DISTINCT bucket, tenant, reference FROM findings
    WHERE pass_id = %(number)s AND kind = 'unknown' AND key IS NULL)
UPDATE lasting_findings AS known
SET resolved_at = %(at)s, person = NULL, reason = NULL, acknowledged_at = NULL
WHERE resolved_at IS NULL AND pass_id <> %(number)s AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s)
AND NOT EXISTS (
    SELECT FROM findings AS unjudged WHERE unjudged.pass_id = %(number)s AND unjudged.kind = 'unknown'
    AND unjudged.key = known.key AND unjudged.bucket = known.bucket)
AND NOT EXISTS (
    SELECT FROM wide
    WHERE (wide.bucket IS NULL OR known.bucket IS NULL OR wide.bucket = known.bucket)
    AND (wide.tenant IS NULL OR known.tenant IS NULL OR wide.tenant = known.tenant)
    AND (wide.reference IS NULL OR known.reference IS NULL OR wide.reference = known.reference))"""
STATE = """CASE WHEN resolved_at IS NOT NULL THEN 'resolved' WHEN acknowledged_at IS NOT NULL THEN 'acknowledged'
WHEN appeared_at = seen_at THEN 'appearing' ELSE 'continuing' END"""
SELECT = f"""
SELECT id, {STATE} AS state, kind, severity, tenant, bucket, key, version_id, reference, owner, detail, action,
       appeared_at, seen_at, resolved_at, person, reason, acknowledged_at FROM lasting_findings"""  # noqa: S608 - as above


class State(StrEnum):
    """What became of a finding since the pass before."""

    APPEARING = "appearing"
    CONTINUING = "continuing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class About(NamedTuple):
    """What a finding is about; of two passes, those about the same are one finding."""

    kind: str
    tenant: str | None
    bucket: str | None
    key: str | None
    reference: str | None
    owner: str | None

    @classmethod
    def of(cls, finding: Finding) -> "About":
        """What this one is about, as the records keep it: PostgreSQL's text holds no NUL."""
        values = (finding.kind, finding.tenant, finding.bucket, finding.key, finding.reference, finding.owner)
        return cls(*(value.replace("\0", "\\0") if value is not None else None for value in values))  # type: ignore[arg-type]


@dataclass(frozen=True)
class LastingFinding:
    """A finding with its history; times are UTC. `severity` is as it would be without an acknowledgement."""

    id: int
    state: str
    kind: str
    severity: str
    tenant: str | None
    bucket: str | None
    key: str | None
    version_id: str | None
    reference: str | None
    owner: str | None
    detail: str
    action: str
    appeared_at: datetime
    seen_at: datetime
    resolved_at: datetime | None
    person: str | None
    reason: str | None
    acknowledged_at: datetime | None

    @property
    def about(self) -> About:
        """What tells it from others."""
        return About(self.kind, self.tenant, self.bucket, self.key, self.reference, self.owner)

    def as_json(self) -> dict[str, Any]:
        """As `files show --json` has it."""
        return dict(vars(self))


@dataclass(frozen=True)
class Acknowledgement:
    """Who knows of a finding, why, and since when (UTC)."""

    person: str
    reason: str
    acknowledged_at: datetime


def note(connection: psycopg.Connection[TupleRow], number: int, tenant: str | None, at: datetime) -> Mapping[str, int]:
    """Note what a pass found and no longer found; how many findings are in each state now, of its own tenant or of all.

    Args:
        connection: to the records, in the transaction that the pass is kept in.
        number: of the pass.
        tenant: that it was about; None for all.
        at: its end.
    """
    values = {"number": number, "tenant": tenant, "at": at}
    connection.execute(NOTE, values)
    resolved = connection.execute(RESOLVE, values).rowcount
    connection.execute(
        "DELETE FROM lasting_findings WHERE resolved_at < %s::timestamptz - make_interval(days => %s)", (at, KEPT_DAYS)
    )
    found = connection.execute(
        f"SELECT {STATE}, count(*) FROM lasting_findings "  # noqa: S608 - a constant of this module
        "WHERE resolved_at IS NULL AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s) GROUP BY 1",
        values,
    )
    return dict.fromkeys(State, 0) | {State(state): count for state, count in found} | {State.RESOLVED: resolved}


def acknowledged(connection: psycopg.Connection[TupleRow]) -> Mapping[About, Acknowledgement]:
    """What persons know of."""
    rows = connection.execute(
        """SELECT kind, tenant, bucket, key, reference, owner, person, reason, acknowledged_at
           FROM lasting_findings WHERE acknowledged_at IS NOT NULL AND resolved_at IS NULL"""
    )
    return {About(*row[:6]): Acknowledgement(*row[6:]) for row in rows}


def finding(connection: psycopg.Connection[TupleRow], number: int) -> LastingFinding | None:
    """The finding of that number, or None."""
    with connection.cursor(row_factory=class_row(LastingFinding)) as cursor:
        return cursor.execute(f"{SELECT} WHERE id = %s", (number,)).fetchone()


def unresolved(
    connection: psycopg.Connection[TupleRow], most: int, numbers: Sequence[int] | None = None
) -> Sequence[LastingFinding]:
    """The worst findings that are not resolved, acknowledged ones last; of these numbers only."""
    ranks = [severity.value for severity in Severity]
    only = None if numbers is None else list(numbers)
    with connection.cursor(row_factory=class_row(LastingFinding)) as cursor:
        return cursor.execute(
            f"""{SELECT} WHERE resolved_at IS NULL AND (%s::bigint[] IS NULL OR id = ANY(%s))
                ORDER BY acknowledged_at IS NOT NULL, array_position(%s, severity) DESC, id LIMIT %s""",
            (only, only, ranks, most),
        ).fetchall()


def states(connection: psycopg.Connection[TupleRow]) -> Mapping[str, int]:
    """How many findings are in each state; resolved ones are those of the last days that are kept."""
    found = connection.execute(f"SELECT {STATE}, count(*) FROM lasting_findings GROUP BY 1")  # noqa: S608 - as above
    return dict.fromkeys(State, 0) | {State(state): count for state, count in found}


def acknowledge(connection: psycopg.Connection[TupleRow], number: int, person: str | None, reason: str | None) -> None:
    """A person knows of a finding; None withdraws it."""
    connection.execute(
        """UPDATE lasting_findings SET person = %s, reason = %s,
           acknowledged_at = CASE WHEN %s::text IS NULL THEN NULL ELSE now() END WHERE id = %s""",
        (person, reason, person, number),
    )


def resolve(connection: psycopg.Connection[TupleRow], numbers: Sequence[int]) -> None:
    """A recheck found that these are no longer so."""
    connection.execute(
        """UPDATE lasting_findings SET resolved_at = now(), person = NULL, reason = NULL, acknowledged_at = NULL
           WHERE id = ANY(%s)""",
        (list(numbers),),
    )
