"""A defect is sent once, and not once a tick: what was sent a short while ago is not sent again."""

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any

AGAIN_AFTER_SECONDS = 3600.0
MOST_REMEMBERED = 1_000


class Recent:
    """What was sent of late by this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sent: dict[Hashable, float] = {}
        self._lock = threading.Lock()

    def is_new(self, event: Mapping[str, Any]) -> bool:
        """Whether this was not sent for a while; from now on it was."""
        what, now = _fingerprint(event), self._clock()
        with self._lock:
            new = now - self._sent.get(what, -AGAIN_AFTER_SECONDS) >= AGAIN_AFTER_SECONDS
            if new:
                self._sent.pop(what, None)
                self._sent[what] = now
                while len(self._sent) > MOST_REMEMBERED:
                    del self._sent[next(iter(self._sent))]
        return new

    def forget(self) -> None:
        """Something did not arrive: each is sent again when it happens again."""
        with self._lock:
            self._sent.clear()


def _fingerprint(event: Mapping[str, Any]) -> Hashable:
    """What kind of error came from where; of a message, its text."""
    values = event.get("exception", {}).get("values", [])
    where = tuple(
        (value.get("type"), *((frame.get("filename"), frame.get("lineno")) for frame in _frames(value)[-5:]))
        for value in values
    )
    return where or str(event.get("message"))


def _frames(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    frames: list[Mapping[str, Any]] = (value.get("stacktrace") or {}).get("frames", [])
    return frames
