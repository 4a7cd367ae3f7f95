"""The repository that a drill restores from, asked with the drill's own credentials."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.drills.fences.archived import await_archived
from printflow_reliability.drills.world.each_cluster import of_each
from printflow_reliability.drills.write_probe import refuse_writers
from printflow_reliability.programs import Programs
from printflow_reliability.restore.expected_end import archived_by_production, archived_in_repository
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.plan import Plan, backups_in
from printflow_reliability.restore.production import Production
from printflow_reliability.settings import ClusterSettings, Settings

ARCHIVE_SECONDS = 120.0
"""How long the fence's segment may take into the repository."""


@dataclass(frozen=True)
class LiveRepository:
    """One repository of all clusters.

    Attributes:
        number: its number.
        programs: runs pgBackRest.
        give_up: ends what the drill has started.
    """

    settings: Settings
    number: int
    programs: Programs
    give_up: Callable[[], None]

    def stanza(self, cluster: ClusterSettings) -> PgBackRest:
        """A cluster's stanza."""
        return PgBackRest(cluster, self.programs, config=cluster.drill_pgbackrest_config)

    def backups(self, productions: Mapping[str, Production]) -> Mapping[str, tuple[Backup, ...]]:
        """The base backups of each cluster, oldest first; at least one.

        Raises:
            Refused: those of one are another cluster's.
            NoBackupForTarget, CouldNotTell: as `backups_in`.
        """

        def find(cluster: ClusterSettings) -> tuple[Backup, ...]:
            return self.backups_of(cluster, productions[cluster.name])

        return of_each(self.settings.cluster, find, self.give_up)

    def backups_of(self, cluster: ClusterSettings, production: Production) -> tuple[Backup, ...]:
        """The base backups of one cluster; as `backups_in`."""
        return backups_in(self.stanza(cluster), self.number, production)[1]

    def tablespaces_of(self, cluster: str, backup: Backup) -> frozenset[int]:
        """The OIDs of the tablespaces that a cluster's backup knows.

        Raises:
            CouldNotTell: the repository cannot be asked.
        """
        return self.stanza(self.settings.cluster_named(cluster)).tablespaces(backup.label, self.number)

    def refuse_writers(self, programs: Programs) -> tuple[str, ...]:
        """Try to write to every repository of every cluster; as `refuse_writers`."""
        stanzas = [self.stanza(cluster) for cluster in self.settings.cluster]
        return refuse_writers(stanzas, programs, self.number, self.give_up)

    def await_archived(self, plan: Plan, fences: Mapping[str, Fence], over: threading.Event) -> None:
        """Wait until the fences that were made in production are here, or it is over.

        Raises:
            CouldNotTell: one is not here in time.
        """

        def wait(cluster: ClusterSettings) -> None:
            point = plan.points[cluster.name]
            await_archived(
                cluster,
                fences[cluster.name],
                self.stanza(cluster),
                self.number,
                point.backup.archive_id,
                segment_bytes=point.production.segment_bytes,
                timeout=ARCHIVE_SECONDS,
                over=over,
            )

        of_each(self.settings.cluster, wait, self.give_up)

    def expected_ends(
        self,
        plan: Plan,
        fences: Mapping[str, Fence],
        later: Mapping[str, Fence],
        segment_bytes: Callable[[str], int],
    ) -> Mapping[str, int]:
        """The LSN (bytes) that the replay of each cluster must reach at least.

        Args:
            plan: the drill's.
            fences: those that the clones stop at.
            later: those of after the moment.
            segment_bytes: the size of a WAL segment of what was restored for a cluster.

        Raises:
            CouldNotTell: production or the repository cannot be asked.
        """

        def expect(cluster: ClusterSettings) -> int:
            point, fence = plan.points[cluster.name], fences.get(cluster.name)
            if plan.moment is not None:
                # That the moment itself was reached is read from PostgreSQL's log, or proven by a later fence.
                start = fence.lsn if fence else point.backup.lsn_stop
                return parse_lsn(start) if start else 0
            if cluster.name in later:
                return archived_by_production(cluster, later[cluster.name], point.production.segment_bytes)
            return archived_in_repository(self.stanza(cluster), self.number, point, segment_bytes(cluster.name))

        return of_each(self.settings.cluster, expect, self.give_up)
