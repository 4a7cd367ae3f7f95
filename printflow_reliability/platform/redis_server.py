"""The one place that opens connections to a Redis of the platform, and says whether what it tells can be believed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import RedisSettings

TLS_WANTED = "closed by server|reset by peer"
"""What is said of a connection that does not begin as a server over TLS expects."""
CONNECT_SECONDS = 5
READ_SECONDS = 20
ANSWER_SECONDS = 5
"""How long a small question may take."""


ODD = (
    (
        "^(MovedError|AskError|ClusterCrossSlotError)|CROSSSLOT|^[A-Za-z]+ (MOVED|ASK) ",
        "is one node of a Redis Cluster and does not hold these keys",
        "let url in [[redis]] lead to the node that holds them, or keep the queues in a Redis of one node",
    ),
    (
        "^(ClusterDownError|MasterDownError)|CLUSTERDOWN|MASTERDOWN",
        "has lost its cluster or its primary",
        "look at its log, and at CLUSTER INFO",
    ),
    (
        "unknown command",
        "does not know a command that every Redis knows",
        "is it a Sentinel or a proxy? Then correct url in [[redis]]: it must lead to the Redis itself",
    ),
    (
        "WRONGTYPE",
        "holds a key of another type under a name of the queue",
        "correct prefix, queue or key in printflow.toml, or the number of the database in url of [[redis]]",
    ),
)
"""What a server says that is none, or holds something else: by what is told of it, with what it is and what to do."""


class RedisAddress(Protocol):
    """Where a Redis is, and who signed its certificate."""

    @property
    def url(self) -> str: ...

    @property
    def ca_file(self) -> Path | None: ...


def client_of(server: RedisAddress) -> "redis.Redis":
    """A client of that Redis for long work; it connects when it is first asked something, and answers are bytes.

    Raises:
        ValueError: the address is malformed, which no settings let pass.
    """
    return redis.Redis.from_url(
        server.url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=READ_SECONDS,
        protocol=2,
        **_tls(server),
    )


@contextmanager
def asking(server: RedisSettings) -> Iterator["redis.Redis"]:
    """A client for small questions, for the block alone, of a Redis whose answers are the present state of its data.

    Raises:
        CouldNotTell: it does not answer soon, refuses, still loads its data, or is a replica without its primary; also
            for what goes wrong inside the block.
    """
    try:
        with redis.Redis.from_url(
            server.url,
            socket_connect_timeout=ANSWER_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            **_tls(server),
        ) as client:
            if why := not_believable(client):
                raise CouldNotTell(f"Redis {server.name}: {why}", "ask its primary: correct url in [[redis]]")
            yield client
    except (RedisError, OSError, ValueError) as failed:
        raise away(server, failed) from None


@dataclass(frozen=True)
class RedisObservation:
    """What one look at a Redis found."""

    version: str
    role: str
    keys: int


def observe_redis(server: RedisSettings) -> RedisObservation:
    """Look at a Redis once.

    Raises:
        CouldNotTell: as `asking`.
    """
    with asking(server) as client:
        info: Any = client.info()
        return RedisObservation(str(info.get("redis_version", "")), str(info.get("role", "")), int(client.dbsize()))


def not_believable(client: "redis.Redis") -> str:
    """Why what this Redis says is not the present state of its data; empty where it is, or INFO is refused."""
    try:
        info: Any = client.info("replication")
    except ResponseError:
        return ""
    stale = info.get("role") == "slave" and info.get("master_link_status") != "up"
    return "it is a replica that has lost its primary, and may be hours behind" if stale else ""


def away(server: RedisSettings, failed: Exception) -> CouldNotTell:
    """What to tell a person of a Redis that does not answer, or not as it should."""
    name = server.name
    said = " ".join(str(failed).split()).rstrip(".") or type(failed).__name__
    for sign, what, following in ODD:
        if re.search(sign, f"{type(failed).__name__} {said}"):
            return CouldNotTell(f"Redis {name} {what}: {said}", following)
    if isinstance(failed, BusyLoadingError):
        return CouldNotTell(f"Redis {name} is still loading its data from disk", "wait until it has, then ask again")
    if isinstance(failed, NoPermissionError):
        return CouldNotTell(
            f"Redis {name} refuses: {said}", "give its user the rights that docs/configuration.md lists for [[redis]]"
        )
    if isinstance(failed, AuthenticationError) or "NOAUTH" in said or "Authentication required" in said:
        return CouldNotTell(f"Redis {name} wants another user or password: {said}", "correct url in [[redis]]")
    if "SSL" in said or "certificate" in said:
        return CouldNotTell(f"Redis {name}: no connection over TLS: {said}", "correct url or ca_file in [[redis]]")
    if isinstance(failed, redis.exceptions.TimeoutError):
        # A server without TLS waits for the rest of what it takes for a command.
        why = ", and does it speak TLS as rediss:// wants?" if server.url.startswith("rediss:") else ", or overloaded?"
        return CouldNotTell(f"Redis {name} did not answer within {ANSWER_SECONDS} s", f"is it running{why}")
    if isinstance(failed, redis.exceptions.ConnectionError) and re.search(TLS_WANTED, said):
        return CouldNotTell(
            f"Redis {name} closes the connection: {said}", "does it want TLS? Then write rediss:// in [[redis]]"
        )
    if isinstance(failed, redis.exceptions.ConnectionError | OSError):
        return CouldNotTell(f"Redis {name} cannot be reached: {said}", "is it running, and is url in [[redis]] right?")
    return CouldNotTell(f"Redis {name} answers with an error: {said}", "read the log of its server")


def _tls(server: RedisAddress) -> dict[str, Any]:
    return {"ssl_ca_certs": str(server.ca_file)} if server.ca_file and server.url.startswith("rediss:") else {}
