"""What processes that run until a signal ends them have in common: settings that change, a log, systemd."""

import logging
import socket
import sys
from collections.abc import Callable

from printflow_reliability.errors import PrintflowError
from printflow_reliability.settings import Settings

log = logging.getLogger(__name__)

OURS = "printflow_reliability"
"""The logger above all of this program's own; what libraries say at that level may hold addresses with secrets."""
READY, ALIVE, ENDING = "READY=1", "WATCHDOG=1", "STOPPING=1"
"""What systemd hears of a service: one that says for long that it is not alive is replaced."""


class NewestSettings:
    """The settings as the file says at each call; those it said last, while it is wrong."""

    def __init__(self, load: Callable[[], Settings], first: Settings) -> None:
        self._load = load
        self._last = first

    def __call__(self) -> Settings:
        """Read the file."""
        try:
            self._last = self._load()
        except PrintflowError as wrong:
            log.warning("printflow.toml is not read anew: %s", wrong.sentence)
        return self._last


def log_to_stderr() -> None:
    """Log this program's own lines, whatever --verbose says of everybody's."""
    ours = logging.getLogger(OURS)
    ours.setLevel(min(logging.INFO, logging.getLogger().getEffectiveLevel()))
    if not logging.getLogger().handlers:
        ours.addHandler(logging.StreamHandler(sys.stderr))


def notify(address: str | None, state: str) -> None:
    """Tell systemd, if it listens; one that does not costs a line of the log."""
    if address is None:
        return
    path = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_systemd:
            to_systemd.sendto(state.encode(), path)
    except OSError as refused:
        log.warning("systemd cannot be told %s: %s", state, refused.strerror)
