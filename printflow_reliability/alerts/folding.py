"""Folding a spool back into the records: each entry once, under the keys that were told, and told to nobody again."""

from collections.abc import Callable, Iterable, Mapping

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.outbox import Alert, raise_alert, resolve_alert
from printflow_reliability.alerts.spooled import RAISED, RESOLVED, TOLD
from printflow_reliability.findings import Severity
from printflow_reliability.records.spool import Entry
from printflow_reliability.settings import Settings

TAKE = "INSERT INTO spooled_entries (id) VALUES (%s) ON CONFLICT DO NOTHING RETURNING id"
FORGET = "DELETE FROM spooled_entries WHERE taken_at < now() - interval '90 days'"
DATE = "UPDATE alerts SET raised_at = least(raised_at, %s::timestamptz) WHERE id = %s"
OPEN = "SELECT id FROM alerts WHERE dedup_key = %s AND resolved_at IS NULL"
ALREADY_TOLD = """
UPDATE deliveries SET attempts = attempts + 1, delivered_at = now(), last_error = NULL
WHERE alert_id = %s AND route = %s AND event = %s AND delivered_at IS NULL"""

Records = psycopg.Connection[TupleRow]
Fold = Callable[[Records, Entry], None]


def fold(records: Records, settings: Settings, entries: Iterable[Entry], others: Mapping[str, Fold]) -> int:
    """Take over these entries, oldest first, in one transaction; says how many were new.

    What was taken over before, by a process that was killed before it could empty its spool, is not taken over again.

    Args:
        records: where to.
        settings: the whole file.
        entries: of the spool; those that say who was told come after what they are about.
        others: what takes over an entry of another kind than alerts'.
    """
    alerts: dict[str, tuple[int, str]] = {}
    taken = 0
    with records.transaction():
        for entry in entries:
            if entry["kind"] == TOLD:
                if (told := alerts.get(entry["event"])) is not None:
                    records.execute(ALREADY_TOLD, (told[0], entry["route"], told[1]))
                continue
            if records.execute(TAKE, (entry["id"],)).fetchone() is None:
                continue
            taken += 1
            if entry["kind"] == RAISED:
                alerts[entry["id"]] = _raise(records, settings, entry), "trigger"
            elif entry["kind"] == RESOLVED:
                found = records.execute(OPEN, (entry["key"],)).fetchone()
                resolve_alert(records, settings, entry["key"])
                if found is not None:
                    alerts[entry["id"]] = found[0], "resolve"
            elif entry["kind"] in others:
                others[entry["kind"]](records, entry)
        records.execute(FORGET)
    return taken


def _raise(records: Records, settings: Settings, entry: Entry) -> int:
    alert = Alert(entry["key"], Severity(entry["severity"]), entry["title"], entry["body"], entry.get("count"))
    number = raise_alert(records, settings, alert)
    records.execute(DATE, (entry["at"], number))
    return number
