"""`[[redis]]`: the Redis servers of the platform, and how every section writes the address of one."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field

from printflow_reliability.settings.section import SECRET, Section

NO_REDIS = "is not the address of a Redis; write redis://USER:PASSWORD@HOST:PORT/NUMBER, rediss://... or unix:///PATH"
NO_NUMBER = "names a database that is no number; write redis://HOST:PORT/NUMBER, or unix:///PATH?db=NUMBER"
NO_OPTION = (
    "has an option that changes how answers are read or waited for; it may have db, username, password and ssl_..."
)
OPTION = re.compile(r"db|username|password|ssl_[a-z_]+")
NUMBER = re.compile(r"[0-9]{1,9}")


def redis_url(text: str) -> str:
    """The text, if it is the address of a Redis. No message holds any part of it.

    Raises:
        ValueError: it is not.
    """
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("redis", "rediss", "unix") and bool(parts.hostname or parts.path)
        sound = sound and (parts.scheme == "unix" or (parts.port or 1) > 0)
    except ValueError:
        sound = False
    if not sound:
        raise ValueError(NO_REDIS)
    options = parse_qsl(parts.query, keep_blank_values=True)
    if not all(OPTION.fullmatch(name) for name, _ in options):
        raise ValueError(NO_OPTION)
    numbers = [value for name, value in options if name == "db"]
    if parts.scheme != "unix" and parts.path not in ("", "/"):
        numbers.append(parts.path.removeprefix("/"))
    if not all(NUMBER.fullmatch(number) for number in numbers):
        raise ValueError(NO_NUMBER)  # its client would take database 0, without a word
    return text


RedisUrl = Annotated[str, AfterValidator(redis_url)]


class RedisSettings(Section):
    """One Redis of the platform: its durability is checked, and [[queue]] and [[worker]] name it.

    A role that may read suffices, and cannot change anything:
    `+@read -@dangerous +info +ping +hello +select +multi +exec +time +config|get`. Where CONFIG is refused, as by a
    managed Redis, INFO says most of it; what it does not say is unknown. With `+client|list` the workers of BullMQ are
    counted; without it, set `workers = 0` for their queues and give them a [[worker]].
    """

    name: str = Field(
        pattern=r"^[A-Za-z0-9_.-]+$",
        description="What this file, the commands and the findings call it; unique. Letters, digits and `_.-` only.",
    )
    url: RedisUrl = Field(
        json_schema_extra=SECRET,
        description="Address with user, password and number of the database: redis://USER:PASSWORD@HOST:PORT/0, "
        "rediss:// for TLS, unix:///PATH for a socket.",
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authority that signed the server's certificate. Absent: the system's authorities.",
    )
    replicas: int = Field(
        default=0,
        ge=0,
        description="How many replicas must follow it. A replica that lags is named whatever this is.",
    )
    replica_lag_seconds: float = Field(
        default=30,
        gt=0,
        description="How long a replica may not have answered. A stopped replica stays `online`: only its lag tells.",
    )
    may_lose: bool = Field(
        default=False,
        description="Whether losing all its data would lose no paid work, as of a Redis that is nothing but a cache. "
        "Then persistence and eviction are not judged.",
    )
