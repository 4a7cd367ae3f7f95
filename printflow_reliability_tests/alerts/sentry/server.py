"""A server on this machine that takes Sentry's envelopes, and keeps every byte of what arrives."""

import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

KEY = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Item:
    """One item of an envelope."""

    kind: str
    document: Any


@dataclass(frozen=True)
class Arrived:
    """One envelope: the bytes that it was made of, its headers, and its items."""

    raw: bytes
    headers: Mapping[str, Any]
    items: tuple[Item, ...]


@dataclass
class Inbox:
    """What arrived so far."""

    envelopes: list[Arrived] = field(default_factory=list)
    request_headers: list[str] = field(default_factory=list)

    @property
    def raw(self) -> str:
        """Every byte of every envelope and of the requests' headers."""
        return "\n".join([*(each.raw.decode() for each in self.envelopes), *self.request_headers])

    def of_kind(self, kind: str) -> list[Any]:
        """The documents of all items of that kind: "event", "transaction", "check_in"."""
        return [item.document for each in self.envelopes for item in each.items if item.kind == kind]


class SentryServer(ThreadingHTTPServer):
    """Answers every envelope with this status, or hangs."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, status: int, fault: Literal["none", "hang", "endless body"]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.fault = status, fault
        self.inbox = Inbox()
        self.asked = 0
        self.over = threading.Event()

    @property
    def dsn(self) -> str:
        """What leads here."""
        return f"http://{KEY}@127.0.0.1:{self.server_port}/7"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that give up are what is tested."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: SentryServer

    def do_POST(self) -> None:
        """Keep the envelope, and answer."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        if self.server.fault == "hang":
            self.server.over.wait()
            return
        self.server.inbox.request_headers.append(str(self.headers))
        self.server.inbox.envelopes.append(_parsed(_unpacked(content, self.headers.get("Content-Encoding", ""))))
        self.send_response(self.server.status)
        if self.server.fault == "endless body":
            self.end_headers()
            while not self.server.over.wait(0.05):
                self.wfile.write(b" ")
            return
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _unpacked(content: bytes, encoding: str) -> bytes:
    match encoding:
        case "gzip":
            return gzip.decompress(content)
        case "br":
            import brotli  # type: ignore[import-not-found]  # the SDK packs with it only where it is installed

            return bytes(brotli.decompress(content))
    return content


def _parsed(raw: bytes) -> Arrived:
    """The envelope: a line of headers, then of each item a line of headers and so many bytes."""
    first, _, rest = raw.partition(b"\n")
    items = []
    while rest.strip():
        line, _, rest = rest.partition(b"\n")
        header = json.loads(line)
        length = header.get("length", rest.find(b"\n"))
        items.append(Item(header["type"], json.loads(rest[:length])))
        rest = rest[length:].removeprefix(b"\n")
    return Arrived(raw, json.loads(first), tuple(items))


@contextmanager
def sentry_server(status: int = 200, fault: Literal["none", "hang", "endless body"] = "none") -> Iterator[SentryServer]:
    """A Sentry that answers so."""
    with SentryServer(status, fault) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
