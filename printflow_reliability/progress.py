"""How far long work is, for whoever shows it: a terminal, Dagster, nobody."""

from threading import Lock
from typing import Protocol


class Advance(Protocol):
    """Tells a progress display how far work is; `total` may become known later."""

    def __call__(self, done: int, total: int | None = None) -> None: ...


class Count:
    """Counts what several threads have done, for one progress display."""

    def __init__(self, advance: Advance | None, total: int) -> None:
        self._advance, self._total, self._done, self._lock = advance, total, 0, Lock()
        if advance:
            advance(0, total)

    def one_more(self) -> None:
        """One of them is done."""
        with self._lock:
            self._done += 1
            if self._advance:
                self._advance(self._done, self._total)
