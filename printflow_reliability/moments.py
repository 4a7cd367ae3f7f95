"""Times as people write them on the command line, and times that a wrong clock wrote."""

from datetime import UTC, datetime, timedelta

from printflow_reliability.errors import ConfigError

AS_WRITTEN = "2026-11-02T14:05:00Z"
CLOCK_SKEW = timedelta(minutes=5)
"""How far two clocks may be apart before one of them counts as wrong."""


def parse_moment(text: str, otherwise: str = "no time") -> datetime:
    """Read a time with its zone, in ISO 8601, into UTC.

    Args:
        text: such as 2026-11-02T14:05:00Z.
        otherwise: what a text is that is no time, as the error says it.

    Raises:
        ConfigError: it is no time, has no time zone, or is beyond the calendar.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f'"{text}" is {otherwise}', f"write {AS_WRITTEN}") from None
    if moment.tzinfo is None:
        raise ConfigError(f"the time {text} has no time zone", f"write {text}Z for UTC, or {text}+01:00")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ConfigError(f"the time {text} is beyond the calendar", f"write {AS_WRITTEN}") from None


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Whether a moment that should have passed lies in the future: the clock that wrote it was wrong."""
    return moment > now + CLOCK_SKEW
