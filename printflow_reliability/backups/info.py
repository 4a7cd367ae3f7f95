"""What `pgbackrest info` says of a stanza, as dataclasses. Keys that only some versions print are optional here."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from printflow_reliability.errors import CouldNotTell

T = TypeVar("T")

STATUS_OK = 0
STATUS_MISSING_STANZA = 1
STATUS_NO_BACKUPS = 2
STATUS_MISSING_DATA = 3


@dataclass(frozen=True)
class Backup:
    """A base backup in one repository.

    Attributes:
        label: pgBackRest's name of it; the same backup never lies in two repositories.
        type: full, diff or incr.
        repository: the number of the repository.
        archive_id: the folder of its WAL, such as "15-1"; empty if `info` does not tell.
        system_identifier: that of the cluster it was taken of; None if `info` does not tell.
        started_at, finished_at: UTC.
        database_bytes: size of the cluster when it was taken.
        copied_bytes: how much of the cluster this backup copied: all of it if it is full.
        repository_bytes: what this backup alone takes in the repository.
        error: True if it met pages with bad checksums; None if `info` does not tell.
        wal_start, wal_stop: first and last segment it needs to become consistent; None for an offline backup.
        lsn_start, lsn_stop: the same as LSNs.
        prior: the label it builds upon.
        references: the labels it needs to be restored.
        annotations: notes made with `--annotation`.
    """

    label: str
    type: str
    repository: int
    archive_id: str
    started_at: datetime
    finished_at: datetime
    database_bytes: int
    repository_bytes: int
    error: bool | None
    wal_start: str | None = None
    wal_stop: str | None = None
    lsn_start: str | None = None
    lsn_stop: str | None = None
    prior: str | None = None
    system_identifier: int | None = None
    references: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    copied_bytes: int = 0

    @property
    def ratio(self) -> float | None:
        """How many bytes of the cluster one byte in the repository stands for; None if that cannot be told."""
        known = self.copied_bytes and self.repository_bytes
        return round(self.copied_bytes / self.repository_bytes, 2) if known else None

    @property
    def major_version(self) -> int | None:
        """PostgreSQL's major version, out of the archive id; None if `info` does not tell."""
        version = self.archive_id.partition("-")[0].partition(".")[0]
        return int(version) if version.isdigit() else None


@dataclass(frozen=True)
class RepositoryStatus:
    """A repository's status for the stanza: 0 is ok, 1 a missing stanza, 2 no backups, 99 an error of another kind."""

    number: int
    code: int
    message: str


@dataclass(frozen=True)
class ArchiveRange:
    """The first and last WAL segment in one archive folder of one repository. Says nothing of gaps between them."""

    archive_id: str
    repository: int
    first: str | None
    last: str | None


@dataclass(frozen=True)
class StanzaInfo:
    """A stanza: its status, its backups, oldest first, and by repository its newest cluster's system identifier."""

    name: str
    code: int
    message: str
    backup_running: bool
    repositories: tuple[RepositoryStatus, ...]
    archives: tuple[ArchiveRange, ...]
    backups: tuple[Backup, ...]
    system_identifiers: Mapping[int, int] = field(default_factory=dict)

    def in_repository(self, number: int) -> tuple[Backup, ...]:
        """The backups of one repository, oldest first."""
        return tuple(backup for backup in self.backups if backup.repository == number)

    def of_cluster(self, number: int, system_identifier: int | None) -> tuple[Backup, ...]:
        """The backups of one repository that were taken of this very cluster, oldest first.

        A stanza also holds those of former clusters, from before an initdb or a major upgrade.
        """
        return tuple(
            backup
            for backup in self.in_repository(number)
            if system_identifier is None or backup.system_identifier in (system_identifier, None)
        )

    def status_of(self, number: int) -> RepositoryStatus:
        """A repository's own status; the stanza's where an older version prints none."""
        for repository in self.repositories:
            if repository.number == number:
                return repository
        return RepositoryStatus(number, self.code, self.message)


def parse_info(text: str, stanza: str) -> StanzaInfo:
    """Read the output of `info --output=json` for one stanza.

    Raises:
        CouldNotTell: it is not what `info` prints, or not about this stanza.
    """
    try:
        for entry in json.loads(text, strict=False):  # a wrong passphrase prints control characters
            if entry["name"] == stanza:
                return _stanza(entry)
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as unreadable:
        raise CouldNotTell(
            f"the answer of pgbackrest info on stanza {stanza} cannot be read ({unreadable!r})",
            f"pgbackrest --stanza={stanza} info --output=json",
        ) from None
    raise CouldNotTell(f"pgbackrest info says nothing of stanza {stanza}", "is `stanza` right in printflow.toml?")


def parse_tablespaces(text: str, label: str) -> frozenset[int]:
    """Read the output of `info --set=LABEL --output=json`: the OIDs of the tablespaces that the backup holds.

    Raises:
        CouldNotTell: it is not what `info` prints, or not about this backup.
    """
    return _of_set(text, label, lambda backup: frozenset(int(space["oid"]) for space in backup["tablespace"] or ()))


def parse_damaged_files(text: str, label: str) -> tuple[str, ...]:
    """Read the output of `info --set=LABEL --output=json`: the files that had pages with bad checksums.

    Raises:
        CouldNotTell: it is not what `info` prints, or not about this backup.
    """
    return _of_set(text, label, lambda backup: tuple(str(name) for name in backup.get("error-list") or ()))


def _of_set(text: str, label: str, read: Callable[[Mapping[str, Any]], T]) -> T:
    try:
        for entry in json.loads(text):
            for backup in entry["backup"]:
                if backup["label"] == label:
                    return read(backup)
    except (ValueError, KeyError, TypeError) as unreadable:
        raise CouldNotTell(
            f"the answer of pgbackrest info on backup {label} cannot be read ({unreadable!r})",
            f"pgbackrest info --set={label} --output=json",
        ) from None
    raise CouldNotTell(f"pgbackrest info says nothing of backup {label}", "printflow backup list")


def _stanza(entry: Mapping[str, Any]) -> StanzaInfo:
    lock = entry["status"].get("lock", {}).get("backup", {})
    backups = sorted((_backup(backup, entry) for backup in entry["backup"]), key=lambda backup: backup.finished_at)
    return StanzaInfo(
        name=entry["name"],
        code=entry["status"]["code"],
        message=entry["status"]["message"],
        backup_running=bool(lock.get("held", False)),
        repositories=tuple(
            RepositoryStatus(repository["key"], repository["status"]["code"], repository["status"]["message"])
            for repository in entry.get("repo", ())
        ),
        archives=tuple(
            ArchiveRange(archive["id"], archive["database"].get("repo-key", 1), archive.get("min"), archive.get("max"))
            for archive in entry["archive"]
        ),
        backups=tuple(backups),
        system_identifiers={
            database.get("repo-key", 1): database["system-id"]
            for database in sorted(entry.get("db", ()), key=lambda database: database["id"])
            if "system-id" in database
        },
    )


def _backup(backup: Mapping[str, Any], entry: Mapping[str, Any]) -> Backup:
    repository = backup["database"].get("repo-key", 1)
    archive = backup.get("archive") or {}
    lsn = backup.get("lsn") or {}
    database = _database(backup["database"]["id"], repository, entry)
    return Backup(
        label=backup["label"],
        type=backup["type"],
        repository=repository,
        archive_id=f"{database['version']}-{database['id']}" if database else "",
        system_identifier=database.get("system-id"),
        started_at=datetime.fromtimestamp(backup["timestamp"]["start"], UTC),
        finished_at=datetime.fromtimestamp(backup["timestamp"]["stop"], UTC),
        database_bytes=backup["info"]["size"],
        repository_bytes=backup["info"].get("repository", {}).get("delta", 0),
        error=backup.get("error"),
        wal_start=archive.get("start"),
        wal_stop=archive.get("stop"),
        lsn_start=lsn.get("start"),
        lsn_stop=lsn.get("stop"),
        prior=backup.get("prior"),
        references=tuple(backup.get("reference") or ()),
        annotations=backup.get("annotation") or {},
        copied_bytes=backup["info"].get("delta", 0),
    )


def _database(id: int, repository: int, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `info` says of the cluster with that number in the stanza's history; empty if nothing."""
    for database in entry.get("db", ()):
        if database["id"] == id and database.get("repo-key", 1) == repository:
            return database  # type: ignore[no-any-return]
    return {}
