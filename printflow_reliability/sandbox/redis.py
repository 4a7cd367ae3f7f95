"""The sandbox's Redis, with its append-only file on."""

import socket

from printflow_reliability.sandbox.home import SandboxHome, programs, write
from printflow_reliability.sandbox.services import Server

SETTINGS = """\
# Written by `printflow sandbox up`; a change here is lost.
bind 127.0.0.1
port {port}
dir {directory}
requirepass {password}
user watcher on >{watcher} ~* resetchannels {rights}
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
daemonize no
"""
READS = "-@all +@read -@dangerous +info +ping +hello +select +multi +exec +time +config|get +client|list"
"""What the product may do: nothing that changes anything."""


def prepare(home: SandboxHome) -> None:
    """Write its settings; the passwords are in the file, never among the arguments."""
    text = SETTINGS.format(
        port=home.port("redis"),
        directory=home.path("redis"),
        password=home.secret("redis.password"),
        watcher=home.secret("redis.watcher"),
        rights=READS,
    )
    write(home.path("redis", "redis.conf"), text, mode=0o600, owner=programs())


def server(home: SandboxHome) -> Server:
    """How it is run."""

    def ready() -> None:
        with socket.create_connection(("127.0.0.1", home.port("redis")), timeout=2) as connection:
            connection.sendall(f"AUTH {home.secret('redis.password')}\r\nPING\r\n".encode())
            answer = b""
            while b"PONG" not in answer:
                more = connection.recv(1024)
                if not more:
                    raise ConnectionError("it closed the connection")
                answer += more
                if b"LOADING" in answer or b"-" in answer:
                    raise ConnectionError(answer.decode(errors="replace").strip())

    return Server(
        name="redis",
        endpoint=f"redis://127.0.0.1:{home.port('redis')}/0",
        argv=("redis-server", str(home.path("redis", "redis.conf"))),
        ready=ready,
    )
