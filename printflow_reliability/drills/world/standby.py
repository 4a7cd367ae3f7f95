"""What differs where a drill takes files of the clusters' standbys: base backups, and since when WAL must be there.

A cluster without a standby is restored out of the repository, as in any drill.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from printflow_reliability.backups.info import Backup
from printflow_reliability.drills.world.clones import LiveClones
from printflow_reliability.drills.world.repository import LiveRepository
from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.parallel import run_parallel
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.standby_files import AGAIN, take
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.plan import Plan, leads_to
from printflow_reliability.restore.production import Production
from printflow_reliability.restore.standby import LABEL, RULES, Standby, ask_standby, named
from printflow_reliability.settings import ClusterSettings, Settings


@dataclass(frozen=True)
class StandbyRepository(LiveRepository):
    """A repository of which the WAL is replayed, and base backups are restored only where a cluster has no standby."""

    _asked: dict[str, Standby] = field(default_factory=dict)

    def backups_of(self, cluster: ClusterSettings, production: Production) -> tuple[Backup, ...]:
        """The base backup that is going to be taken of a cluster's standby; none of its positions is known yet.

        Raises:
            Refused: the WAL of the repository is another cluster's.
            CouldNotTell: the repository has no WAL, or as `ask_standby`.
        """
        if cluster.standby is None:
            return super().backups_of(cluster, production)
        standby = self._asked[cluster.name] = ask_standby(cluster, production)
        self.programs.postgres("pg_basebackup", standby.major)
        self.programs.postgres("pg_verifybackup", standby.major)
        planned = Backup(
            label=LABEL,
            type=LABEL,
            repository=self.number,
            archive_id=self._archive_of(cluster, production),
            system_identifier=production.system_identifier,
            started_at=standby.asked_at,
            finished_at=standby.asked_at,
            database_bytes=standby.database_bytes,
            repository_bytes=0,
            error=None,
        )
        return (planned,)

    def tablespaces_of(self, cluster: str, backup: Backup) -> frozenset[int]:
        """The OIDs of the tablespaces that the standby has, or that the cluster's backup knows.

        Raises:
            CouldNotTell: the repository cannot be asked.
        """
        if backup.type != LABEL:
            return super().tablespaces_of(cluster, backup)
        return frozenset(space.oid for space in self._asked[cluster].tablespaces)

    def await_archived(self, plan: Plan, fences: Mapping[str, Fence], over: threading.Event) -> None:
        """Wait until the fences are here, and make sure that the WAL between a standby's files and them begins here.

        Raises:
            CouldNotTell: a fence is not here in time, or a standby is further behind than the repository reaches.
        """
        super().await_archived(plan, fences, over)
        for name, point in plan.points.items():
            first = point.backup.wal_start
            if point.backup.type != LABEL or first is None:
                continue
            stanza = self.stanza(self.settings.cluster_named(name))
            folder = f"archive/{stanza.cluster.stanza}/{point.backup.archive_id}/{first[:16]}"
            if not any(file.name.startswith(first) for file in stanza.repo_ls(folder, self.number)):
                raise CouldNotTell(
                    f"repo{self.number} does not hold the WAL segment {first}, with which the replay of "
                    f"{named(name)} begins: the standby is too far behind, or the archive has a gap",
                    f"printflow wal verify {name}; printflow ready says how far the standby is behind",
                )

    def _archive_of(self, cluster: ClusterSettings, production: Production) -> str:
        """The folder of the WAL that is replayed."""
        info = self.stanza(cluster).info(self.number)
        identity = info.system_identifiers.get(self.number, production.system_identifier)
        if identity != production.system_identifier:
            raise Refused(
                f"repo{self.number} holds the WAL of another cluster than {cluster.name}: its system identifier is "
                f"{identity}, that of {cluster.name} is {production.system_identifier}",
                f'is `stanza` of cluster "{cluster.name}" right?',
            )
        archives = [archive.archive_id for archive in info.archives if archive.repository == self.number]
        if not archives:
            raise CouldNotTell(
                f"repo{self.number} holds no WAL of {cluster.name}", f"printflow wal verify {cluster.name}"
            )
        return archives[-1]


class StandbyClones(LiveClones):
    """Clones of which the files are taken of standbys before the fences are made."""

    def __init__(
        self, settings: Settings, place: Path, repository: int, plan: Plan, give_up: Callable[[], None]
    ) -> None:
        super().__init__(settings, place, repository, plan, give_up, RULES)

    def take(self) -> Plan:
        """Take the files of every standby; the plan, with the base backups that they are.

        Raises:
            StandbyDamaged, ConfigError, CouldNotTell: as `standby_files.take`.
        """
        points = self._plan.points
        clones = [self._prepared(self._settings.cluster_named(name)) for name in points if self._of_standby(name)]
        taken = run_parallel([partial(self._take, clone) for clone in clones], give_up=self.give_up)
        new = {clone.cluster.name: backup for clone, backup in zip(clones, taken, strict=True)}
        self._plan = replace(
            self._plan,
            points={name: replace(point, backup=new.get(name, point.backup)) for name, point in points.items()},
        )
        return self._plan

    def fetch(self, fences: Mapping[str, Fence]) -> None:
        """Let what was taken replay to the fences, and restore the others.

        Raises:
            CouldNotTell: a standby was past the fence when its last file was taken.
        """
        for name, fence in fences.items():
            backup = self._plan.points[name].backup
            if self._of_standby(name) and not leads_to(backup, fence):
                raise CouldNotTell(
                    f"{named(name)} was past the fence {fence.lsn} when its last file was taken: its files are "
                    f"consistent from {backup.lsn_stop} on",
                    f"printflow ready, {AGAIN}",
                )
        super().fetch(fences)

    def _take(self, clone: Clone) -> Backup:
        standby = ask_standby(clone.cluster, clone.production)
        limit = self._settings.drills.phase_timeout_seconds
        return take(clone, standby, self._plan.points[clone.cluster.name].backup, timeout=limit)

    def _of_standby(self, cluster: str) -> bool:
        return self._plan.points[cluster].backup.type == LABEL
