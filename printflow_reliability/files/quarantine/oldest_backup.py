"""The oldest backup that a database could be restored from: what is younger may be named by any backup since."""

from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.backups.info import STATUS_NO_BACKUPS, STATUS_OK
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.dumps.store import open_store
from printflow_reliability.dumps.stored import stored_in
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import Settings
from printflow_reliability.text import moment

READABLE = (STATUS_OK, STATUS_NO_BACKUPS)
"""What a repository's status is where it was read. A missing stanza may be one that is not mounted."""


@dataclass(frozen=True)
class OldestBackup:
    """A base backup or a dump, and when it was begun (UTC)."""

    name: str
    begun_at: datetime

    @property
    def sentence(self) -> str:
        """Which it is, and of when."""
        return f"{self.name} of {moment(self.begun_at)}"


def oldest_backup(settings: Settings) -> OldestBackup | None:
    """The oldest base backup or dump of the clusters that refer to files; None if there is none at all.

    Raises:
        CouldNotTell: a repository or the bucket of dumps cannot be read, so that there may be an older one.
    """
    names = {reference.cluster for reference in settings.reference} | {settings.tenancy.cluster}
    found: list[OldestBackup] = []
    for name in sorted(names):
        cluster = settings.cluster_named(name)
        pgbackrest = PgBackRest(cluster, settings.runner())
        for number in cluster.repositories:
            info = pgbackrest.info(number)
            status = info.status_of(number)
            if status.code not in READABLE:
                raise pgbackrest.unreadable(status)
            found += [
                OldestBackup(f"base backup {backup.label} of {name} in repo{number}", backup.started_at)
                for backup in info.in_repository(number)
            ]
    if settings.dumps is not None:
        stored = stored_in(open_store(settings))
        if stored.unreadable:
            raise CouldNotTell(f"the oldest dump is not known: {stored.unreadable[0]}", "printflow dump list")
        manifests = [dump.manifest for dump in stored.dumps if dump.manifest.cluster in names]
        found += [OldestBackup(f"dump of {each.cluster}/{each.database}", each.taken_at) for each in manifests]
    return min(found, key=lambda backup: backup.begun_at, default=None)
