"""What the records know of verified copies: the machine that verifies need not be the one that asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.config_backup.manifest import Manifest
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings
from printflow_reliability.text import storable

REMEMBER = """
INSERT INTO config_verifications (name, key, version_id, taken_at, good, detail) VALUES (%s, %s, %s, %s, %s, %s)
"""
NEWEST = """
SELECT DISTINCT ON (key, version_id) key, version_id, verified_at, good, detail
FROM config_verifications WHERE name = %s ORDER BY key, version_id, id DESC
"""


@dataclass(frozen=True)
class Verification:
    """The newest verification of a copy that came to an answer.

    Attributes:
        verified_at: when the copy was read whole.
        good: whether it had what its manifest says.
        detail: what was found.
    """

    verified_at: datetime
    good: bool
    detail: str


Verifications = Mapping[tuple[str, str], Verification]
"""The newest verification of each copy, by its key and version."""


def remember(records: psycopg.Connection[TupleRow], name: str, manifest: Manifest, *, good: bool, detail: str) -> None:
    """Keep what was found of a copy of the machine of that name."""
    said = (storable(text) for text in (name, manifest.key, manifest.version_id))
    records.execute(REMEMBER, (*said, manifest.taken_at, good, storable(detail)))


def newest(settings: Settings, name: str) -> Verifications:
    """The newest verification of each copy of the machine of that name.

    Raises:
        CouldNotTell, ConfigError: the records do not answer, or are of another version.
    """
    with open_records(settings.records) as records:
        return {(row[0], row[1]): Verification(*row[2:]) for row in records.execute(NEWEST, (name,)).fetchall()}
