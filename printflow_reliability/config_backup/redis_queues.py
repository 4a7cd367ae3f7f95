"""The state of queues in a Redis: every key that a pattern matches, as the commands that make it anew.

`redis-cli --pipe` reads them into an empty Redis. What holds the order of jobs is read in one transaction, so that no
job that moves meanwhile is in two places or in none.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import redis
from redis.exceptions import RedisError, ResponseError

from printflow_reliability.checks import Outcome
from printflow_reliability.config_backup.members import REDIS, Kind, Member, Parts, Trouble
from printflow_reliability.platform.redis_server import client_of, not_believable
from printflow_reliability.settings import RedisCopySettings
from printflow_reliability.text import counted, printable, storable

ORDERED = (b"list", b"zset", b"set")
"""Types that hold which job is in which state; the others hold jobs themselves."""
OTHERS = (b"hash", b"stream", b"string")
PIECE = 5_000
"""Elements that one command reads."""
AT_ONCE = 200
"""Keys that are asked about in one round trip."""
MOST_IN_A_TRANSACTION = 200_000
"""Elements; Redis does nothing else meanwhile. Of more, a job that moves may be copied twice."""
PART_BYTES = 16 * 1024**2
"""About how large one member of the archive is."""
ARGUMENTS = 500
"""Elements that one command of the copy holds."""


class RedisCopy:
    """The copy of one Redis.

    Attributes:
        keys: how many were copied so far.
        others: whether it has keys that no pattern matches.
    """

    def __init__(self, settings: RedisCopySettings) -> None:
        self.keys = 0
        self.others = False
        self._settings = settings

    @property
    def folder(self) -> str:
        """Where it lies in the archive."""
        return f"{REDIS}/{self._settings.name}"

    def parts(self) -> Parts:
        """The commands, in members of bounded size; a Redis that does not answer is a trouble."""
        try:
            with client_of(self._settings) as client:
                if why := not_believable(client):
                    yield Trouble(self.folder, Outcome.UNKNOWN, f"Redis {self._settings.name}: {why}")
                    return
                yield from self._members(client)
        except (RedisError, OSError, ValueError) as failed:
            said = " ".join(str(failed).split()) or type(failed).__name__
            yield Trouble(self.folder, Outcome.UNKNOWN, f"Redis {self._settings.name} was not copied: {said}")

    def _members(self, client: "redis.Redis") -> Parts:
        kinds = self._kinds(client)
        if strange := [key for key, kind in kinds.items() if kind not in (*ORDERED, *OTHERS)]:
            named = printable(storable(strange[0]))
            why = f"{counted(len(strange), 'key')} of a type that is not copied, such as {named}"
            yield Trouble(self.folder, Outcome.WARN, f"Redis {self._settings.name}: {why}")
            kinds = {key: kind for key, kind in kinds.items() if key not in strange}
        self.others = int(client.dbsize()) > len(kinds)
        self.keys = len(kinds)
        number, text = 0, bytearray()
        for command in _commands(client, kinds):
            text += command
            if len(text) >= PART_BYTES:
                number += 1
                yield self._member(number, bytes(text))
                text.clear()
        if text or not number:
            yield self._member(number + 1, bytes(text))

    def _member(self, number: int, content: bytes) -> Member:
        return Member(f"{self.folder}/{number:04}.resp", Kind.FILE, content, compared=False)

    def _kinds(self, client: "redis.Redis") -> dict[bytes, bytes]:
        """The type of every key that a pattern matches."""
        keys = sorted({key for pattern in self._settings.patterns for key in client.scan_iter(pattern, count=1000)})
        kinds: dict[bytes, bytes] = {}
        for some in _cut(keys, AT_ONCE):
            with client.pipeline(transaction=False) as pipe:
                for key in some:
                    pipe.type(key)
                kinds |= dict(zip(some, pipe.execute(), strict=True))
        return {key: kind for key, kind in kinds.items() if kind != b"none"}


def _commands(client: "redis.Redis", kinds: dict[bytes, bytes]) -> Iterator[bytes]:
    """The commands that make the keys anew; jobs after what names them."""
    ordered = [key for key, kind in kinds.items() if kind in ORDERED]
    for key, kind, content in _read_ordered(client, ordered, kinds):
        yield from _writes(key, kind, content)
    for some in _cut([key for key, kind in kinds.items() if kind not in ORDERED], AT_ONCE):
        with client.pipeline(transaction=False) as pipe:
            for key in some:
                _ask(pipe, key, kinds[key])
            answers = pipe.execute(raise_on_error=False)
        for key, answer in zip(some, answers, strict=True):
            if isinstance(answer, ResponseError) and str(answer).startswith("WRONGTYPE"):
                continue  # it was deleted and made again as something else
            if isinstance(answer, Exception):
                raise answer
            yield from _writes(key, kinds[key], answer)
    yield from _expiries(client, list(kinds))


def _read_ordered(
    client: "redis.Redis", keys: Sequence[bytes], kinds: dict[bytes, bytes]
) -> Iterator[tuple[bytes, bytes, Any]]:
    """Keys with their types and elements, in pieces where there are many."""
    sizes: dict[bytes, int] = {}
    for some in _cut(keys, AT_ONCE):
        with client.pipeline(transaction=False) as pipe:
            for key in some:
                {b"list": pipe.llen, b"zset": pipe.zcard, b"set": pipe.scard}[kinds[key]](key)
            sizes |= dict(zip(some, pipe.execute(), strict=True))
    whole = sum(sizes.values()) <= MOST_IN_A_TRANSACTION
    pieces = [(key, start) for key in keys for start in range(0, 1 if whole else max(sizes[key], 1), PIECE)]
    for some_pieces in [pieces] if whole else _cut(pieces, 1):
        with client.pipeline(transaction=whole) as pipe:
            for key, start in some_pieces:
                end = -1 if whole else start + PIECE - 1
                if kinds[key] == b"list":
                    pipe.lrange(key, start, end)
                elif kinds[key] == b"zset":
                    pipe.zrange(key, start, end, withscores=True)
                else:
                    pipe.smembers(key)
            answers = pipe.execute() if some_pieces else []
        for (key, start), answer in zip(some_pieces, answers, strict=True):
            if kinds[key] != b"set" or start == 0:
                yield key, kinds[key], answer


def _ask(pipe: Any, key: bytes, kind: bytes) -> None:
    if kind == b"hash":
        pipe.hgetall(key)
    elif kind == b"stream":
        pipe.xrange(key)
    else:
        pipe.get(key)


def _writes(key: bytes, kind: bytes, content: Any) -> Iterator[bytes]:
    """The commands that make a key anew; none for one that has gone meanwhile."""
    if content is None:
        return
    if kind == b"string":
        yield encoded(b"SET", key, content)
    elif kind == b"stream":
        for number, fields in content:
            yield encoded(b"XADD", key, number, *(part for pair in fields.items() for part in pair))
    else:
        name, flat = _flat(kind, content)
        width = 2 if kind in (b"hash", b"zset") else 1
        for some in _cut(flat, ARGUMENTS * width):
            yield encoded(name, key, *some)


def _flat(kind: bytes, content: Any) -> tuple[bytes, list[bytes]]:
    """The command that adds elements of this type, and its arguments in pairs where it takes pairs."""
    if kind == b"list":
        return b"RPUSH", list(content)
    if kind == b"zset":
        return b"ZADD", [part for member, score in content for part in (repr(score).encode(), member)]
    if kind == b"hash":
        return b"HSET", [part for pair in content.items() for part in pair]
    return b"SADD", sorted(content)


def _expiries(client: "redis.Redis", keys: Sequence[bytes]) -> Iterator[bytes]:
    """What ends by itself ends at the same time in the copy."""
    for some in _cut(keys, AT_ONCE):
        with client.pipeline(transaction=False) as pipe:
            for key in some:
                pipe.pttl(key)
            left = pipe.execute()
        now = int(time.time() * 1000)
        for key, milliseconds in zip(some, left, strict=True):
            if milliseconds > 0:
                yield encoded(b"PEXPIREAT", key, str(now + milliseconds).encode())


def encoded(*words: bytes) -> bytes:
    """A command in Redis's own protocol, which holds any bytes."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def _cut(items: Sequence[Any], size: int) -> Iterator[Any]:
    return (items[start : start + size] for start in range(0, len(items), size))
