"""Finding queues in a Redis by what their keys are called, for saying why one is not where it should be."""

import re
from collections.abc import Iterator
from typing import Any

import redis

from printflow_reliability.text import printable, storable

ROUNDS = 40
"""How many times a search asks; each time some 1,000 keys are looked at."""
AT_ONCE = 1000
SHOWN = 3


def literal(text: str) -> str:
    """Text as a pattern of SCAN MATCH that matches that text alone."""
    return re.sub(r"([*?\[\]\\^-])", r"\\\1", text)


def keys_like(client: "redis.Redis", pattern: str) -> Iterator[str]:
    """The first keys that a pattern matches, within a bounded search."""
    cursor: Any = 0
    for _ in range(ROUNDS):
        cursor, keys = client.scan(cursor, match=pattern, count=AT_ONCE)
        yield from (storable(key) for key in keys)
        if not cursor:
            return


def named(keys: list[str]) -> str:
    """Some names for a sentence, quoted."""
    shown = ", ".join(f'"{printable(key)}"' for key in keys[:SHOWN])
    return f"{shown} and {len(keys) - SHOWN} more" if len(keys) > SHOWN else shown
