"""What a promoted clone still has of production's life, ended before it is checked: only in clones that are removed.

Transactions that were prepared for two-phase commit keep their locks for ever, and event triggers that fire always
would act on what a drill does. A recovery in earnest keeps both: they are its owner's.
"""

import logging
from collections.abc import Iterable

import psycopg
from psycopg import sql

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.event_triggers import switch_off
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.counts import databases

log = logging.getLogger(__name__)

PREPARED = "SELECT database, gid FROM pg_catalog.pg_prepared_xacts ORDER BY database, prepared"


def quieten(clones: Iterable[Clone]) -> str:
    """Roll back prepared transactions and switch event triggers off; what was ended, as a phrase or nothing.

    A database that refuses keeps what it has, and its checks say what stands in their way.
    """
    ended = [f"{count} of {clone.cluster.name}" for clone in clones if (count := _quieten(clone))]
    return f"; prepared transactions rolled back in the clones: {', '.join(ended)}" if ended else ""


def _quieten(clone: Clone) -> int:
    with clone.connect() as connection:
        prepared: list[tuple[str, str]] = connection.execute(PREPARED).fetchall()
        names = databases(connection)
    ended = 0
    for name in dict.fromkeys((*(database for database, _ in prepared), *names)):
        try:
            with clone.connect(name, read_only=False) as connection:
                for database, gid in prepared:
                    if database == name:
                        connection.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
                        ended += 1
                switch_off(connection)
        except (CouldNotTell, psycopg.Error) as refused:
            log.warning("database %s of the clone of %s: %s", name, clone.cluster.name, refused)
    return ended
