"""Answers that come drop by drop: a server that sends a byte now and then would keep a request waiting for hours.

The time limit of a socket is one for each byte. Here it holds for every 64 KiB of an answer, or for the whole of a
shorter one; what the caller does between two reads does not count.
"""

import http.client
import io
import socket
import time
from typing import Any

from urllib3.connection import HTTPConnection

LEAST_BYTES = 64 * 1024
"""What must come of an answer, or its end, within the time limit of its socket."""


def install() -> None:
    """Let every client of this process that is built upon urllib3 read its answers so: boto3's, and the pools'."""
    HTTPConnection.response_class = PacedResponse


class PacedResponse(http.client.HTTPResponse):
    """An answer that fails with a TimeoutError when it comes too slowly."""

    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp = io.BufferedReader(_Paced(sock, self.fp.detach()))


class _Paced(io.RawIOBase):
    """The bytes of a socket, as long as enough of them come."""

    def __init__(self, sock: socket.socket, stream: io.RawIOBase) -> None:
        self._sock = sock
        self._stream = stream
        self._limit = sock.gettimeout()
        self._left, self._came = self._limit, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The socket's."""
        return self._stream.fileno()

    def readinto(self, buffer: Any) -> int | None:
        """Read what has come, or wait for it.

        Raises:
            TimeoutError: too little came in all of the time.
        """
        if self._left is None:
            return self._stream.readinto(buffer)
        if self._left <= 0:
            raise TimeoutError(f"less than {LEAST_BYTES:,} bytes came within {self._limit:.1f} s")
        self._sock.settimeout(self._left)
        began = time.monotonic()
        count = self._stream.readinto(buffer)
        self._left -= time.monotonic() - began
        self._came += count or 0
        if self._came >= LEAST_BYTES:
            self._left, self._came = self._limit, 0
        return count

    def close(self) -> None:
        """Let go of the socket."""
        self._stream.close()
        super().close()
