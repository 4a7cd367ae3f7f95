"""The files of a clone, all of them below its own directory, and what they tell of it."""

import contextlib
import socket
from pathlib import Path

from printflow_reliability.restore.clones.configuration import PORT
from printflow_reliability.restore.clones.server_log import relevant_lines

CONFIGURATION = "postgresql.conf"


class CloneFiles:
    """A clone's files.

    Attributes:
        place: its own directory.
    """

    place: Path

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.place / "data"

    @property
    def log_file(self) -> Path:
        """Its server log."""
        return self.place / "server.log"

    @property
    def sockets(self) -> Path:
        """The directory of its socket, its only door."""
        return self.place / "s"

    @property
    def socket_file(self) -> Path:
        """The socket itself."""
        return self.sockets / f".s.PGSQL.{PORT}"

    @property
    def spool(self) -> Path:
        """Where segments lie that were fetched ahead."""
        return self.place / "spool"

    @property
    def major_version(self) -> int:
        """PostgreSQL's major version of what was restored."""
        return int((self.data / "PG_VERSION").read_text(encoding="ascii"))

    def log_text(self) -> str:
        """All that its server has logged."""
        try:
            return self.log_file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def log_tail(self) -> str:
        """The lines of its log that say why it ended, for an error."""
        return relevant_lines(self.log_text())

    def alive(self) -> bool:
        """Whether its server still takes connections."""
        with socket.socket(socket.AF_UNIX) as door, contextlib.suppress(OSError):
            door.connect(str(self.socket_file))
            return True
        return False
