"""What people do about an alert: acknowledge that it is theirs, or silence its key for a while."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.errors import ConfigError
from printflow_reliability.register import REGISTER
from printflow_reliability.text import seconds, storable

OF_PAID_ORDERS = ("order:", "orders:", "check:orders.", "run:held_orders")
"""What the keys of alerts about paid orders begin with; the records refuse to silence them as well."""
LONGEST_SILENCE = timedelta(days=30)
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
OPEN = "SELECT acknowledged_at, acknowledged_by FROM alerts WHERE dedup_key = %s AND resolved_at IS NULL FOR UPDATE"
ACKNOWLEDGE = """
UPDATE alerts SET acknowledged_at = now(), acknowledged_by = %s WHERE dedup_key = %s AND resolved_at IS NULL
RETURNING acknowledged_at"""
EVER = "SELECT EXISTS (SELECT FROM alerts WHERE dedup_key = %s)"
SILENCE = """
INSERT INTO alert_silences (dedup_key, person, reason, until)
VALUES (%s, %s, %s, now() + make_interval(secs => %s)) RETURNING until"""


@dataclass(frozen=True)
class Acknowledged:
    """Who took care of an alert, and when; `before` where that was said already."""

    person: str
    at: datetime
    before: bool


def acknowledge_alert(connection: psycopg.Connection[TupleRow], key: str, person: str) -> Acknowledged:
    """Say that the open alert of that key is a person's own, so that it is not escalated. The first one counts.

    Raises:
        ConfigError: no alert of that key is open, or nobody is named.
    """
    if not person.strip():
        raise ConfigError("an acknowledgement needs a person", "--by NAME")
    with connection.transaction():
        row = connection.execute(OPEN, (storable(key),)).fetchone()
        if row is None:
            raise ConfigError(f"no open alert has the key {key}", "printflow alerts list")
        if row[0] is not None:
            return Acknowledged(row[1], row[0], before=True)
        ((at,),) = connection.execute(ACKNOWLEDGE, (storable(person), storable(key))).fetchall()
    return Acknowledged(person, at, before=False)


def silence_alert(
    connection: psycopg.Connection[TupleRow], key: str, lasting: timedelta, reason: str, person: str
) -> datetime:
    """Tell nobody of that key for a while; what is still wrong then is told then. Says when that is.

    Raises:
        ConfigError: the key is one of paid orders or of nothing that there is, or nobody is named, or no reason given.
    """
    if key.startswith(OF_PAID_ORDERS):
        raise ConfigError(
            f"{key} cannot be silenced: a paid order that must not go to print would be hidden, and its customer waits",
            "acknowledge it, so that it is not escalated: printflow alerts ack KEY",
        )
    if not person.strip() or not reason.strip():
        raise ConfigError("a silence needs a person and a reason", '--by NAME --reason "maintenance until noon"')
    with connection.transaction():
        ((ever,),) = connection.execute(EVER, (storable(key),)).fetchall()
        if not ever and key.removeprefix("check:") not in REGISTER:
            raise ConfigError(f"no alert with the key {key} was ever raised", "printflow alerts list --json")
        given = (storable(key), storable(person), storable(reason), lasting.total_seconds())
        ((until,),) = connection.execute(SILENCE, given).fetchall()
    return until  # type: ignore[no-any-return]


def duration(text: str) -> timedelta:
    """A duration as people write it: 30m, 2h or 7d.

    Raises:
        ConfigError: it is none, or longer than a silence may be.
    """
    found = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    if found is None or int(found[1]) == 0:
        raise ConfigError(f'--for: "{text}" is no duration', "write 30m, 2h or 7d")
    lasting = timedelta(**{UNITS[found[2]]: int(found[1])})
    if lasting > LONGEST_SILENCE:
        longest = seconds(LONGEST_SILENCE.total_seconds())
        raise ConfigError(f"--for: {text} is longer than {longest}, and a silence must end", f"write {longest[:2]}d")
    return lasting
