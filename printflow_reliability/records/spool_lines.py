"""The lines of a spool: what each kind of entry holds. One that does not is left out, and harms no other.

An older or newer program, a disk or a person may have written them.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from printflow_reliability.findings import Severity

Entry = Mapping[str, Any]
Holds = Callable[[Any], bool]
RAISED, RESOLVED, TOLD = "raised", "resolved", "told"
HELD, LIFTED = "held", "lifted"


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _moment(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _severity(value: Any) -> bool:
    return value in list(Severity)


def _count(value: Any) -> bool:
    return value is None or (type(value) is int and 0 <= value < 2**31)


def _list(value: Any) -> bool:
    return isinstance(value, list)


def _or_none(holds: Holds) -> Holds:
    return lambda value: value is None or holds(value)


FIELDS: Mapping[str, Mapping[str, Holds]] = {
    RAISED: {"key": _text, "severity": _severity, "title": _text, "body": _text, "count": _count},
    RESOLVED: {"key": _text},
    TOLD: {"event": _text, "route": _text},
    HELD: {"order": _text, "tenant": _or_none(_text), "paid_at": _or_none(_moment), "reason": _text, "files": _list},
    LIFTED: {"order": _text},
}
"""Of each kind, what its fields must be; every entry has an id and says when it was made."""


def read_line(line: bytes) -> Entry | None:
    """The entry that a line holds; None where it holds none that this program knows."""
    try:
        found = json.loads(line)
        fields = FIELDS[found["kind"]]
        sound = _text(found["id"]) and _moment(found["at"]) and all(fields[key](found.get(key)) for key in fields)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if sound else None
