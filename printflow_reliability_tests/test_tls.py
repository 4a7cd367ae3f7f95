"""A server that dies between accepting a connection and its TLS handshake leaves no open socket behind."""

import gc
import select
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.pages import list_pages

RESET_AT_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture
def resets() -> Iterator[str]:
    """A server that resets each connection as soon as it has accepted it; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def reset() -> None:
            while True:
                try:
                    accepted, _ = server.accept()
                except OSError:
                    return
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
                accepted.close()

        thread = Thread(target=reset, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def head(bucket: BucketSettings) -> None:
    with s3_errors(bucket):
        s3_client(bucket).list_buckets()


def listing(bucket: BucketSettings) -> None:
    list(list_pages(bucket))


@pytest.mark.parametrize("ask", [head, listing])
def test_a_connection_that_is_reset_before_the_handshake_is_closed(
    resets: str, ask: Callable[[BucketSettings], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("printflow_reliability.storage.clients.ATTEMPTS", 2)
    # The reset must have arrived when the handshake begins; without this, that is a matter of microseconds.
    wrap = ssl.SSLContext.wrap_socket

    def wrap_when_reset(context: ssl.SSLContext, sock: socket.socket, **options: Any) -> ssl.SSLSocket:
        waiting = select.poll()
        waiting.register(sock, 0)  # errors are always told
        assert waiting.poll(5000), "the server did not reset the connection"
        return wrap(context, sock, **options)

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", wrap_when_reset)
    left_open: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda left: left_open.append(str(left.exc_value)))
    bucket = BucketSettings(
        name="files", bucket="files", endpoint_url=resets, access_key_id="key", secret_access_key="secret"
    )
    for _ in range(3):
        with pytest.raises(CouldNotTell):
            ask(bucket)
    gc.collect()
    assert left_open == []
