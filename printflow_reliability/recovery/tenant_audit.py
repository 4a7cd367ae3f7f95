"""The audit record of applied tenant restores: in the records, or kept in a file until the records take it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.types.json import Json

from printflow_reliability.errors import PrintflowError
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings

INSERT = """
INSERT INTO tenant_restores (tenant, moment, planned_at, rows_written, plan)
SELECT %(tenant)s, %(moment)s, %(planned_at)s, %(rows_written)s, %(plan)s
WHERE NOT EXISTS (SELECT FROM tenant_restores WHERE tenant = %(tenant)s AND planned_at = %(planned_at)s)
"""
"""Once, however often it is tried."""


@dataclass(frozen=True)
class Audit:
    """What was written into production for a tenant; `plan` as in the command's JSON."""

    tenant: str
    moment: datetime
    planned_at: datetime
    rows_written: int
    plan: list[dict[str, Any]]


def record(settings: Settings, records: psycopg.Connection, audit: Audit) -> str | None:
    """Record what was written; what went wrong with that, in a sentence, if the records are away.

    The connection may have been lost during hours of recovery, so another is opened before the audit is kept in a file.
    """
    parameters = {
        "tenant": audit.tenant,
        "moment": audit.moment,
        "planned_at": audit.planned_at,
        "rows_written": audit.rows_written,
        "plan": Json(audit.plan),
    }
    try:
        records.execute(INSERT, parameters)
        return None
    except psycopg.Error:
        try:
            with open_records(settings.records) as again:
                again.execute(INSERT, parameters)
            return None
        except (PrintflowError, psycopg.Error) as away:
            return _keep(settings, parameters, away)


def record_kept(settings: Settings, records: psycopg.Connection) -> None:
    """Record what former restores had to keep in files."""
    for file in sorted(_directory(settings).glob("*.json")):
        kept = json.loads(file.read_text(encoding="utf-8"))
        records.execute(INSERT, {**kept, "plan": Json(kept["plan"])})
        file.unlink()


def _keep(settings: Settings, parameters: Mapping[str, Any], away: Exception) -> str:
    what = away.what if isinstance(away, PrintflowError) else " ".join(str(away).split())
    document = {**parameters, "plan": parameters["plan"].obj}
    text = json.dumps(document, default=datetime.isoformat)
    file = _directory(settings) / f"{uuid4()}.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        partial.rename(file)
    except OSError as full:
        return f"the audit record is lost: {what}; {file} cannot be written either: {full.strerror}"
    return f"the audit record is not in the records yet: {what}. It is kept in {file}; the next tenant restore adds it"


def _directory(settings: Settings) -> Path:
    return settings.drills.directory / "unrecorded"
