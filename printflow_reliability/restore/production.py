"""What a drill asks of a cluster in production: who it is, what a clone of it needs, and what must not change.

Everything here is read; the two functions that a fence calls are the only ones of a drill that do more.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import psycopg

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.platform.connect import QUESTION_SECONDS, connect, error_text
from printflow_reliability.platform.encodings import decode_as_paths
from printflow_reliability.platform.queries import Connector, session
from printflow_reliability.settings import ClusterSettings
from printflow_reliability.text import storable

IDENTITY = """
SELECT s.system_identifier,
       ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int AS timeline,
       (SELECT rolname FROM pg_roles WHERE oid = 10) AS superuser,
       current_setting('data_directory') AS data_directory,
       pg_size_bytes(current_setting('wal_segment_size')) AS segment_bytes,
       current_setting('server_version_num')::int AS version,
       md5(concat_ws(' ', current_setting('archive_mode'), current_setting('archive_command'))) AS archiving
FROM pg_control_system() s
"""
FLOORS = (
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
)
"""Settings that a server in recovery must have at least as large as the server whose WAL it replays."""
SLOTS = "SELECT slot_name || ' (' || slot_type || ')' FROM pg_replication_slots WHERE NOT temporary ORDER BY 1"
SUBSCRIPTIONS = "SELECT subname || CASE WHEN subenabled THEN '' ELSE ' (disabled)' END FROM pg_subscription ORDER BY 1"
TABLESPACES = """
SELECT oid::int8, spcname, pg_tablespace_location(oid) FROM pg_tablespace
WHERE pg_tablespace_location(oid) LIKE '/%' ORDER BY oid
"""
"""Those with a path of their own; the others lie inside the data directory."""


@dataclass(frozen=True)
class Tablespace:
    """A tablespace outside of the data directory; made anew, it has another OID."""

    oid: int
    name: str
    path: str


@dataclass(frozen=True)
class Production:
    """A cluster in production as a drill met it.

    Attributes:
        cluster: its name in printflow.toml.
        system_identifier: the same in every clone of it.
        timeline: the one it writes.
        superuser: the role that initdb made, whatever it is called.
        data_directory: where it lives on its own machine.
        segment_bytes: size of a WAL segment.
        version: as server_version_num.
        floors: the settings of FLOORS.
        slots, subscriptions: what a clone that is not isolated would take over.
        tablespaces: those with paths of their own; none where it was recorded before they were.
        archiving: a digest of how it archives; the command itself may hold what is nobody's business.
    """

    cluster: str
    system_identifier: int
    timeline: int
    superuser: str
    data_directory: str
    segment_bytes: int
    version: int
    floors: Mapping[str, int]
    slots: frozenset[str]
    subscriptions: frozenset[str]
    archiving: str = ""
    tablespaces: tuple[Tablespace, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """What a later drill, which may not be able to ask, must know; kept with each fence."""
        watched = {"slots": sorted(self.slots), "subscriptions": sorted(self.subscriptions)}
        spaces = [{**asdict(tablespace), "path": storable(tablespace.path)} for tablespace in self.tablespaces]
        known = {**self.__dict__, "data_directory": storable(self.data_directory), "floors": dict(self.floors)}
        return {**known, "tablespaces": spaces, **watched}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Production":
        """The inverse of `as_json`; what an older or newer version kept with it is no obstacle."""
        known = {kept.name: document[kept.name] for kept in fields(cls) if kept.name in document}
        watched = {name: frozenset(document.get(name, ())) for name in ("slots", "subscriptions")}
        spaces = tuple(Tablespace(**space) for space in document.get("tablespaces", ()))
        return cls(**{**known, "tablespaces": spaces, **watched})


def ask_production(cluster: ClusterSettings) -> Production:
    """Ask a cluster in production.

    Raises:
        CouldNotTell: it cannot be reached, refuses, or is itself a server in recovery.
    """
    with connect(cluster, statement_seconds=QUESTION_SECONDS) as connection:
        decode_as_paths(connection)
        try:
            in_recovery = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            if in_recovery and in_recovery[0]:
                raise CouldNotTell(
                    f"cluster {cluster.name} is a standby, and a fence can only be made in the primary",
                    f'let the url of cluster "{cluster.name}" point at the primary',
                )
            identity = connection.execute(IDENTITY).fetchone()
            floors = connection.execute(
                "SELECT name, setting::int FROM pg_settings WHERE name = ANY (%s)", (list(FLOORS),)
            ).fetchall()
            slots = connection.execute(SLOTS).fetchall()
            subscriptions = connection.execute(SUBSCRIPTIONS).fetchall()
            tablespaces = connection.execute(TABLESPACES).fetchall()
        except psycopg.errors.InsufficientPrivilege as refused:
            raise CouldNotTell(
                f"cluster {cluster.name} refuses what a drill must know: {error_text(refused)}",
                "GRANT pg_monitor, pg_read_all_data TO the role of its url",
            ) from None
    if identity is None:
        raise CouldNotTell(f"cluster {cluster.name} does not say who it is")
    system_identifier, timeline, superuser, data_directory, segment_bytes, version, archiving = identity
    return Production(
        cluster=cluster.name,
        system_identifier=system_identifier,
        timeline=timeline,
        superuser=superuser,
        data_directory=data_directory,
        segment_bytes=segment_bytes,
        version=version,
        floors=dict(floors),
        slots=frozenset(row[0] for row in slots),
        subscriptions=frozenset(row[0] for row in subscriptions),
        archiving=archiving,
        tablespaces=tuple(Tablespace(*row) for row in tablespaces),
    )


def newest_heartbeat(cluster: ClusterSettings, *, key: str, connect_with: Connector | None = None) -> datetime | None:
    """The newest heartbeat that this cluster, or a clone of it, holds; None if it holds or configures none.

    Args:
        cluster: which one.
        key: the key of the query in printflow.toml, for errors.
        connect_with: opens connections to its clone instead.

    Raises:
        ConfigError: the database refuses the query, or it does not return one timestamptz.
        CouldNotTell: it cannot be reached.
    """
    if cluster.heartbeat is None:
        return None
    with session(cluster, None, connect_with) as connection:
        try:
            row = connection.execute(cluster.heartbeat.encode()).fetchone()
        except psycopg.OperationalError:
            raise
        except psycopg.Error as refused:
            raise ConfigError(f"{key}: the database refused it: {error_text(refused)}") from None
    at = row[0] if row else None
    if at is not None and not (isinstance(at, datetime) and at.tzinfo):
        raise ConfigError(f"{key}: it must return one timestamptz, such as the newest time of a heartbeat")
    return at


def production_clock(cluster: ClusterSettings) -> datetime:
    """What time it is on the cluster's own clock, which its heartbeats were stamped with.

    Raises:
        CouldNotTell: it cannot be reached.
    """
    with connect(cluster, statement_seconds=QUESTION_SECONDS) as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    if row is None or not isinstance(row[0], datetime):
        raise CouldNotTell(f"cluster {cluster.name} does not tell the time")
    return row[0]
