"""The audit record of an applied tenant restore, out of backups or a dump.

It is in the records, or in a file until the next tenant restore adds it.
"""

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from psycopg.types.json import Json

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.records.database import open_records
from printflow_reliability.records.session import Records
from printflow_reliability.settings import RecordsSettings

Answer = TypeVar("Answer")
log = logging.getLogger(__name__)

SUFFIX = ".audit.json"
INSERT = """
INSERT INTO tenant_restores (tenant, moment, planned_at, rows_written, plan)
SELECT %(tenant)s, %(moment)s, %(planned_at)s, %(rows_written)s, %(plan)s
WHERE NOT EXISTS (SELECT FROM tenant_restores WHERE tenant = %(tenant)s AND planned_at = %(planned_at)s)
"""
"""Once, however often it is tried."""


class Asked(Protocol):
    """The records, as a session with a lock or one connection after the other."""

    def ask(self, question: Callable[[Records], Answer], /) -> Answer: ...


@dataclass(frozen=True)
class WithoutLock:
    """The records, for a restore that takes no lock there."""

    records: RecordsSettings

    def ask(self, question: Callable[[Records], Answer], /) -> Answer:
        """Open them, ask, and close them again.

        Raises:
            CouldNotTell, ConfigError: they are away, or of another version.
        """
        with open_records(self.records) as connection:
            return question(connection)


@dataclass(frozen=True)
class Audit:
    """What was written for a tenant; `plan` is what the command's JSON calls so."""

    tenant: str
    moment: datetime
    planned_at: datetime
    rows_written: int
    plan: list[dict[str, Any]]


def record(records: Asked, directory: Path, audit: Audit) -> str | None:
    """Record what was written. If the records do not take it, keep it in a file; a sentence then says so."""
    document = {**audit.__dict__, "moment": audit.moment.isoformat(), "planned_at": audit.planned_at.isoformat()}
    try:
        records.ask(partial(_insert, document))
    except (CouldNotTell, ConfigError) as away:
        try:
            file = _keep(directory, document)
        except OSError as unwritten:
            return f"the audit record is lost: {away.what}; {directory} cannot be written: {unwritten.strerror}"
        return f"the audit record is not in the records yet: {away.what}. {file} keeps it until the next tenant restore"
    return None


def record_kept(records: Asked, directory: Path) -> None:
    """Record what such files hold and remove them. Killed in between, it does the same again and nothing twice."""
    for file in sorted(directory.glob(f"*{SUFFIX}")):
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            records.ask(partial(_insert, document))
        except (OSError, ValueError, KeyError, TypeError) as unreadable:
            log.warning("%s holds no audit record (%s); it is left there", file, unreadable)
            continue
        file.unlink()


def _insert(document: dict[str, Any], connection: Records) -> None:
    connection.execute(INSERT, {**document, "plan": Json(document["plan"])})


def _keep(directory: Path, document: dict[str, Any]) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"tenant-restore-{document['planned_at'].replace(':', '')}{SUFFIX}"
    half = file.with_suffix(".half")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump(document, out, indent=2)
        out.flush()
        os.fsync(out.fileno())
    half.replace(file)
    return file
