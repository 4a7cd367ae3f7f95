"""Addresses of Redis servers, as every section of printflow.toml takes them."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

NO_REDIS = "is not the address of a Redis; write redis://USER:PASSWORD@HOST:PORT/NUMBER, rediss://... or unix:///PATH"


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
    return text


RedisUrl = Annotated[str, AfterValidator(redis_url)]
