"""What retention must know of one repository before anything in it may expire: whose backups, and which are sound."""

from dataclasses import dataclass, replace
from datetime import datetime

from printflow_reliability.backups.identity import former_backups, no_backup_of
from printflow_reliability.backups.info import (
    STATUS_MISSING_DATA,
    STATUS_MISSING_STANZA,
    STATUS_NO_BACKUPS,
    STATUS_OK,
    Backup,
    StanzaInfo,
)
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.repository_wal import ArchiveContext, verify_repository_wal
from printflow_reliability.backups.retention.gfs import Soundness, StoredBackup
from printflow_reliability.backups.verification import Verification
from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.moments import is_ahead


@dataclass(frozen=True)
class Evidence:
    """What is known of the backups of one repository, apart from which there are.

    Attributes:
        production: the system identifier of the cluster.
        verification: the newest one, where it is recent enough; None: nothing is known of any stored byte.
        unrestorable: labels of the backups that lack WAL of their own.
        leading_on: labels of those whose history production goes on from, and not one that a recovery left.
    """

    production: int
    verification: Verification | None
    unrestorable: frozenset[str]
    leading_on: frozenset[str]

    def soundness(self, backup: Backup) -> Soundness:
        """Of one backup's own files and WAL."""
        known = self.verification
        if backup.error or backup.label in self.unrestorable or (known and backup.label in known.damaged):
            return Soundness.DAMAGED
        if known and backup.label in known.sound and backup.error is False:
            return Soundness.SOUND
        return Soundness.UNVERIFIED

    def stored(self, info: StanzaInfo, repository: int) -> tuple[StoredBackup, ...]:
        """The backups of the repository as retention sees them.

        Raises:
            Refused: they are another cluster's.
        """
        _require_own(info, repository, self.production)
        return tuple(
            StoredBackup(
                backup.label,
                backup.type == "full",
                backup.finished_at,
                frozenset({*backup.references, *((backup.prior,) if backup.prior else ())} - {backup.label}),
                self.soundness(backup),
                backup.label in self.leading_on,
            )
            for backup in info.in_repository(repository)
        )


def gather(
    pgbackrest: PgBackRest, repository: int, context: ArchiveContext, *, now: datetime, max_unverified_seconds: float
) -> Evidence:
    """Ask production, the repository and the records.

    Raises:
        CouldNotTell: production is away, or the archive cannot be judged.
    """
    cluster = pgbackrest.cluster.name
    if context.archiver is None:
        raise CouldNotTell(
            f"{cluster} does not answer, so whose backups repo{repository} holds is not known; in a disaster every one "
            "of them may be needed",
            f"when {cluster} can be reached: printflow backup expire {cluster}",
        )
    # For as many days as are configured WAL leads on from fewer of them: which, is what is to be decided here.
    wal = verify_repository_wal(pgbackrest, repository, replace(context, wal_days=None))
    if wal.unknown:
        raise wal.unknown
    known = context.verification
    if known and ((now - known.began_at).total_seconds() > max_unverified_seconds or is_ahead(known.began_at, now)):
        known = None
    unrestorable = frozenset(label for walk in wal.walks for label in walk.unusable_backups)
    leading_on = frozenset(backup.label for backup in wal.own.bases) if wal.own else frozenset()
    return Evidence(context.archiver.system_identifier, known, unrestorable, leading_on)


def require_readable(pgbackrest: PgBackRest, info: StanzaInfo, repository: int) -> bool:
    """Whether the repository holds backups of the stanza at all.

    Raises:
        Refused: there is no stanza.
        CouldNotTell: it cannot be read.
    """
    status = info.status_of(repository)
    if status.code in (STATUS_MISSING_STANZA, STATUS_MISSING_DATA):
        raise Refused(
            f"there is no stanza {info.name} ({status.message})", f"pgbackrest --stanza={info.name} stanza-create"
        )
    if status.code not in (STATUS_OK, STATUS_NO_BACKUPS):
        raise pgbackrest.unreadable(status)
    return status.code == STATUS_OK


def _require_own(info: StanzaInfo, repository: int, production: int) -> None:
    """Raises:
    Refused: the newest backup is of another cluster: an older one of this cluster must not make room for it.
    """
    backups = info.in_repository(repository)
    if not backups:
        return
    newest = max(backups, key=lambda backup: backup.finished_at)
    if newest.system_identifier not in (production, None):
        if former_backups(info, repository, production) == len(backups):
            raise Refused(no_backup_of(info.name, info, repository, production))
        raise Refused(
            f"the newest backup {newest.label} is of another cluster (system identifier {newest.system_identifier}, "
            f"that of this cluster is {production})",
            "find out who backs up into this stanza before anything expires",
        )
