"""The history of drills in records: one row each, with its whole document; bad days above all."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg

from printflow_reliability.drills.fence import Fence
from printflow_reliability.errors import ConfigError
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings

FINISH = """
UPDATE drills SET finished_at = now(), outcome = %(outcome)s, rto_seconds = %(rto)s, rpo_seconds = %(rpo)s,
       document = %(document)s
WHERE id = %(id)s
"""
ABANDONED = """
UPDATE drills SET finished_at = now(), outcome = 'unknown'
WHERE finished_at IS NULL AND id <> %s RETURNING id
"""
KEEP_FENCE = """
INSERT INTO fences (drill_id, cluster, name, taken_at, timeline, lsn, counts) VALUES (%s, %s, %s, %s, %s, %s, %s)
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


def keep_fence(records: psycopg.Connection, drill: int, fence: Fence) -> None:
    """Keep a fence, so that later drills can be compared with it too; one without counts is not worth keeping."""
    if fence.counts is not None:
        counts = json.dumps(fence.counts)
        records.execute(
            KEEP_FENCE, (drill, fence.cluster, fence.name, fence.taken_at, fence.timeline, fence.lsn, counts)
        )


def finish(records: psycopg.Connection, drill: int, outcome: str, document: Mapping[str, Any]) -> None:
    """Close the row of a drill."""
    values = {
        "id": drill,
        "outcome": outcome,
        "rto": document["rto_seconds"],
        "rpo": document["rpo_seconds"],
        "document": json.dumps(document),
    }
    records.execute(FINISH, values)


def _document(row: tuple[Any, ...]) -> dict[str, Any]:
    id, started_at, finished_at, target, repository, outcome, rto, rpo, document = row
    return {
        "id": id,
        "started_at": started_at.isoformat(),
        "finished_at": finished_at.isoformat() if finished_at else None,
        "target": target,
        "repository": repository,
        "outcome": outcome,
        "passed": outcome == "pass",
        "rto_seconds": rto,
        "rpo_seconds": rpo,
        **(document or {}),
    }
