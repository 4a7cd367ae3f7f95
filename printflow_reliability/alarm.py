"""A time limit for a whole conversation.

The time limits of sockets hold for each read, and a server that answers by the byte never meets them.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Alarm:
    """Cuts the connection that it was shown last when the time is over.

    Attributes:
        over: whether that has happened.
    """

    def __init__(self) -> None:
        self.over = threading.Event()
        self._shown: socket.socket | None = None
        self._guard = threading.Lock()

    def show(self, connection: socket.socket) -> None:
        """Cut this one, also after it was wrapped by TLS: a copy of its descriptor is of the same connection."""
        self.forget()
        with self._guard, suppress(OSError):
            self._shown = connection.dup()
        if self.over.is_set():
            self._cut()

    @contextmanager
    def set_to(self, seconds: float) -> Iterator[None]:
        """Ring after so many seconds, unless the block ends before."""
        timer = threading.Timer(seconds, self._ring)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def forget(self) -> None:
        """Let go of the connection."""
        with self._guard:
            if self._shown is not None:
                self._shown.close()
            self._shown = None

    def _ring(self) -> None:
        self.over.set()
        self._cut()

    def _cut(self) -> None:
        with self._guard, suppress(OSError):
            if self._shown is not None:
                self._shown.shutdown(socket.SHUT_RDWR)
