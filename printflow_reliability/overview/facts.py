"""Everything that the records know, in a handful of cheap queries."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.orders.holds import Hold, held
from printflow_reliability.orders.names import GUARD
from printflow_reliability.records.check_results import Answer, newest
from printflow_reliability.records.leases import LONGEST_SECONDS, PRESENT

NOW = "SELECT clock_timestamp()"
DRILLS = """
SELECT 'newest', id, finished_at, outcome, rto_seconds, rpo_seconds FROM (
    SELECT * FROM drills WHERE finished_at IS NOT NULL AND NOT from_standby ORDER BY id DESC LIMIT 1) AS newest
UNION ALL
SELECT 'passed', id, finished_at, outcome, rto_seconds, rpo_seconds FROM (
    SELECT * FROM drills WHERE finished_at IS NOT NULL AND NOT from_standby AND outcome IN ('pass', 'warn')
    ORDER BY finished_at DESC LIMIT 1) AS passed"""
"""Those of backups: what a drill takes of a standby proves none."""
ALERTS = "SELECT severity, count(*) FROM alerts WHERE resolved_at IS NULL GROUP BY 1"
WAITING = """
SELECT count(*), min(a.raised_at) FROM deliveries d JOIN alerts a ON a.id = d.alert_id
WHERE d.delivered_at IS NULL AND d.withdrawn IS NULL
  AND (d.event = 'resolve' OR NOT EXISTS (SELECT FROM alert_silences s
                                          WHERE s.dedup_key = d.subject AND s.until > now()))"""
LEASES = """
SELECT name, holder, since, until, until > clock_timestamp()
                                   AND until <= clock_timestamp() + make_interval(secs => %s)
FROM leases ORDER BY name"""


@dataclass(frozen=True)
class Drill:
    """An ended drill."""

    id: int
    finished_at: datetime
    outcome: str
    rto_seconds: float | None
    rpo_seconds: float | None


@dataclass(frozen=True)
class Watcher:
    """Who looks after paid orders, or did.

    Attributes:
        holder: who.
        since: since when without a break, if alive.
        until: when it is, or was, taken for silent.
        alive: whether it came lately.
        on_duty: whether it is the one that judges.
    """

    holder: str
    since: datetime
    until: datetime
    alive: bool
    on_duty: bool


@dataclass(frozen=True)
class Facts:
    """What the records know.

    Attributes:
        at: when they were read, by the database's clock.
        answers: the newest answer of every check.
        holds: every held order, the one paid longest ago first.
        drills: the newest ended drill as "newest", and the newest that passed as "passed".
        open_alerts: how many alerts are open, by severity.
        waiting: deliveries of alerts that wait.
        waiting_since: when the oldest alert among them was raised.
        watchers: who looks after paid orders.
    """

    at: datetime
    answers: tuple[Answer, ...]
    holds: tuple[Hold, ...]
    drills: Mapping[str, Drill]
    open_alerts: Mapping[str, int]
    waiting: int
    waiting_since: datetime | None
    watchers: tuple[Watcher, ...]

    def answer(self, check: str, scope: str = "") -> Answer | None:
        """The newest answer of a check for that scope."""
        return next(
            (found for found in self.answers if (found.result.check, found.result.scope) == (check, scope)), None
        )


def read_facts(records: psycopg.Connection[TupleRow]) -> Facts:
    """Ask the records."""
    (at,) = records.execute(NOW).fetchall()[0]
    drills = {which: Drill(*drill) for which, *drill in records.execute(DRILLS).fetchall()}
    waiting, waiting_since = records.execute(WAITING).fetchall()[0]
    return Facts(
        at=at,
        answers=tuple(newest(records)),
        holds=held(records),
        drills=drills,
        open_alerts=dict(records.execute(ALERTS).fetchall()),
        waiting=waiting,
        waiting_since=waiting_since,
        watchers=_watchers(records.execute(LEASES, (LONGEST_SECONDS,)).fetchall()),
    )


def _watchers(leases: list[tuple[Any, ...]]) -> tuple[Watcher, ...]:
    """Those that announced themselves for the guard; whoever has its lease judges."""
    judging = next((holder for name, holder, _, _, alive in leases if name == GUARD and alive), None)
    return tuple(
        Watcher(holder, since, until, alive, holder == judging)
        for name, holder, since, until, alive in leases
        if name.startswith(f"{PRESENT}{GUARD}:")
    )
