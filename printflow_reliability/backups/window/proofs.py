"""What drills have proven: from the end of which backup to which moment each that passed has replayed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

NEWEST = 500
"""Drills looked at: ten years of weekly ones."""
PASSED = """
SELECT id, finished_at, document FROM drills
WHERE repository = %s AND outcome IN ('pass', 'warn') AND finished_at IS NOT NULL AND NOT from_standby
  AND document::jsonb @> '{"checks": [{"name": "drill.recovery", "outcome": "pass"}]}'
ORDER BY id DESC LIMIT %s
"""
"""A drill whose recovery only warned could not tell how far it came."""


@dataclass(frozen=True)
class DrilledCluster:
    """One cluster's part of a drill that passed.

    Attributes:
        drill: its number.
        backup: the label of the base backup.
        reached: the newest moment that is proven to have been in the clone, on production's clock.
        at: when the drill ended.
    """

    drill: int
    backup: str
    reached: datetime
    at: datetime


def drilled(records: psycopg.Connection[TupleRow], repository: int) -> Mapping[str, tuple[DrilledCluster, ...]]:
    """What the drills out of one repository have proven, by cluster, newest first."""
    found: dict[str, list[DrilledCluster]] = {}
    for drill, at, document in records.execute(PASSED, (repository, NEWEST)).fetchall():
        for cluster in document.get("clusters", ()):
            reached = document.get("moment") or cluster.get("recovered_at")
            if cluster.get("backup") and reached:
                part = DrilledCluster(drill, cluster["backup"], datetime.fromisoformat(reached), at)
                found.setdefault(cluster["name"], []).append(part)
    return {name: tuple(parts) for name, parts in found.items()}


def proven_for_all(
    records: psycopg.Connection[TupleRow], repository: int, ends: Mapping[str, Mapping[str, datetime]]
) -> tuple[tuple[datetime, datetime], ...]:
    """The stretches that drills have proven of every cluster at once, first and last moment of each.

    Args:
        records: the connection.
        repository: the number of the repository.
        ends: when each base backup that is still there ended, by cluster and label.
    """
    by_drill: dict[int, dict[str, tuple[datetime, datetime]]] = {}
    for cluster, parts in drilled(records, repository).items():
        for part in parts:
            if cluster in ends and part.backup in ends[cluster]:
                by_drill.setdefault(part.drill, {})[cluster] = (ends[cluster][part.backup], part.reached)
    found = []
    for parts_of_drill in by_drill.values():
        begin = max(first for first, _ in parts_of_drill.values())
        end = min(last for _, last in parts_of_drill.values())
        if parts_of_drill.keys() == ends.keys() and begin < end:
            found.append((begin, end))
    return tuple(sorted(found))
