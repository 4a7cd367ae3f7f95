"""A cursor over Dagster's event log that misses nothing.

Ids are given before events are committed, so an event may appear behind the newest one that was seen. The cursor stays
behind what is younger than SETTLED, and remembers which of these events were handled already.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import dagster as dg

SETTLED = timedelta(minutes=1)
"""After this time no event appears behind one that was seen: no transaction of Dagster's is open for as long."""


@dataclass(frozen=True)
class EventCursor:
    """How far the event log was handled.

    Attributes:
        after: every event up to this id was handled.
        handled: ids above it that were handled too.
    """

    after: int
    handled: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The cursor that was written so; a bare number is one of an earlier release."""
        found = json.loads(text)
        return cls(found) if isinstance(found, int) else cls(found["after"], tuple(found["handled"]))

    def write(self) -> str:
        """The cursor as text."""
        return json.dumps({"after": self.after, "handled": self.handled})

    def new(self, records: Sequence[dg.EventLogRecord]) -> list[dg.EventLogRecord]:
        """Those of the records after `after` that were not handled yet."""
        return [record for record in records if record.storage_id not in self.handled]

    def past(self, records: Sequence[dg.EventLogRecord], now: datetime) -> "EventCursor":
        """The cursor once all these records, the next ones after `after` in ascending order, are handled."""
        after = self.after
        handled: list[int] = []
        for record in records:
            if not handled and record.event_log_entry.timestamp < (now - SETTLED).timestamp():
                after = record.storage_id
            else:
                handled.append(record.storage_id)
        return EventCursor(after, tuple(handled))
