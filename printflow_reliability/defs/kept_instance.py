"""Dagster's instance, kept from one tick to the next: Dagster itself opens one for each tick that asks for it.

That costs more than what most ticks ask: a connection for each part of its storage, and one more for each question.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from sqlalchemy.exc import DBAPIError

Answer = TypeVar("Answer")

STATEMENT_MILLISECONDS = 60_000
"""How long one question may take; the daemon waits no longer for a tick."""
RECYCLE_SECONDS = 60
"""How long a connection is kept."""
MOST_BESIDES = 20
"""Connections beside the one that each part of the storage keeps, which are closed after their question."""


class KeptInstance:
    """One instance for all ticks of a code server, in whichever thread they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ref: InstanceRef | None = None
        self._instance: dg.DagsterInstance | None = None

    def ask(self, ref: InstanceRef, question: Callable[[dg.DagsterInstance], Answer]) -> Answer:
        """The answer of the instance of that reference; asked once more where a kept connection was lost meanwhile."""
        try:
            return self._asked(ref, question)
        except DBAPIError as lost:
            if not lost.connection_invalidated:
                raise
        return self._asked(ref, question)

    def _asked(self, ref: InstanceRef, question: Callable[[dg.DagsterInstance], Answer]) -> Answer:
        instance = self._opened(ref)
        try:
            return question(instance)
        except DBAPIError:
            self._forget(instance)
            raise

    def _opened(self, ref: InstanceRef) -> dg.DagsterInstance:
        with self._lock:
            if self._instance is None or self._ref != ref:
                instance = dg.DagsterInstance.from_ref(ref)
                # The one way to have its storage keep a connection; named for whoever else is there for long.
                instance.optimize_for_webserver(STATEMENT_MILLISECONDS, RECYCLE_SECONDS, MOST_BESIDES)
                self._ref, self._instance = ref, instance
            return self._instance

    def _forget(self, instance: dg.DagsterInstance) -> None:
        with self._lock:
            if self._instance is instance:
                self._instance = None
