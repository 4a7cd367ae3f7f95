"""The history of drills in records: one row each, with its whole document; bad days above all."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.fences.fence import Fence
from printflow_reliability.drills.fences.gaps import Gaps
from printflow_reliability.drills.production import Production
from printflow_reliability.errors import ConfigError
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings

RECORD = """
UPDATE drills SET finished_at = %(finished_at)s, outcome = %(outcome)s, rto_seconds = %(rto)s, rpo_seconds = %(rpo)s,
       document = %(document)s
WHERE id = %(id)s AND started_at = %(started_at)s RETURNING id
"""
RECORD_ANEW = """
INSERT INTO drills (started_at, finished_at, target, repository, outcome, rto_seconds, rpo_seconds, document)
SELECT %(started_at)s, %(finished_at)s, %(target)s, %(repository)s, %(outcome)s, %(rto)s, %(rpo)s, %(document)s
WHERE NOT EXISTS (SELECT FROM drills WHERE started_at = %(started_at)s)
"""
"""For records that were themselves brought back from before the drill: its number may be another drill's by now."""
ABANDONED = """
UPDATE drills SET finished_at = now(), outcome = 'unknown'
WHERE finished_at IS NULL AND id <> %s RETURNING id
"""
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
HOUSED_IN = """
SELECT cluster FROM (
    SELECT DISTINCT ON (cluster) cluster, production ->> 'system_identifier' AS identifier
    FROM fences WHERE production IS NOT NULL AND cluster = ANY(%s) ORDER BY cluster, taken_at DESC) AS newest
WHERE identifier = (SELECT system_identifier::text FROM pg_control_system()) ORDER BY 1
"""
COLUMNS = "id, started_at, finished_at, target, repository, outcome, rto_seconds, rpo_seconds, document"
NEWEST = 100


def list_drills(settings: Settings) -> list[dict[str, Any]]:
    """The newest drills, newest first, each as its JSON document.

    Raises:
        CouldNotTell: the records are unreachable.
    """
    with open_records(settings.records) as records:
        query = f"SELECT {COLUMNS} FROM drills ORDER BY id DESC LIMIT %s"  # noqa: S608 - our own column names
        return [_document(row) for row in records.execute(query.encode(), (NEWEST,)).fetchall()]


def housed_in(settings: Settings) -> list[str]:
    """The protected clusters that the records themselves live in, as far as fences tell who the clusters are.

    Raises:
        CouldNotTell: the records are unreachable.
    """
    with open_records(settings.records) as records:
        names = [cluster.name for cluster in settings.cluster]
        return [row[0] for row in records.execute(HOUSED_IN, (names,)).fetchall()]


def before(records: psycopg.Connection, drill: int) -> list[dict[str, Any]]:
    """The newest drills that ended before this one began, newest first."""
    query = f"SELECT {COLUMNS} FROM drills WHERE id < %s ORDER BY id DESC LIMIT %s"  # noqa: S608 - our own column names
    return [_document(row) for row in records.execute(query.encode(), (drill, NEWEST)).fetchall()]


def show_drill(settings: Settings, id: int) -> dict[str, Any]:
    """One drill's document.

    Raises:
        ConfigError: there is no such drill.
        CouldNotTell: the records are unreachable.
    """
    with open_records(settings.records) as records:
        query = f"SELECT {COLUMNS} FROM drills WHERE id = %s"  # noqa: S608 - our own column names
        row = records.execute(query.encode(), (id,)).fetchone()
    if row is None:
        raise ConfigError(f"there is no drill {id}", "printflow drill list")
    return _document(row)


def begin(records: psycopg.Connection, target: str, repository: int, started_at: datetime) -> int:
    """Open the row of a drill that begins, and close those of drills that were killed; returns its id."""
    row = records.execute(
        "INSERT INTO drills (started_at, target, repository) VALUES (%s, %s, %s) RETURNING id",
        (started_at, target, repository),
    ).fetchone()
    if row is None:
        raise RuntimeError("INSERT ... RETURNING returned nothing")
    records.execute(ABANDONED, (row[0],))
    return int(row[0])


def keep_fence(records: psycopg.Connection, drill: int | None, fence: Fence) -> None:
    """Keep a fence, so that later drills can be compared with it too; one without counts is not worth keeping."""
    if fence.counts is None:
        return
    who = fence.production.as_json()
    documents = [json.dumps(one) for one in (fence.counts, fence.digests, who, fence.inventory, fence.gaps.as_json())]
    place = (fence.name, fence.taken_at, fence.timeline, fence.lsn, fence.end_lsn, fence.segment)
    records.execute(KEEP_FENCE, (drill, fence.cluster, *place, *documents, list(fence.open_transactions)))


def stored_fences(
    records: psycopg.Connection, clusters: Sequence[str], after: datetime, before: datetime
) -> dict[str, Fence]:
    """The newest set of fences made between two moments, by cluster; empty if there is none."""
    return _fences(records, NEWEST_SET, {"clusters": list(clusters), "after": after, "before": before})


def baseline_fences(records: psycopg.Connection, clusters: Sequence[str], before: datetime) -> dict[str, Fence]:
    """The fences that numbers of rows are compared with, by cluster; empty if there are none before that moment."""
    return _fences(records, BASELINE, {"clusters": list(clusters), "before": before})


def _fences(records: psycopg.Connection, query: str, values: Mapping[str, Any]) -> dict[str, Fence]:
    found = {}
    for row in records.execute(query.encode(), values).fetchall():
        cluster, name, taken_at, timeline, lsn, end_lsn, segment, counts, digests, *others = row
        production, things, still_open, gaps = others
        fence = Fence(
            *(cluster, name, taken_at, timeline, lsn, end_lsn, segment, counts, digests),
            Production.from_json(production),
            things,
            still_open,
            Gaps.from_json(gaps),
        )
        if fence.cluster in values["clusters"]:
            found[fence.cluster] = fence
    return found


def record(records: psycopg.Connection, document: Mapping[str, Any], *, ended: bool = True) -> bool:
    """Keep a drill's document in its row; whether there is that row. Doing it twice changes nothing.

    Args:
        records: the connection.
        document: as `DrillReport.as_json`.
        ended: whether the drill is over; else the row stays open, and the next drill closes it.
    """
    return records.execute(RECORD, _values(document, ended)).fetchone() is not None


def record_anew(records: psycopg.Connection, document: Mapping[str, Any]) -> None:
    """Keep the document of a drill that has no row of its own; nothing if it was kept so before."""
    records.execute(RECORD_ANEW, _values(document, True))


def _values(document: Mapping[str, Any], ended: bool) -> dict[str, Any]:
    return {
        **{name: document[name] for name in ("id", "started_at", "target", "repository")},
        "finished_at": document["finished_at"] if ended else None,
        "outcome": document["outcome"] if ended else None,
        "rto": document["rto_seconds"],
        "rpo": document["rpo_seconds"],
        "document": json.dumps(document),
    }


def _document(row: tuple[Any, ...]) -> dict[str, Any]:
    """One drill for people and programs. What the row says goes before its document, which may be of before its end."""
    id, started_at, finished_at, target, repository, outcome, rto, rpo, document = row
    return {
        **(document or {}),
        "id": id,
        "started_at": started_at.isoformat(),
        "finished_at": finished_at.isoformat() if finished_at else None,
        "target": target,
        "repository": repository,
        "outcome": outcome,
        "passed": outcome in (Outcome.PASS, Outcome.WARN),
        "rto_seconds": rto,
        "rpo_seconds": rpo,
    }
