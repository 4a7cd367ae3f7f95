"""Listing the base backups there are, per cluster and repository: answered by check backup.recent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from printflow_reliability.backups.clusters import TROUBLE, WORKERS, ClusterVerdict, answer, chosen
from printflow_reliability.backups.identity import ask_system_identifier, newest_identity
from printflow_reliability.backups.info import (
    STATUS_MISSING_DATA,
    STATUS_MISSING_STANZA,
    STATUS_NO_BACKUPS,
    STATUS_OK,
    Backup,
    StanzaInfo,
)
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.recent import newest_sound, verdict_on_newest
from printflow_reliability.checks import CheckResult
from printflow_reliability.parallel import run_parallel
from printflow_reliability.programs import Programs
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.text import counted


@dataclass(frozen=True)
class ClusterBackups:
    """The backups of one cluster, oldest first, and the verdict on each of its repositories.

    Attributes:
        name: the cluster's.
        backups: those of every repository.
        verdicts: one for each repository.
        newest_sound_at: when the newest sound backup of each repository ended.
        former: labels of the backups that were taken of another cluster under the same stanza.
    """

    name: str
    backups: tuple[Backup, ...]
    verdicts: tuple[ClusterVerdict, ...]
    newest_sound_at: tuple[datetime, ...]
    former: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        """As `backup list` shows it."""
        return {
            "name": self.name,
            "backups": [
                {
                    "label": backup.label,
                    "type": backup.type,
                    "repo": backup.repository,
                    "started_at": backup.started_at,
                    "finished_at": backup.finished_at,
                    "bytes": backup.repository_bytes,
                    "database_bytes": backup.database_bytes,
                    "error": backup.error,
                    "annotations": dict(backup.annotations),
                    "former_cluster": backup.label in self.former,
                }
                for backup in self.backups
            ],
            "repositories": [{"outcome": verdict.outcome, "detail": verdict.sentence} for verdict in self.verdicts],
        }


@dataclass(frozen=True)
class BackupListing:
    """The backups of the clusters asked for, judged at one moment."""

    clusters: tuple[ClusterBackups, ...]
    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float]

    def as_json(self) -> dict[str, Any]:
        """As `backup list` shows it."""
        return {"clusters": [cluster.as_json() for cluster in self.clusters], "detail": self.checks[0].detail}


def list_backups(settings: Settings, *, clusters: Sequence[str] | None = None) -> BackupListing:
    """The backups of each cluster in each repository, and whether the newest sound one is recent enough.

    Raises:
        ConfigError: there is no such cluster.
    """
    programs = settings.runner()
    tasks = [partial(_list, cluster, programs, settings) for cluster in chosen(settings, clusters)]
    listed = tuple(run_parallel(tasks, give_up=programs.end_running, workers=WORKERS))
    now = datetime.now(UTC)
    newest = [at for cluster in listed for at in cluster.newest_sound_at]
    numbers: dict[str, int | float] = {"backups": sum(len(cluster.backups) for cluster in listed)}
    if newest:
        numbers["oldest_newest_backup_seconds"] = round(max((now - at).total_seconds() for at in newest), 3)
    verdicts = [verdict for cluster in listed for verdict in cluster.verdicts]
    fine = f"{counted(len(verdicts), 'repository', 'repositories')}, each with a sound, recent backup: " + "; ".join(
        verdict.sentence for verdict in verdicts
    )
    check = answer("backup.recent", verdicts, numbers, nothing_wrong=fine, clusters=clusters)
    return BackupListing(listed, (check,), numbers)


def _list(cluster: ClusterSettings, programs: Programs, settings: Settings) -> ClusterBackups:
    pgbackrest = PgBackRest(cluster, programs)
    try:
        info = pgbackrest.info()
    except TROUBLE as failed:
        return ClusterBackups(cluster.name, (), (ClusterVerdict.unknown(cluster.name, failed),), ())
    production = ask_system_identifier(cluster)
    identities = {number: newest_identity(info, number, production) for number in cluster.repositories}
    sound = [newest_sound(info, number, identity) for number, identity in identities.items()]
    own = {backup.label for number, identity in identities.items() for backup in info.of_cluster(number, identity)}
    return ClusterBackups(
        cluster.name,
        info.backups,
        tuple(_check_repository(pgbackrest, info, number, production, settings) for number in cluster.repositories),
        tuple(backup.finished_at for backup in sound if backup),
        frozenset(
            backup.label for backup in info.backups if backup.repository in identities and backup.label not in own
        ),
    )


def _check_repository(
    pgbackrest: PgBackRest, info: StanzaInfo, number: int, production: int | None, settings: Settings
) -> ClusterVerdict:
    name = pgbackrest.cluster.name
    status = info.status_of(number)
    if status.code not in (STATUS_OK, STATUS_NO_BACKUPS, STATUS_MISSING_STANZA, STATUS_MISSING_DATA):
        return ClusterVerdict.unknown(f"{name} repo{number}", pgbackrest.unreadable(status))
    limit = settings.backups.max_age_seconds
    return verdict_on_newest(name, info, number, production, now=datetime.now(UTC), max_age_seconds=limit)
