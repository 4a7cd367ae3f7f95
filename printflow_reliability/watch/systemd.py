"""What systemd hears of the watch: that it is ready, and after every round that it is alive; a hung one is replaced."""

import logging
import socket

log = logging.getLogger(__name__)

READY, ALIVE, ENDING = "READY=1", "WATCHDOG=1", "STOPPING=1"


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
