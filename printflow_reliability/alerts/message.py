"""What one alert says to one route: the fields that programs get, and the words that people get."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from printflow_reliability.text import moment, printable, readable, shell_word

LONGEST_TITLE = 500
"""Characters."""
LONGEST_BODY = 12_000
"""Bytes, as JSON has them: Teams refuses a message of more than 28 KB, and the others take more."""
CUT = "\N{HORIZONTAL ELLIPSIS}\n(This is not all of it. Next: printflow alerts list --json)"
Why = Literal["trigger", "grown", "escalate", "resolve"]


@dataclass(frozen=True)
class Message:
    """An alert as it is told: why now, what is wrong, since when, how often, and where.

    `count` is what the alert counts: the orders that are held, say, or else how often it was raised.
    """

    why: Why
    dedup_key: str
    severity: str
    title: str
    body: str
    raised_at: datetime
    source: str
    environment: str
    times: int = 1
    count: int = 1
    resolved_at: datetime | None = None

    @property
    def event(self) -> Literal["trigger", "resolve"]:
        """What a receiver does: open an incident (or say more of the one it has), or close it."""
        return "resolve" if self.why == "resolve" else "trigger"

    @property
    def headline(self) -> str:
        """One line for people."""
        match self.why:
            case "grown":
                return f"Still wrong, {self.count:,} by now: {self.title}"
            case "escalate":
                return f"ESCALATED, nobody has acknowledged it: {self.title}"
            case "resolve":
                return f"Resolved: {self.title}"
        return self.title

    @property
    def text(self) -> str:
        """All that people need to know below the headline."""
        place = f"{self.source} ({self.environment}), {self.severity}, raised {moment(self.raised_at)}"
        if self.event == "resolve":
            ended = f", resolved {moment(self.resolved_at)}" if self.resolved_at else ""
            return f"{place}{ended}"
        return f"{self.body}\n{place}\nAcknowledge: {acknowledge_command(self.dedup_key)}"

    def as_json(self) -> dict[str, Any]:
        """For programs; fields are added, and never renamed."""
        return {
            "event": self.event,
            "dedup_key": self.dedup_key,
            "severity": self.severity,
            "title": self.title,
            "body": self.body,
            "raised_at": self.raised_at.isoformat(),
            "times": self.times,
            "source": self.source,
            "environment": self.environment,
            "why": self.why,
            "count": self.count,
            "escalated": self.why == "escalate",
            "resolved_at": self.resolved_at.isoformat() if self.resolved_at else None,
        }


def showable(message: Message) -> Message:
    """The same as every service takes and shows it: nothing in it turns or hides other text, and it is not too long.

    What a person does about it stands below the body, and so is never cut off.
    """
    title = printable(message.title)
    if len(title) > LONGEST_TITLE:
        title = f"{title[: LONGEST_TITLE - 1]}\N{HORIZONTAL ELLIPSIS}"
    return replace(message, title=title, body=_cut(readable(message.body)))


def _cut(body: str) -> str:
    written = 0
    for end, character in enumerate(body):
        written += len(json.dumps(character)) - 2
        if written > LONGEST_BODY:
            return body[:end] + CUT
    return body


def acknowledge_command(dedup_key: str) -> str:
    """The command by which a person says that the alert is theirs."""
    return f"printflow alerts ack {'-- ' if dedup_key.startswith('-') else ''}{shell_word(dedup_key)}"
