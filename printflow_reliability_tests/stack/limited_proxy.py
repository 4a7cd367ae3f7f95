"""A way to a server that closes in the middle of an answer: connections stay open, and nothing comes any more."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class LimitedProxy:
    """A port that leads to another one until so many bytes have come back.

    Attributes:
        leads_to: the server's port on this host.
        port: where clients connect.
        left: bytes that may still come back; 0 closes it for good.
    """

    leads_to: int
    port: int = 0
    left: float = float("inf")
    closed: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, client: socket.socket) -> None:
        """Connect a client with the server."""
        try:
            server = socket.create_connection(("localhost", self.leads_to))
        except OSError:
            client.close()
            return
        threading.Thread(target=self._send, args=(client, server), daemon=True).start()
        self._bring_back(server, client)

    def _send(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while sent := client.recv(65536):
                server.sendall(sent)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _bring_back(self, server: socket.socket, client: socket.socket) -> None:
        with server, client, suppress(OSError):
            while came := server.recv(16384):
                with self._lock:
                    self.left -= len(came)
                    closed = self.left < 0
                if closed:
                    self.closed.set()
                    client.sendall(came[: len(came) // 2])
                    while client.recv(65536):  # until the client has had enough
                        pass
                    return
                client.sendall(came)


@contextmanager
def limited_proxy(leads_to: int, after: float) -> Iterator[LimitedProxy]:
    """A proxy that closes after so many bytes."""
    with socket.create_server(("localhost", 0), backlog=256) as listening:
        made = LimitedProxy(leads_to, listening.getsockname()[1], after)

        def accept() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=made.serve, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield made
        listening.shutdown(socket.SHUT_RDWR)
