"""Messages for tests of routes."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from printflow_reliability.alerts.message import Message

RAISED_AT = datetime(2026, 11, 2, 14, 5, tzinfo=UTC)
MESSAGE = Message(
    why="trigger",
    dedup_key="order:10482",
    severity="critical",
    title="Paid order 10482 must not go to print",
    body="its file <is> lost & gone.\nNext: printflow orders check 10482",
    raised_at=RAISED_AT,
    source="Print-Flow-360",
    environment="staging",
)


def message(**changes: Any) -> Message:
    """A critical alert about a paid order, with what a test changes."""
    return replace(MESSAGE, **changes)
