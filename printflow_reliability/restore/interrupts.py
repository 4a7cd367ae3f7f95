"""Ctrl-C, SIGTERM and SIGHUP during a drill or a recovery: the first ends it, none keeps it from removing its clones.

A clone is a copy of production. What a second, impatient signal would leave on the disk, nobody would know of.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DEFAULTS = (signal.SIG_DFL, signal.default_int_handler)
PATIENCE = b"\nprintflow: what was restored is being removed, wait; killed now, it would stay on this disk\n"


class Interrupts:
    """The signals that one drill or recovery is sent.

    Outside of the main thread, which alone may handle signals, it does nothing.

    Attributes:
        received: the name of the signal that ended it, such as "SIGTERM"; None if none did.
    """

    def __init__(self) -> None:
        self.received: str | None = None
        self._held = False

    @contextmanager
    def obeyed(self) -> Iterator[None]:
        """The first signal within the block raises KeyboardInterrupt; those that somebody else handles stay theirs."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in ENDING}
        for number, handler in before.items():
            if handler in DEFAULTS:  # one that is ignored, as under nohup, stays ignored
                signal.signal(number, self._handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                if handler is not None:  # one that was not set from Python cannot be put back, and was not touched
                    signal.signal(number, handler)

    def hold(self) -> None:
        """From here to the end of the block no signal ends anything, whoever handled it; who sends one is told why."""
        self._held = True
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if callable(signal.getsignal(number)):
                    signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._held or self.received:
            os.write(2, PATIENCE)  # a print could meet itself halfway
            return
        self.received = signal.Signals(number).name
        raise KeyboardInterrupt
