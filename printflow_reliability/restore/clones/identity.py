"""Proof that what answers is the clone of the right cluster, and isolated."""

from pathlib import Path

import psycopg

from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.restore.clones.listeners import tcp_listeners
from printflow_reliability.restore.production import Production
from printflow_reliability.restore.reaper import processes_in

IDENTITY = """
SELECT system_identifier, current_setting('listen_addresses'), current_setting('archive_mode') FROM pg_control_system()
"""


def require_isolated_clone(connection: psycopg.Connection, production: Production, place: Path) -> None:
    """Make sure of it.

    Args:
        connection: to the clone.
        production: the cluster that it must be a clone of.
        place: the clone's own directory.

    Raises:
        Refused: it is another cluster, listens on a network, or archives.
        CouldNotTell: it does not say who it is.
    """
    name = production.cluster
    identity = connection.execute(IDENTITY).fetchone()
    if identity is None:
        raise CouldNotTell(f"the clone of {name} does not say who it is")
    identifier, addresses, archive_mode = identity
    if identifier != production.system_identifier:
        raise Refused(
            f"what was restored for {name} is another cluster: its system identifier is {identifier}, "
            f"production's is {production.system_identifier}",
            f'is `stanza` of cluster "{name}" right?',
        )
    listening = tcp_listeners(processes_in(place))
    if addresses or archive_mode != "off" or listening:
        raise Refused(f"the clone of {name} is not isolated: it listens on {addresses or listening!r} or archives")
