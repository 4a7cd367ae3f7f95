"""What a route answered, and whether that means that it took the alert."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from printflow_reliability.posting import Reply

REFUSES_EVERYTHING = frozenset({401, 403, 404, 407, 408, 410, 429})
"""These are about the route, its token or its rate, and not about one alert."""
SPEAKS_OF_AN_ERROR = re.compile(
    r"\b(errors?|fail(ed|ure|s)?|denied|refused|rejected|forbidden|unauthori[sz]ed|invalid|not found|unavailable"
    r"|exceptions?|log ?in|sign ?in|time(d)? ?out|bad request)\b",
    re.IGNORECASE,
)
IS_AN_ERROR = re.compile(r"\W*((errors?|fail(ed|ure)?|invalid|denied|rejected|refused)\b|[45]\d\d$)", re.IGNORECASE)
"""What a field that holds a status begins with."""


@dataclass(frozen=True)
class Refusal:
    """Why a route did not take an alert, in words that hold neither address nor token.

    Attributes:
        reason: one sentence without its full stop.
        retry_after: for how many seconds the route wants to be left alone.
        stops: whether the route would refuse the next alert as well.
        blames: whether this alert itself may be why.
        reached_some: whether some of its people were told all the same.
    """

    reason: str
    retry_after: float | None = None
    stops: bool = False
    blames: bool = True
    reached_some: bool = False


def unspeakable(name: str, keys: str) -> Refusal:
    """Why nothing was sent to a route whose keys hold what the protocol has no characters or no room for."""
    said = f"route {name} cannot be spoken to: its {keys} in printflow.toml cannot be sent as it is"
    return Refusal(said, stops=True, blames=False)


def refused(name: str, reply: Reply, now: datetime) -> Refusal | None:
    """What the status alone says: None if it is one of success."""
    if 200 <= reply.status < 300:
        return None
    wanted = retry_after(reply.headers.get("retry-after", ""), now)
    redirect = 300 <= reply.status < 400
    everything = redirect or reply.status in REFUSES_EVERYTHING or wanted is not None
    note = ": a redirect, which is not followed" if redirect else ""
    return Refusal(f"route {name} answered {reply.status}{note}", wanted, stops=everything, blames=not everything)


def not_taken(name: str, reply: Reply) -> Refusal:
    """The refusal of an answer that has a status of success, and is not what the service says on success."""
    if reply.is_page:
        return Refusal(f"route {name} answered {reply.status} with a web page", stops=True, blames=False)
    return Refusal(f"route {name} answered {reply.status}, but does not say that it took the alert")


def denies(reply: Reply) -> bool:
    """Whether an answer with a status of success speaks of an error all the same."""
    if reply.is_page:
        return True
    found = reply.document()
    if isinstance(found, dict):
        return _denies(found)
    return SPEAKS_OF_AN_ERROR.search(reply.body.replace("_", " ")) is not None


def _denies(found: Mapping[str, Any]) -> bool:
    fields = {str(key).lower(): value for key, value in found.items()}
    if any(fields.get(key) for key in ("error", "errors", "exception")):
        return True
    if any(str(fields.get(key)).lower() in ("false", "0", "no") for key in ("ok", "success", "accepted")):
        return True
    for key in ("status", "code", "statuscode", "result"):
        value = fields.get(key)
        if isinstance(value, str) and IS_AN_ERROR.match(value.replace("_", " ")):
            return True
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
            return True
    return False


def retry_after(text: str, now: datetime) -> float | None:
    """How many seconds a Retry-After header asks for, given as seconds or as a date; None where it says nothing."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if until.tzinfo is None:  # a date with the zone -0000
        until = until.replace(tzinfo=now.tzinfo)
    return max((until - now).total_seconds(), 0.0)
