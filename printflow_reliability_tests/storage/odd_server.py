"""An S3 server that answers as no healthy one does."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from printflow_reliability.settings import BucketSettings


@contextmanager
def server(says: Callable[[bytes], bytes | Iterator[bytes]]) -> Iterator[BucketSettings]:
    """A server that says this to a request's first bytes, at once or in parts, and then leaves the connection open."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:

        def answer(connection: socket.socket) -> None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, suppress(OSError):
                while request := connection.recv(65536):
                    said = says(request)
                    for part in (said,) if isinstance(said, bytes) else said:
                        connection.sendall(part)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield BucketSettings(
            name="files",
            bucket="printflow360",
            endpoint_url=f"http://127.0.0.1:{listening.getsockname()[1]}",
            access_key_id="key",
            secret_access_key="secret",
        )
        listening.shutdown(socket.SHUT_RDWR)
