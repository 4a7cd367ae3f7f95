"""What happened to runs since a sensor's last tick: nothing is missed, also where a tick fails or events come late."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import dagster as dg

from printflow_reliability.defs.event_cursor import EventCursor

EVENTS_AT_ONCE = 100
RunEvent = Literal[
    dg.DagsterEventType.RUN_START,
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
]


def newest(instance: dg.DagsterInstance, kinds: Sequence[RunEvent]) -> str:
    """A cursor behind everything that there is."""
    cursors = {}
    for kind in kinds:
        found = instance.fetch_run_status_changes(dg.RunStatusChangeRecordsFilter(kind), limit=1).records
        cursors[kind.value] = EventCursor(found[0].storage_id if found else 0)
    return _written(cursors)


def since(
    instance: dg.DagsterInstance, kinds: Sequence[RunEvent], cursor: str, now: datetime
) -> tuple[list[dg.EventLogRecord], str]:
    """The events after a cursor, oldest first, and the cursor for when they are handled."""
    cursors = _parsed(cursor, kinds)
    events: list[dg.EventLogRecord] = []
    for kind in kinds:
        before = cursors.get(kind.value, EventCursor(0))
        wanted = dg.RunStatusChangeRecordsFilter(kind, after_storage_id=before.after)
        most = EVENTS_AT_ONCE + len(before.handled)
        records = instance.fetch_run_status_changes(wanted, limit=most, ascending=True).records
        events += before.new(records)
        cursors[kind.value] = before.past(records, now)
    return sorted(events, key=lambda record: record.storage_id), _written(cursors)


def _parsed(cursor: str, kinds: Sequence[RunEvent]) -> dict[str, EventCursor]:
    """The cursor of each kind of event; an earlier release had one for all kinds."""
    found = json.loads(cursor)
    if "record_id" in found:
        return {kind.value: EventCursor(found["record_id"]) for kind in kinds}
    return {name: EventCursor.parse(text) for name, text in found.items()}


def _written(cursors: Mapping[str, EventCursor]) -> str:
    return json.dumps({name: cursor.write() for name, cursor in cursors.items()})
