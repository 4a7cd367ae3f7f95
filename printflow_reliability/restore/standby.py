"""A cluster's standby as what a clone's files are taken of: is it that cluster's, and may it be copied?

A drill that is fetched from a standby proves the standby's files and the archive's WAL; it proves no backup.
"""

from dataclasses import dataclass
from datetime import datetime

import psycopg

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import QUESTION_SECONDS, connect, error_text
from printflow_reliability.platform.encodings import decode_as_paths
from printflow_reliability.restore.production import TABLESPACES, Production, Tablespace
from printflow_reliability.restore.tablespaces import TablespaceRules
from printflow_reliability.settings import ClusterSettings

LABEL = "standby"
"""What stands for the label of a base backup, and for its type, where files were taken of a standby."""
AGAIN = "printflow drill run --from-standby"
RULES = TablespaceRules(
    "CHECKPOINT in cluster {cluster}, then in its standby (printflow backup run {cluster} where it has none), then: "
    + AGAIN
)
"""A base backup of a standby begins at its newest restart point: WAL of before that is not replayed."""
LOOK = """
SELECT pg_is_in_recovery(), (SELECT system_identifier FROM pg_control_system()),
       (SELECT received_tli FROM pg_stat_wal_receiver), (SELECT timeline_id FROM pg_control_checkpoint()),
       current_setting('server_version_num')::int / 10000, session_user::text,
       (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = session_user),
       (SELECT coalesce(sum(pg_tablespace_size(oid)), 0)::int8 FROM pg_tablespace), clock_timestamp()
"""


@dataclass(frozen=True)
class Standby:
    """A standby whose files may be taken.

    Attributes:
        cluster: the cluster, with the url of its standby.
        role: whom its url signs in as.
        major: PostgreSQL's major version.
        database_bytes: size of all tablespaces.
        tablespaces: those with paths of their own, as the standby has them: they need not be the primary's.
        asked_at: when it was asked, by its own clock.
    """

    cluster: ClusterSettings
    role: str
    major: int
    database_bytes: int
    tablespaces: tuple[Tablespace, ...]
    asked_at: datetime


def named(cluster: str) -> str:
    """What errors call the standby of a cluster."""
    return f'the standby of cluster "{cluster}"'


def no_standby(cluster: str) -> CouldNotTell:
    """The error for a server that takes writes of its own."""
    return CouldNotTell(
        f"{named(cluster)} is none: it takes writes of its own, as a promoted server does",
        f'correct `standby` of cluster "{cluster}", or make the standby anew; printflow ready says whether it is well',
    )


def another_cluster(cluster: str) -> CouldNotTell:
    """The error for the standby of something else."""
    return CouldNotTell(
        f"{named(cluster)} is of another cluster: its system identifier differs",
        f'correct `standby` of cluster "{cluster}" in printflow.toml, then: printflow ready',
    )


def ask_standby(cluster: ClusterSettings, production: Production) -> Standby:
    """Ask a cluster's standby who it is.

    Args:
        cluster: one that names a standby.
        production: the same cluster's primary, as the drill met it.

    Raises:
        CouldNotTell: it cannot be reached, is no standby of that primary, or may not be copied by its url's role.
    """
    behind = cluster.of_standby
    if behind is None:
        raise CouldNotTell(f'cluster "{cluster.name}" names no standby', "set `standby` in its [[cluster]]")
    with connect(behind, statement_seconds=QUESTION_SECONDS) as connection:
        decode_as_paths(connection)
        try:
            row = connection.execute(LOOK).fetchall()[0]
            tablespaces = connection.execute(TABLESPACES).fetchall()
        except psycopg.errors.InsufficientPrivilege as refused:
            raise CouldNotTell(
                f"{named(cluster.name)} refuses what a drill must know: {error_text(refused)}",
                "GRANT pg_monitor TO the role of its url, in the primary",
            ) from None
    recovering, identifier, received, restart, major, role, may_copy, database_bytes, asked_at = row
    if identifier != production.system_identifier:
        raise another_cluster(cluster.name)
    if not recovering:
        raise no_standby(cluster.name)
    if received is None and restart != production.timeline:
        # One that is fed by the archive alone tells a new timeline only from its next restart point on.
        raise CouldNotTell(
            f"{named(cluster.name)} receives no WAL by streaming, its newest restart point is on timeline {restart}, "
            f"the primary on {production.timeline}: whether it follows cannot be told",
            f"CHECKPOINT in the primary, then in the standby, then: {AGAIN}",
        )
    if received is not None and received != production.timeline:
        raise CouldNotTell(
            f"{named(cluster.name)} follows timeline {received}, and the primary is on {production.timeline}",
            "make the standby anew; printflow ready says whether it is well",
        )
    if not may_copy:
        raise CouldNotTell(
            f'{named(cluster.name)} may not be copied by role "{role}": it has no REPLICATION',
            f'in the primary: ALTER ROLE "{role}" REPLICATION, then: {AGAIN}',
        )
    spaces = tuple(Tablespace(*space) for space in tablespaces)
    return Standby(behind, role, major, database_bytes, spaces, asked_at)
