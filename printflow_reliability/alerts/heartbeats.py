"""Heartbeats to outside watchers: started, done, failed. A watcher that hears nothing for too long calls a person.

There are two kinds: an address of a [[heartbeat]], and a cron monitor of Sentry where [sentry] is configured. An
address is a secret: it appears in no log, reason or record. A watcher that is away or hangs is nobody's failure, and
delays no work for longer than WAIT_SECONDS.
"""

import logging
import threading
import time
from collections.abc import Callable
from enum import StrEnum

from printflow_reliability.alerts.routes.answer import denies
from printflow_reliability.alerts.sentry.monitors import ALL_THE_TIME, Monitors, Occasion
from printflow_reliability.alerts.sentry.reports import report_error
from printflow_reliability.posting import NotAnswered, Post, posting
from printflow_reliability.settings import Settings
from printflow_reliability.text import readable

log = logging.getLogger(__name__)

WAIT_SECONDS = 5.0
AGAIN_AFTER_SECONDS = 30.0
"""How often the same is said again: watchers refuse more than a few words a minute."""
LONGEST_BODY = 10_000
NOT_TAKEN = {"not found": "it knows no such heartbeat", "rate limited": "it was told too often"}
"""What Healthchecks.io answers with 200 where it does not take what it was told, and what that means."""


class Signal(StrEnum):
    """What a watcher is told; the value is what follows the address."""

    STARTED = "/start"
    DONE = ""
    FAILED = "/fail"


Send = Callable[[str, str], str]
"""Posts a text to an address; says why that failed, without the address, or nothing."""


class Heartbeats:
    """Tells the watchers of printflow.toml; it knows what each heard last, and spares them the same again and again."""

    def __init__(self, send: Send | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send or post
        self._monitors = Monitors(clock)
        self._clock = clock
        self._last: dict[str, tuple[Signal, float]] = {}
        self._sending: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()

    def started(self, settings: Settings, part: str, occasion: Occasion = ALL_THE_TIME) -> None:
        """The part begins; said where its success would be."""
        if self._is_due(part, Signal.DONE):
            self._tell(settings, part, Signal.STARTED, "", occasion)

    def done(self, settings: Settings, part: str, report: str, occasion: Occasion = ALL_THE_TIME) -> None:
        """The part has done its work, and whoever must hear of what it found was told."""
        if self._is_due(part, Signal.DONE):
            self._tell(settings, part, Signal.DONE, report, occasion)

    def failed(self, settings: Settings, part: str, report: str, occasion: Occasion = ALL_THE_TIME) -> None:
        """The part could not do its work, or somebody may not have heard of what it found."""
        if self._is_due(part, Signal.FAILED):
            self._tell(settings, part, Signal.FAILED, report, occasion)

    def _is_due(self, part: str, signal: Signal) -> bool:
        with self._lock:
            last, at = self._last.get(part, (None, 0.0))
        return last is not signal or self._clock() - at >= AGAIN_AFTER_SECONDS

    def _tell(self, settings: Settings, part: str, signal: Signal, report: str, occasion: Occasion) -> None:
        if signal is not Signal.STARTED:
            with self._lock:
                self._last[part] = (signal, self._clock())
        if settings.sentry is not None and settings.sentry.monitors:
            if signal is Signal.STARTED:
                self._monitors.started(part, occasion)
            else:
                self._monitors.ended(part, occasion, well=signal is Signal.DONE)
        url = next((heartbeat.url for heartbeat in settings.heartbeat if heartbeat.of == part), None)
        if url is not None:
            self._post(part, f"{url.rstrip('/')}{signal}", readable(settings.redact(report))[:LONGEST_BODY])

    def _post(self, part: str, address: str, body: str) -> None:
        with self._lock:
            before = self._sending.get(part)
        if before is not None and before.is_alive():
            log.warning("the watcher of the heartbeat %s still does not answer", part)
            return
        # A thread, since no time limit of a client is one for the whole of an answer.
        thread = threading.Thread(target=self._deliver, args=(part, address, body), daemon=True)
        with self._lock:
            self._sending[part] = thread
        thread.start()
        thread.join(WAIT_SECONDS)

    def _deliver(self, part: str, address: str, body: str) -> None:
        try:
            refused = self._send(address, body)
        except Exception as defect:  # its text may hold the address, which Sentry does not get either
            report_error(defect)
            refused = type(defect).__name__
        if refused:
            with self._lock:
                self._last.pop(part, None)  # what was not heard is due again
            log.warning("the watcher of the heartbeat %s did not take it: %s", part, refused)


def post(address: str, body: str) -> str:
    """Post a text; says why that failed, without the address, or nothing."""
    try:
        with posting(None) as send:
            reply = send(Post(address, body.encode(), {"Content-Type": "text/plain; charset=utf-8"}), WAIT_SECONDS)
    except NotAnswered as silent:
        return f"it {silent.reason}"
    except OSError as unreadable:
        return f"the system's own certificates cannot be read ({type(unreadable).__name__})"
    if not 200 <= reply.status < 300:
        return f"it answered {reply.status}"
    answer = reply.body[:200].casefold()
    for words, meaning in NOT_TAKEN.items():
        if words in answer:
            return meaning
    return f"it answered {reply.status}, but does not say that it heard" if denies(reply) else ""
