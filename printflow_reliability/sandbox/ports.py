"""The sandbox's ports: free loopback ports, remembered from one `up` to the next, chosen again where one is taken."""

import errno
import json
import random
import socket
from collections.abc import Collection, Iterable

from printflow_reliability.errors import ConfigError
from printflow_reliability.sandbox.home import SandboxHome, write

LOWEST, HIGHEST = 15_000, 32_000
"""Below the range that the kernel takes for outgoing connections, so that none of those is in a server's way."""


def assign(home: SandboxHome, names: Iterable[str], *, in_use: Collection[str]) -> dict[str, int]:
    """Give every name a port and remember it; `in_use` are the names whose own server listens there right now.

    Raises:
        ConfigError: no port is free.
    """
    file = home.path("ports.json")
    known: dict[str, int] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    ports: dict[str, int] = {}
    for name in names:
        port = known.get(name)
        if port is None or not (name in in_use or is_free(port)):
            port = _choose({*known.values(), *ports.values()})
        ports[name] = port
    if ports != known:
        write(file, json.dumps(ports, indent=2) + "\n", mode=0o644)
    return ports


def is_free(port: int) -> bool:
    """Whether a server could listen on that loopback port now, by either protocol that the machine has."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                return False
    return True


def _choose(taken: Collection[int]) -> int:
    for _ in range(1000):
        port = random.randint(LOWEST, HIGHEST)  # noqa: S311 - any free one will do
        if port not in taken and is_free(port):
            return port
    raise ConfigError("no free loopback port was found for the sandbox")
