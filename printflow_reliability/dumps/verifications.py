"""What the records know of verified dumps: the machine that verifies need not be the one that asks."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.dumps.manifest import Manifest
from printflow_reliability.errors import PrintflowError
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings
from printflow_reliability.text import storable

log = logging.getLogger(__name__)

REMEMBER = """
INSERT INTO dump_verifications (cluster, database, key, version_id, taken_at, restored, good, detail)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
GOOD = "SELECT key, max(verified_at) FROM dump_verifications WHERE good GROUP BY 1"
NEWEST = """
SELECT DISTINCT ON (cluster, database) cluster, database, key, taken_at, verified_at, good, detail,
       (SELECT max(r.verified_at) FROM dump_verifications r
        WHERE r.cluster = v.cluster AND r.database = v.database AND r.restored AND r.good)
FROM dump_verifications v ORDER BY 1, 2, verified_at DESC, id DESC
"""


@dataclass(frozen=True)
class Verification:
    """The newest verification of a database's dumps.

    Attributes:
        cluster, database, key, taken_at: of which dump.
        verified_at: when it was read whole.
        good: whether it had what its snapshot had.
        detail: what was found.
        restored_at: when a dump of the database was last restored for a trial, and was good; None if never.
    """

    cluster: str
    database: str
    key: str
    taken_at: datetime
    verified_at: datetime
    good: bool
    detail: str
    restored_at: datetime | None


def remember(
    records: psycopg.Connection[TupleRow], manifest: Manifest, *, restored: bool, good: bool, detail: str
) -> None:
    """Keep what was found of a dump."""
    records.execute(
        REMEMBER,
        (
            *(storable(text) for text in (manifest.cluster, manifest.database, manifest.key, manifest.version_id)),
            *(manifest.taken_at, restored, good, storable(detail)),
        ),
    )


def newest(settings: Settings) -> Mapping[tuple[str, str], Verification]:
    """The newest verification of each database, by cluster and database.

    Raises:
        CouldNotTell, ConfigError: the records do not answer, or are of another version.
    """
    with open_records(settings.records) as records:
        return {(row[0], row[1]): Verification(*row) for row in records.execute(NEWEST).fetchall()}


def verified_at(settings: Settings) -> Mapping[str, datetime]:
    """When each dump was last verified and found good, by key; empty where the records are away."""
    try:
        with open_records(settings.records) as records:
            return dict(records.execute(GOOD).fetchall())
    except PrintflowError as away:
        log.warning("when dumps were verified is not known: %s", away.what)
        return {}
