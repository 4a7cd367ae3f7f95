"""Servers that refuse every connection: for a moment that is a restart, for long nobody is there to wait for."""

import time

ABSENT_SECONDS = 30.0
"""How long a server may be away before nothing more is expected of it."""

NOT_ASKED = 3
"""After so many times as long without a question, what was seen before says nothing any more."""


class Absence:
    """How long a server could not be reached, as it is asked now and then.

    Attributes:
        seconds: how long it may be away.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = ABSENT_SECONDS if seconds is None else seconds
        self._since: float | None = None
        self._last = 0.0

    def reached(self) -> None:
        """The server answered, whatever it said."""
        self._since = None

    def not_reached(self) -> bool:
        """Nobody took the connection; says whether this has been so for too long."""
        now = time.monotonic()
        if self._since is None or now - self._last > NOT_ASKED * self.seconds:
            self._since = now
        self._last = now
        return now - self._since >= self.seconds
