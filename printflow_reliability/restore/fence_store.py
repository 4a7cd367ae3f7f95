"""Fences in the records: a recovery and later drills are compared with them too."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.records.session import RecordsSession
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.gaps import Gaps
from printflow_reliability.restore.production import Production

log = logging.getLogger(__name__)

EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
KEEP_FENCE = """
INSERT INTO fences (drill_id, cluster, name, taken_at, timeline, lsn, end_lsn, segment, counts, digests, production,
                    inventory, gaps, open_transactions)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
NEWEST_SET = """
SELECT cluster, name, taken_at, timeline, lsn::text, end_lsn::text, segment, counts, digests, production,
       inventory, open_transactions, gaps
FROM fences WHERE production IS NOT NULL AND name = (
    SELECT name FROM fences
    WHERE cluster = ANY(%(clusters)s) AND production IS NOT NULL AND taken_at > %(after)s AND taken_at < %(before)s
    GROUP BY name HAVING count(DISTINCT cluster) = cardinality(%(clusters)s)
    ORDER BY max(taken_at) DESC LIMIT 1)
"""
"""The fences of one name were made at one moment in all clusters."""
NAMED_SET = """
SELECT cluster, name, taken_at, timeline, lsn::text, end_lsn::text, segment, counts, digests, production,
       inventory, open_transactions, gaps
FROM fences WHERE production IS NOT NULL AND cluster = ANY(%(clusters)s) AND name = %(name)s ORDER BY taken_at
"""
BASELINE = """
SELECT cluster, name, taken_at, timeline, lsn::text, end_lsn::text, segment, counts, digests, production,
       inventory, open_transactions, gaps
FROM fences WHERE production IS NOT NULL AND name = coalesce(
    (SELECT document ->> 'newest_fence' FROM drills
     WHERE document::jsonb @> '{"checks": [{"name": "drill.shrinkage", "outcome": "pass"}]}'
       AND document ->> 'newest_fence' IN (SELECT name FROM fences WHERE taken_at < %(before)s)
     ORDER BY id DESC LIMIT 1),
    (SELECT name FROM fences
     WHERE cluster = ANY(%(clusters)s) AND production IS NOT NULL AND taken_at < %(before)s
     GROUP BY name HAVING count(DISTINCT cluster) = cardinality(%(clusters)s)
     ORDER BY max(taken_at) LIMIT 1))
"""
"""What the newest drill that found no table shrunken had before it; before any such drill, the oldest fences.

Not simply the newest fences: a table that was emptied on Tuesday is as empty in every night's fence until Sunday.
"""


@dataclass(frozen=True)
class FenceStore:
    """The fences of the records, as a drill asks for them.

    Attributes:
        records: the session.
        clusters: the clusters' names; only sets of fences that hold all of them are found.
        drill: whose fences are kept.
    """

    records: RecordsSession
    clusters: Sequence[str]
    drill: int

    def between(self, after: datetime, before: datetime) -> Mapping[str, Fence]:
        """The newest set of fences made between two moments, by cluster; empty if there is none."""
        return self.records.ask(lambda connection: stored_fences(connection, self.clusters, after, before))

    def newest(self) -> Mapping[str, Fence]:
        """The newest set of fences of all."""
        return self.between(*EVER)

    def baseline(self, before: datetime) -> Mapping[str, Fence]:
        """The fences that numbers of rows are compared with, by cluster; empty if there are none before that moment."""
        return self.records.ask(lambda connection: baseline_fences(connection, self.clusters, before))

    def keep(self, fence: Fence) -> None:
        """Keep a fence. One that the records do not take costs later drills something, and not this one."""
        try:
            self.records.ask(lambda connection: keep_fence(connection, self.drill, fence))
        except CouldNotTell as away:
            log.warning("the fence of %s is not kept for later drills: %s", fence.cluster, away.what)


def keep_fence(records: psycopg.Connection, drill: int | None, fence: Fence) -> None:
    """Keep a fence, so that later drills can be compared with it too; one without counts is not worth keeping."""
    if fence.counts is None:
        return
    who = fence.production.as_json()
    documents = [json.dumps(part) for part in (fence.counts, fence.digests, who, fence.inventory, fence.gaps.as_json())]
    place = (fence.name, fence.taken_at, fence.timeline, fence.lsn, fence.end_lsn, fence.segment)
    records.execute(KEEP_FENCE, (drill, fence.cluster, *place, *documents, list(fence.open_transactions)))


def stored_fences(
    records: psycopg.Connection, clusters: Sequence[str], after: datetime, before: datetime
) -> dict[str, Fence]:
    """The newest set of fences made between two moments, by cluster; empty if there is none."""
    return _read(records, NEWEST_SET, {"clusters": list(clusters), "after": after, "before": before})


def fences_named(records: psycopg.Connection, clusters: Sequence[str], name: str) -> dict[str, Fence]:
    """The fences of one name, by cluster; empty if there is none."""
    return _read(records, NAMED_SET, {"clusters": list(clusters), "name": name})


def baseline_fences(records: psycopg.Connection, clusters: Sequence[str], before: datetime) -> dict[str, Fence]:
    """The fences that numbers of rows are compared with, by cluster; empty if there are none before that moment."""
    return _read(records, BASELINE, {"clusters": list(clusters), "before": before})


def _read(records: psycopg.Connection, query: str, values: Mapping[str, Any]) -> dict[str, Fence]:
    found = {}
    for row in records.execute(query.encode(), values).fetchall():
        cluster, name, taken_at, timeline, lsn, end_lsn, segment, counts, digests, *others = row
        production, inventory, still_open, gaps = others
        fence = Fence(
            *(cluster, name, taken_at, timeline, lsn, end_lsn, segment, counts, digests),
            Production.from_json(production),
            inventory,
            still_open,
            Gaps.from_json(gaps),
        )
        if fence.cluster in values["clusters"]:
            found[fence.cluster] = fence
    return found
