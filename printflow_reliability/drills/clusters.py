"""The clusters of one drill, asked all at once: who they are, what the repository has of them, how far to go."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from printflow_reliability.backups.info import Backup, StanzaInfo
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.drills.fences.archived import await_archived
from printflow_reliability.drills.fences.unarchived import UnarchivedWal, look_at_unarchived
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.parallel import run_parallel
from printflow_reliability.restore import reaper
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.expected_end import archived_by_production, archived_in_repository
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.plan import Plan, backups_in
from printflow_reliability.restore.production import Production, ask_production, newest_heartbeat, production_clock
from printflow_reliability.settings import ClusterSettings, Settings

ARCHIVE_SECONDS = 120.0
"""How long the fence's segment may take into the repository."""
Result = TypeVar("Result")


class Clusters:
    """All clusters of the configuration, and one repository; `place` is the drill's directory."""

    def __init__(self, settings: Settings, repository: int, place: Path) -> None:
        self._settings = settings
        self._repository = repository
        self._place = place

    def each(self, task: Callable[[ClusterSettings], Result]) -> list[Result]:
        """Do something with every cluster at once; the results in the order of the configuration."""
        tasks: list[Callable[[], Result]] = [partial(task, cluster) for cluster in self._settings.cluster]
        return run_parallel(tasks, give_up=self.give_up)

    def give_up(self) -> None:
        """End what the drill has started."""
        reaper.end_processes(self._place)

    def pgbackrest(self, cluster: ClusterSettings) -> PgBackRest:
        """A cluster's stanza, with the drill's own credentials."""
        return PgBackRest(cluster, self._settings.runner(), config=cluster.drill_pgbackrest_config)

    def heartbeat_key(self, cluster: ClusterSettings) -> str:
        """Where printflow.toml has the query of a cluster's heartbeat, for errors."""
        return f"cluster[{self._settings.cluster.index(cluster)}].heartbeat"

    def identify(self, recorded: Callable[[], Mapping[str, Fence]]) -> tuple[Mapping[str, Production], datetime]:
        """Who the clusters are, and what time it is on their clocks.

        Args:
            recorded: the newest fences of the records, which tell where production is not to be asked.

        Raises:
            CouldNotTell: nobody can tell.
        """
        if self._settings.drills.ask_production:
            productions = {one.cluster: one for one in self.each(self._ask)}
            return productions, max(self.clocks().values())
        fences = recorded()
        if not fences:
            raise CouldNotTell(
                "no fence was ever recorded, so who the clusters are is not known without asking them",
                "printflow drill fence, where production can be reached",
            )
        return {name: fence.production for name, fence in fences.items()}, datetime.now(UTC)

    def backups(self, productions: Mapping[str, Production]) -> Mapping[str, tuple[Backup, ...]]:
        """The base backups of each cluster in the repository, oldest first; at least one.

        Raises:
            Refused: those of one are another cluster's.
            NoBackupForTarget, CouldNotTell: as `backups_in`.
        """

        def find(cluster: ClusterSettings) -> tuple[StanzaInfo, tuple[Backup, ...]]:
            return backups_in(self.pgbackrest(cluster), self._repository, productions[cluster.name])

        return {name: backups for name, (_, backups) in self._by_name(self.each(find)).items()}

    def tablespaces_of(self, name: str, backup: Backup) -> frozenset[int]:
        """The OIDs of the tablespaces that a cluster's backup knows."""
        return self.pgbackrest(self._settings.cluster_named(name)).tablespaces(backup.label, self._repository)

    def clocks(self) -> Mapping[str, datetime]:
        """What time it is on each cluster's clock."""
        return self._by_name(self.each(production_clock))

    def unarchived(self) -> list[UnarchivedWal]:
        """What of each cluster's WAL would be lost now."""
        return self.each(lambda cluster: look_at_unarchived(cluster, heartbeat_key=self.heartbeat_key(cluster)))

    def await_archived(self, plan: Plan, fences: Mapping[str, Fence], over: threading.Event) -> None:
        """Wait until the fences that were made in production are in the repository, or it is over.

        Raises:
            CouldNotTell: one is not there in time.
        """

        def wait(cluster: ClusterSettings) -> None:
            point = plan.points[cluster.name]
            await_archived(
                cluster,
                fences[cluster.name],
                self.pgbackrest(cluster),
                self._repository,
                point.backup.archive_id,
                segment_bytes=point.production.segment_bytes,
                timeout=ARCHIVE_SECONDS,
                over=over,
            )

        self.each(wait)

    def expected_ends(
        self, plan: Plan, fences: Mapping[str, Fence], later: Mapping[str, Fence], clones: Mapping[str, Clone]
    ) -> Mapping[str, int]:
        """The LSN (bytes) that the replay of each cluster must reach at least.

        Args:
            plan: the drill's.
            fences: those that the clones stop at.
            later: those that were made in production for this drill.
            clones: what was restored.
        """

        def expect(cluster: ClusterSettings) -> int:
            point, fence = plan.points[cluster.name], fences.get(cluster.name)
            if plan.moment is not None:
                # That the moment itself was reached is read from PostgreSQL's log, or proven by a later fence.
                start = fence.lsn if fence else point.backup.lsn_stop
                return parse_lsn(start) if start else 0
            if cluster.name in later:
                return archived_by_production(cluster, later[cluster.name], point.production.segment_bytes)
            segment_bytes = clones[cluster.name].segment_bytes()
            return archived_in_repository(self.pgbackrest(cluster), self._repository, point, segment_bytes)

        return self._by_name(self.each(expect))

    def _by_name(self, results: list[Result]) -> Mapping[str, Result]:
        return dict(zip((cluster.name for cluster in self._settings.cluster), results, strict=True))

    def _ask(self, cluster: ClusterSettings) -> Production:
        production = ask_production(cluster)
        newest_heartbeat(cluster, key=self.heartbeat_key(cluster))
        return production
