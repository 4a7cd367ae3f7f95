"""Connections to PostgreSQL that do not wait for ever: a server that is frozen keeps no limit of its own."""

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

Result = TypeVar("Result")


class BoundedConnection(psycopg.Connection[Any]):
    """A connection on which every answer is waited for a limited time.

    Attributes:
        answer_seconds: how long.
    """

    answer_seconds: float = 600

    def wait(self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None) -> Result:
        """Wait for an answer, and close the connection if none comes: nothing more can be asked on it."""
        limit = self.answer_seconds if timeout is None else timeout
        began = time.monotonic()
        try:
            return super().wait(gen, interval, limit)
        except psycopg.OperationalError as error:
            if timeout is not None or error.sqlstate or time.monotonic() - began < limit:
                raise
            self.close()
            raise psycopg.OperationalError(f"no answer within {limit:.0f} s") from None
