"""HTTP/1.1 on one connection, which ends if no whole request comes: slow senders would keep every connection else."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""How long a connection may wait for its next request; it ends after twice that at the latest."""


class BoundedProtocol(H11Protocol):
    """As uvicorn's own, whose time limit ends with the first byte of a request."""

    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch the connection."""
        super().connection_made(transport)
        self._watch = self.loop.call_later(HEAD_SECONDS, self._look, None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching it."""
        super().connection_lost(exc)
        if self._watch is not None:
            self._watch.cancel()

    def _look(self, before: object) -> None:
        """End the connection if it has had no request since the last look, and none is being answered."""
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.cycle is before:
            self.transport.close()
        else:
            self._watch = self.loop.call_later(HEAD_SECONDS, self._look, self.cycle)
