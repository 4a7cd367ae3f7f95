"""Whose backups are they? A stanza may hold those of another cluster: of a former one at the same path, say."""

from printflow_reliability.backups.info import StanzaInfo
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import connect
from printflow_reliability.settings import ClusterSettings
from printflow_reliability.text import counted

SYSTEM_IDENTIFIER = "SELECT system_identifier FROM pg_control_system()"


def ask_system_identifier(cluster: ClusterSettings) -> int | None:
    """Production's system identifier, made by initdb and kept by every copy; None if it cannot be asked."""
    try:
        with connect(cluster, statement_seconds=30) as connection:
            row = connection.execute(SYSTEM_IDENTIFIER).fetchone()
    except CouldNotTell:
        return None
    return int(row[0]) if row else None


def newest_identity(info: StanzaInfo, repository: int, production: int | None) -> int | None:
    """The cluster whose backups count: production or, where it cannot be asked, the newest that the stanza knows."""
    return info.system_identifiers.get(repository) if production is None else production


def former_backups(info: StanzaInfo, repository: int, identity: int | None) -> int:
    """How many backups of a repository were taken of another cluster."""
    return len(info.in_repository(repository)) - len(info.of_cluster(repository, identity))


def no_backup_of(cluster: str, info: StanzaInfo, repository: int, identity: int | None) -> str:
    """What is wrong, and what comes next, where every backup of a repository is of another cluster."""
    others = sorted({backup.system_identifier or 0 for backup in info.in_repository(repository)})
    number = former_backups(info, repository, identity)
    advice = f"printflow backup run {cluster} --type full"
    if info.system_identifiers.get(repository) != identity:
        advice = (
            f"check `stanza` and `url` of cluster {cluster}; if it was made anew: "
            f"pgbackrest --stanza={info.name} stanza-upgrade, then {advice}"
        )
    return (
        f"holds no backup of {cluster}: {counted(number, 'backup')} of another cluster (system identifier "
        f"{', '.join(map(str, others))}; that of {cluster} is {identity}); {advice}"
    )
