"""How events reach Sentry: in a thread of their own, in bounded time; a Sentry that is away is nobody's failure."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import urllib3
from sentry_sdk._queue import EmptyError
from sentry_sdk.consts import EndpointType
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import HttpTransport
from sentry_sdk.worker import BackgroundWorker

REQUEST_SECONDS = 5
"""How long one envelope may take: to connect, and again until the answer begins."""
MOST_WAITING = 50
"""Envelopes that wait while Sentry is slow; what comes on top of them is lost."""


KINDS = frozenset({"event", "transaction", "check_in"})


class BoundedTransport(HttpTransport):
    """The SDK's own transport, without its retries, of which it logs each, and without the answers' bodies.

    Attributes:
        taken: how many envelopes Sentry has taken.
        refusal: why it did not take the last one; empty if it did.
        lost: called whenever an event was lost.
    """

    TIMEOUT = REQUEST_SECONDS
    _worker: BackgroundWorker

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options)
        self.taken = 0
        self.refusal = ""
        self.lost: Callable[[], None] = lambda: None

    def capture_envelope(self, envelope: Envelope) -> None:
        """Send of an envelope what was scrubbed; attachments and what else an SDK may add pass no scrubber."""
        items = [item for item in envelope.items if item.type in KINDS]
        if items:
            super().capture_envelope(Envelope(headers=dict(envelope.headers), items=items))

    def flush(self, timeout: float, callback: Callable[[int, float], None] | None = None) -> None:
        """Wait for what is being sent; begins no thread where nothing ever was."""
        if timeout > 0 and self._worker.is_alive:
            self._worker.flush(timeout, callback)

    def kill(self) -> None:
        """End the thread after what it sends right now; the SDK cannot end one whose queue is full."""
        waiting = self._worker._queue
        with suppress(EmptyError):
            while True:
                waiting.get_nowait()  # type: ignore[no-untyped-call]
                waiting.task_done()  # type: ignore[no-untyped-call]
        super().kill()

    def _request(
        self, method: str, endpoint_type: EndpointType, body: Any, headers: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        url = self._auth.get_api_url(endpoint_type)
        try:
            # An answer's body may never end, and says nothing that the status does not.
            reply = self._pool.request(method, url, body=body, headers=headers, retries=False, preload_content=False)
        except Exception as error:
            self.refusal = f"it cannot be reached ({type(error).__name__})"
            raise
        if 200 <= reply.status < 300:
            self.taken += 1
            self.refusal = ""
        else:
            self.refusal = f"it answered {reply.status}"
            reply.close()  # or the SDK would read it for its own log
        return reply

    def on_dropped_event(self, _reason: str) -> None:
        """Tell whoever remembers what was sent that it was not."""
        self.lost()
