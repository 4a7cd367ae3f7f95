"""Folding a spool back into the records: each entry once, under the keys that were told, and told to nobody again."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.outbox import Alert, raise_alert, resolve_alert
from printflow_reliability.findings import Severity
from printflow_reliability.records.spool_lines import RAISED, RESOLVED, TOLD, Entry
from printflow_reliability.settings import Settings

log = logging.getLogger(__name__)

TAKE = "INSERT INTO spooled_entries (id) VALUES (%s) ON CONFLICT DO NOTHING RETURNING id"
FORGET = "DELETE FROM spooled_entries WHERE taken_at < now() - interval '90 days'"
DATE = "UPDATE alerts SET raised_at = least(raised_at, %s::timestamptz) WHERE id = %s"
OPEN = "SELECT id FROM alerts WHERE dedup_key = %s AND resolved_at IS NULL"
ALREADY_TOLD = """
UPDATE deliveries SET attempts = attempts + 1, delivered_at = now(), last_error = NULL
WHERE alert_id = %s AND route = %s AND event = %s AND delivered_at IS NULL"""

Records = psycopg.Connection[TupleRow]
Fold = Callable[[Records, Entry], None]


@dataclass(frozen=True)
class Folded:
    """How many entries the records took over, and how many they refuse for what they hold."""

    taken: int
    refused: int = 0


def fold(records: Records, settings: Settings, entries: Iterable[Entry], others: Mapping[str, Fold]) -> Folded:
    """Take over these entries, oldest first, in one transaction.

    What was taken over before, by a process that was killed before it could empty its spool, is not taken over again.
    An entry that the records refuse keeps no other from them.

    Args:
        records: where to.
        settings: the whole file.
        entries: of the spool; those that say who was told come after what they are about.
        others: what takes over an entry of another kind than alerts'.
    """
    alerts: dict[str, tuple[int, str]] = {}
    taken = refused = 0
    with records.transaction():
        for entry in entries:
            if entry["kind"] == TOLD:
                if (told := alerts.get(entry["event"])) is not None:
                    records.execute(ALREADY_TOLD, (told[0], entry["route"], told[1]))
                continue
            try:
                with records.transaction():
                    if records.execute(TAKE, (entry["id"],)).fetchone() is None:
                        continue
                    told_as = _take_over(records, settings, entry, others)
            except (psycopg.DataError, psycopg.IntegrityError, UnicodeError) as wrong:
                log.error("the records refuse the entry %s of the spool: %s", entry["id"], type(wrong).__name__)
                refused += 1
                continue
            taken += 1
            if told_as is not None:
                alerts[entry["id"]] = told_as
        records.execute(FORGET)
    return Folded(taken, refused)


def _take_over(
    records: Records, settings: Settings, entry: Entry, others: Mapping[str, Fold]
) -> tuple[int, str] | None:
    """Take one entry over; of an alert's, says which alert it is about and what its routes are told."""
    if entry["kind"] == RAISED:
        return _raise(records, settings, entry), "trigger"
    if entry["kind"] == RESOLVED:
        found = records.execute(OPEN, (entry["key"],)).fetchone()
        resolve_alert(records, settings, entry["key"])
        return (found[0], "resolve") if found is not None else None
    others[entry["kind"]](records, entry)
    return None


def _raise(records: Records, settings: Settings, entry: Entry) -> int:
    alert = Alert(entry["key"], Severity(entry["severity"]), entry["title"], entry["body"], entry.get("count"))
    number = raise_alert(records, settings, alert)
    records.execute(DATE, (entry["at"], number))
    return number
