"""The one place that opens connections to a Redis of the platform, and says whether what it tells can be believed."""

from pathlib import Path
from typing import Any, Protocol

import redis
from redis.exceptions import ResponseError

CONNECT_SECONDS = 5
READ_SECONDS = 20


class RedisAddress(Protocol):
    """Where a Redis is, and who signed its certificate."""

    @property
    def url(self) -> str: ...

    @property
    def ca_file(self) -> Path | None: ...


def client_of(server: RedisAddress) -> "redis.Redis":
    """A client of that Redis; it connects when it is first asked something, and answers are bytes.

    Raises:
        ValueError: the address is malformed, which no settings let pass.
    """
    tls = {"ssl_ca_certs": str(server.ca_file)} if server.ca_file and server.url.startswith("rediss:") else {}
    return redis.Redis.from_url(
        server.url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=READ_SECONDS,
        protocol=2,
        **tls,
    )


def not_believable(client: "redis.Redis") -> str:
    """Why what this Redis says is not the present state of its data; empty where it is, or INFO is refused."""
    try:
        info: Any = client.info("replication")
    except ResponseError:
        return ""
    stale = info.get("role") == "slave" and info.get("master_link_status") != "up"
    return "it is a replica that has lost its primary, and may be hours behind" if stale else ""
