"""Files that were erased on purpose, such as at a customer's demand: nothing may bring them back.

Backups and versions outlive an erasure; what a rollback, a healing or a restore would copy is asked about here first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.text import moment, storable

COLUMNS = "id, bucket, key, tenant, reason, person, recorded_at"
IN_FORCE = f"SELECT {COLUMNS} FROM erasures WHERE withdrawn_at IS NULL ORDER BY id"  # noqa: S608 - our own column names
RECORD = f"""
INSERT INTO erasures (bucket, key, tenant, reason, person) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (bucket, key) WHERE withdrawn_at IS NULL DO NOTHING RETURNING {COLUMNS}"""  # noqa: S608 - our own
WITHDRAW = f"""
UPDATE erasures SET withdrawn_at = now(), withdrawn_by = %s WHERE id = %s AND withdrawn_at IS NULL
RETURNING {COLUMNS}"""  # noqa: S608 - our own column names


@dataclass(frozen=True)
class Erasure:
    """One erasure: `bucket` by its name in printflow.toml; a `key` that ends in a slash stands for all below it."""

    id: int
    bucket: str
    key: str
    tenant: str
    reason: str
    person: str
    recorded_at: datetime

    @property
    def sentence(self) -> str:
        """Why nothing brings the file back, naming this erasure."""
        return f"it was erased on purpose (erasure {self.id}, {self.person}, {moment(self.recorded_at)}: {self.reason})"

    def as_json(self) -> dict[str, Any]:
        """As `files erasure list --json` shows it."""
        return asdict(self)


class Erasures:
    """The erasures that hold, asked about single objects."""

    def __init__(self, found: Iterable[Erasure] = ()) -> None:
        self.every = tuple(found)
        self._of: Mapping[tuple[str, str], Erasure] = {(each.bucket, each.key): each for each in self.every}

    def of(self, bucket: str, key: str) -> Erasure | None:
        """The erasure of an object: its own, or that of a folder that it lies in; None if there is none."""
        if not self._of:
            return None
        named = storable(key)
        folders = (named[: end + 1] for end, char in enumerate(named) if char == "/")
        return next((self._of[bucket, name] for name in (named, *folders) if (bucket, name) in self._of), None)


def in_force(connection: psycopg.Connection[TupleRow]) -> Erasures:
    """Every erasure that was not withdrawn."""
    return Erasures(Erasure(*row) for row in connection.execute(IN_FORCE).fetchall())


def record(
    connection: psycopg.Connection[TupleRow], bucket: str, key: str, tenant: str, reason: str, person: str
) -> Erasure | None:
    """Record an erasure; None if there is one of this very key already."""
    given = (bucket, storable(key), tenant, storable(reason), storable(person))
    row = connection.execute(RECORD, given).fetchone()
    return Erasure(*row) if row else None


def withdraw(connection: psycopg.Connection[TupleRow], number: int, person: str) -> Erasure | None:
    """Have an erasure count no more; None if there is none of that number that does."""
    row = connection.execute(WITHDRAW, (storable(person), number)).fetchone()
    return Erasure(*row) if row else None
