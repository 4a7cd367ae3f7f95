"""On which TCP ports a clone listens: none, or it is not confined."""

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path

LISTENING = "0A"
"""The state of a listening socket in /proc/net/tcp."""
PROC = Path("/proc")


def tcp_listeners(pids: Iterable[int]) -> list[str]:
    """The TCP ports on which any of these processes listens, each as "ADDRESS:PORT" in the kernel's hexadecimal."""
    sockets: set[str] = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for open_file in (PROC / str(pid) / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if socket := re.fullmatch(r"socket:\[(\d+)\]", str(open_file.readlink())):
                        sockets.add(socket[1])
    found = []
    for table in (PROC / "net" / "tcp", PROC / "net" / "tcp6"):
        with contextlib.suppress(FileNotFoundError):
            for line in table.read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == LISTENING and columns[9] in sockets:
                    found.append(columns[1])
    return found
