"""The clusters in production, as far as a drill asks them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.drills.fences.make import QUIET_SECONDS, make_fences
from printflow_reliability.drills.fences.unarchived import UnarchivedWal, look_at_unarchived
from printflow_reliability.drills.validation import links, smoke
from printflow_reliability.drills.world.each_cluster import of_each
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.production import Production, ask_production, newest_heartbeat, production_clock
from printflow_reliability.settings import ClusterSettings, Settings


def heartbeat_key(settings: Settings, cluster: ClusterSettings) -> str:
    """Where printflow.toml has the query of a cluster's heartbeat, for errors."""
    return f"cluster[{settings.cluster.index(cluster)}].heartbeat"


@dataclass(frozen=True)
class LiveClusters:
    """All clusters of the configuration; `give_up` ends what the drill has started."""

    settings: Settings
    give_up: Callable[[], None]

    def require_readable(self) -> None:
        """Have them parse the queries of links and of the smoke test.

        Raises:
            ConfigError: one does not parse.
            CouldNotTell: a cluster cannot be reached.
        """
        links.require_readable(self.settings)
        smoke.require_readable(self.settings)

    def identify(self) -> Mapping[str, Production]:
        """Who they are; what their heartbeats ask is tried too.

        Raises:
            ConfigError: a database refuses its heartbeat's query.
            CouldNotTell: one cannot be reached.
        """

        def ask(cluster: ClusterSettings) -> Production:
            production = ask_production(cluster)
            newest_heartbeat(cluster, key=heartbeat_key(self.settings, cluster))
            return production

        return of_each(self.settings.cluster, ask, self.give_up)

    def clocks(self) -> Mapping[str, datetime]:
        """What time it is on each cluster's clock.

        Raises:
            CouldNotTell: one cannot be reached.
        """
        return of_each(self.settings.cluster, production_clock, self.give_up)

    def unarchived(self) -> Sequence[UnarchivedWal]:
        """What of each cluster's WAL would be lost now.

        Raises:
            CouldNotTell: one cannot be reached.
        """

        def look(cluster: ClusterSettings) -> UnarchivedWal:
            return look_at_unarchived(cluster, heartbeat_key=heartbeat_key(self.settings, cluster))

        return tuple(of_each(self.settings.cluster, look, self.give_up).values())

    def make_fences(self, productions: Mapping[str, Production], name: str) -> Mapping[str, Fence]:
        """Make restore points of this name at one moment, and count.

        Raises:
            CouldNotTell: a cluster cannot be reached, or refuses.
        """
        fences = make_fences(
            productions,
            self.settings.cluster,
            name,
            quiet_seconds=QUIET_SECONDS,
            digest_bytes=self.settings.drills.digest_max_bytes,
        )
        return {fence.cluster: fence for fence in fences}
