"""Connections to PostgreSQL that do not wait for ever: a server that is frozen keeps no limit of its own.

A query may take long on a healthy server. So where nothing comes for a while, a second connection shows whether the
server still answers anybody.
"""

import re
import time
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg import waiting
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo

from printflow_reliability.absence import Absence

Result = TypeVar("Result")

SILENT_SECONDS = 20.0
"""How long nothing may come before the server is asked by another connection, and how often then."""
PROBE_SECONDS = 10
"""How long that connection may take to open."""
CANCEL_SECONDS = 2
"""How long a server that is asked to end an interrupted query may take to hear of it."""

NOT_REACHED = "connection refused|no route to host|unreachable|host is down|no such file or directory"
"""What libpq says where nobody took the connection; everything else is said by a server, or by what lies before it."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection on which every answer is waited for a limited time, and that of a frozen server not even so long.

    Attributes:
        answer_seconds: how long.
    """

    answer_seconds: float = 600

    def wait(self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None) -> Result:
        """Wait for an answer, and close the connection if none comes: nothing more can be asked on it."""
        limit = self.answer_seconds if timeout is None else timeout
        began = time.monotonic()
        try:
            return waiting.wait(self._watched(gen), self.pgconn.socket, interval, limit)
        except psycopg.OperationalError as error:
            if timeout is not None or error.sqlstate or time.monotonic() - began < limit:
                raise
            self.close()
            raise psycopg.OperationalError(f"no answer within {limit:.0f} s") from None
        except Exception:
            raise
        except BaseException:  # Ctrl-C and the like
            with suppress(psycopg.Error):
                self.cancel_safe(timeout=CANCEL_SECONDS)
            self.close()
            raise

    def _watched(self, gen: PQGen[Result]) -> PQGen[Result]:
        """The same, with a look at the server wherever nothing came for long."""
        ready: Any = None
        heard = time.monotonic()
        absence = Absence(SILENT_SECONDS)
        try:
            while True:
                state = gen.send(ready)
                ready = yield state
                if ready:
                    heard = time.monotonic()
                    absence.reached()
                elif time.monotonic() - heard > SILENT_SECONDS:
                    self._require_alive(absence)
                    heard = time.monotonic()
        except StopIteration as ended:
            result: Result = ended.value
            return result

    def _require_alive(self, absence: Absence) -> None:
        """Raises:
        OperationalError: the server does not open a connection, or could not be reached for long; this one is closed.
        """
        own = {"host": self.info.host, "port": self.info.port, "password": self.info.password}
        parameters: dict[str, Any] = {**self.info.get_parameters(), **own, "connect_timeout": PROBE_SECONDS}
        try:
            psycopg.connect(make_conninfo("", **parameters)).close()
        except psycopg.errors.ConnectionTimeout:
            self.close()
            silent = SILENT_SECONDS + PROBE_SECONDS
            raise psycopg.OperationalError(f"no answer within {silent:.0f} s, nor a new connection") from None
        except psycopg.Error as refused:
            said = str(refused)
            if "FATAL:" in said or not re.search(NOT_REACHED, said, flags=re.IGNORECASE):
                absence.reached()  # it answers, if only that it takes no more connections
            elif absence.not_reached():
                self.close()
                why = " ".join(said.split())
                raise psycopg.OperationalError(f"no answer, and no new connection since: {why}") from None
        else:
            absence.reached()
