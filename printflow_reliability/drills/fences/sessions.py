"""A session in each database of one cluster, for as long as its fence is made.

PostgreSQL gives a snapshot to sessions of the same database only, so there is one session a database and no more: it
counts in the snapshot that it holds itself. Where few connections are left, the fence waits, and then leaves databases
to be told another time rather than take production's last connections.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import psycopg

from printflow_reliability.drills.fences.reachable import TOO_FEW, find_reachable, free_connections
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import connect, error_text, unreachable
from printflow_reliability.restore.counts import prepare
from printflow_reliability.settings import ClusterSettings

COUNT_SECONDS = 3600
"""How long one table may take to count."""
CANCEL_SECONDS = 1.0
ENDED = "the fence's session in it was ended"


class Sessions:
    """A cluster's sessions; the first is in the database of the cluster's url, and the others in all others.

    Attributes:
        cluster: which one.
        first: the session in the database of its url.
        by_database: all of them.
        templates: databases that are templates, in which there is no session.
        left_out, untold: databases without a session, and why; `untold` ones may have one another time.
    """

    def __init__(self, stack: ExitStack, cluster: ClusterSettings) -> None:
        """Open a session in every database that lets this role in.

        Raises:
            CouldNotTell: the cluster cannot be reached.
        """
        self.cluster = cluster
        self.left_out: dict[str, str] = {}
        self.untold: dict[str, str] = {}
        self.templates: Sequence[str] = ()
        self.first = stack.enter_context(connect(cluster, statement_seconds=COUNT_SECONDS))
        self.by_database: dict[str, psycopg.Connection] = {}
        with self.explained():
            prepare(self.first)
            found = find_reachable(self.first)
            # Where not all can be counted, each gets its turn.
            others = random.sample(found.others, len(found.others))
            self.left_out |= found.left_out
            self.templates = found.templates
            self.by_database[found.own] = self.first
            room = free_connections(self.first, len(others))
        for database in others[:room]:
            self._open(stack, database)
        self.untold |= dict.fromkeys(others[room:], TOO_FEW)

    def known(self) -> set[str]:
        """All databases that were there when the sessions were opened."""
        return {*self.by_database, *self.templates, *self.left_out, *self.untold}

    @contextmanager
    def explained(self, database: str | None = None) -> Iterator[None]:
        """Say of which cluster an error is, as several are open at once; a database's trouble stays that database's.

        A lost session of a database other than the first is noted, and ends no more than the block.
        """
        try:
            yield
        except psycopg.Error as error:
            session = self.by_database.get(database or "", self.first)
            if session is not self.first:
                session.close()
                del self.by_database[database or ""]
                self.untold[database or ""] = f"{ENDED}: {error_text(error)}"
            elif isinstance(error, psycopg.OperationalError):
                raise unreachable(self.cluster, error) from None
            else:
                raise CouldNotTell(
                    f"cluster {self.cluster.name} refuses what a fence needs: {error_text(error)}",
                    "GRANT pg_read_all_data, pg_monitor TO its role, and EXECUTE ON FUNCTION "
                    "pg_create_restore_point(text), pg_switch_wal()",
                ) from None

    def cancel(self) -> None:
        """End what the sessions are asking, from another thread."""
        for session in list(self.by_database.values()):
            with suppress(psycopg.Error):
                session.cancel_safe(timeout=CANCEL_SECONDS)

    def _open(self, stack: ExitStack, database: str) -> None:
        try:
            session = stack.enter_context(connect(self.cluster, database=database, statement_seconds=COUNT_SECONDS))
        except CouldNotTell as refused:
            self.left_out[database] = refused.sentence
            return
        self.by_database[database] = session
        with self.explained(database):
            prepare(session)
