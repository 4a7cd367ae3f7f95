"""The history of drills in records: one row each, with its whole document; bad days above all."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings

RECORD = """
UPDATE drills SET finished_at = %(finished_at)s, outcome = %(outcome)s, rto_seconds = %(rto)s, rpo_seconds = %(rpo)s,
       document = %(document)s
WHERE id = %(id)s AND started_at = %(started_at)s RETURNING id
"""
RECORD_ANEW = """
INSERT INTO drills (started_at, finished_at, target, repository, outcome, rto_seconds, rpo_seconds, document,
                    from_standby)
SELECT %(started_at)s, %(finished_at)s, %(target)s, %(repository)s, %(outcome)s, %(rto)s, %(rpo)s, %(document)s,
       %(from_standby)s
WHERE NOT EXISTS (SELECT FROM drills WHERE started_at = %(started_at)s)
"""
"""For records that were themselves brought back from before the drill: its number may be another drill's by now."""
ABANDONED = """
UPDATE drills SET finished_at = now(), outcome = 'unknown'
WHERE finished_at IS NULL AND id <> %s RETURNING id
"""
HOUSED_IN = """
SELECT cluster FROM (
    SELECT DISTINCT ON (cluster) cluster, production ->> 'system_identifier' AS identifier
    FROM fences WHERE production IS NOT NULL AND cluster = ANY(%s) ORDER BY cluster, taken_at DESC) AS newest
WHERE identifier = (SELECT system_identifier::text FROM pg_control_system()) ORDER BY 1
"""
COLUMNS = "id, started_at, finished_at, target, repository, outcome, rto_seconds, rpo_seconds, document, from_standby"
NEWEST = 100


def list_drills(settings: Settings) -> list[dict[str, Any]]:
    """The newest drills, newest first, each as its JSON document.

    Raises:
        CouldNotTell: the records are unreachable.
    """
    with open_records(settings.records) as records:
        query = f"SELECT {COLUMNS} FROM drills ORDER BY id DESC LIMIT %s"  # noqa: S608 - our own column names
        return [_document(row) for row in records.execute(query.encode(), (NEWEST,)).fetchall()]


def list_drills_of_backups(settings: Settings) -> list[dict[str, Any]]:
    """As `list_drills`, without those from standbys: they prove no backup.

    Raises:
        CouldNotTell: the records are unreachable.
    """
    with open_records(settings.records) as records:
        query = f"SELECT {COLUMNS} FROM drills WHERE NOT from_standby ORDER BY id DESC LIMIT %s"  # noqa: S608
        return [_document(row) for row in records.execute(query.encode(), (NEWEST,)).fetchall()]


def clusters_of_records(settings: Settings) -> list[str]:
    """The protected clusters that the records themselves live in, as far as fences tell who the clusters are.

    Raises:
        CouldNotTell: the records are unreachable.
    """
    with open_records(settings.records) as records:
        names = [cluster.name for cluster in settings.cluster]
        return [row[0] for row in records.execute(HOUSED_IN, (names,)).fetchall()]


def before(records: psycopg.Connection, drill: int) -> list[dict[str, Any]]:
    """The newest drills of its kind, of backups or from standbys, that ended before this one began, newest first."""
    query = (
        f"SELECT {COLUMNS} FROM drills WHERE id < %(drill)s "  # noqa: S608 - our own column names
        "AND from_standby = coalesce((SELECT from_standby FROM drills WHERE id = %(drill)s), false) "
        "ORDER BY id DESC LIMIT %(most)s"
    )
    return [_document(row) for row in records.execute(query.encode(), {"drill": drill, "most": NEWEST}).fetchall()]


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


def begin(
    records: psycopg.Connection, target: str, repository: int, started_at: datetime, from_standby: bool = False
) -> int:
    """Open the row of a drill that begins, and close those of drills that were killed; returns its id."""
    row = records.execute(
        "INSERT INTO drills (started_at, target, repository, from_standby) VALUES (%s, %s, %s, %s) RETURNING id",
        (started_at, target, repository, from_standby),
    ).fetchone()
    if row is None:
        raise RuntimeError("INSERT ... RETURNING returned nothing")
    records.execute(ABANDONED, (row[0],))
    return int(row[0])


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
        "from_standby": document.get("from_standby", False),  # a file of an older version does not say it
    }


def _document(row: tuple[Any, ...]) -> dict[str, Any]:
    """One drill for people and programs. What the row says goes before its document, which may be of before its end."""
    id, started_at, finished_at, target, repository, outcome, rto, rpo, document, from_standby = row
    return {
        **(document or {}),
        "id": id,
        "started_at": started_at.isoformat(),
        "finished_at": finished_at.isoformat() if finished_at else None,
        "target": target,
        "repository": repository,
        "from_standby": from_standby,
        "outcome": outcome,
        "passed": outcome in (Outcome.PASS, Outcome.WARN),
        "rto_seconds": rto,
        "rpo_seconds": rpo,
    }
