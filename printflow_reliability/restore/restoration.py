"""A recovery of all clusters together, step by step: what a drill rehearses and a disaster does in earnest.

Clusters go through each step together, since a recovery is over when the last of them is.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from printflow_reliability.parallel import run_parallel
from printflow_reliability.platform.queries import Connector
from printflow_reliability.restore import reaper
from printflow_reliability.restore.clone_recovery import CloneRecovery
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.connector import connector
from printflow_reliability.restore.clones.fetch import prepare
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.plan import Plan
from printflow_reliability.restore.replay import Promotion
from printflow_reliability.restore.replay_guard import ReplayGuard
from printflow_reliability.restore.tablespaces import TablespaceRules
from printflow_reliability.settings import ClusterSettings, Settings

Result = TypeVar("Result")


class Restoration:
    """The clones of one recovery.

    Attributes:
        clones: by cluster; there once they are being fetched.
    """

    def __init__(
        self,
        settings: Settings,
        place: Path,
        repository: int,
        plan: Plan,
        rules: TablespaceRules = TablespaceRules(),  # noqa: B008 - it is immutable
    ) -> None:
        self.clones: dict[str, Clone] = {}
        self._settings = settings
        self._place = place
        self._repository = repository
        self._plan = plan
        self._rules = rules
        self._guard = ReplayGuard(rules)
        self._recoveries: dict[str, CloneRecovery] = {}

    @property
    def connector(self) -> Connector:
        """How a capability that was written for production reads the clones instead."""
        return connector(self.clones)

    @property
    def confined_by(self) -> Sequence[str]:
        """By which means the clones are kept in their directories, once they are being fetched."""
        return sorted({clone.confinement.by for clone in self.clones.values()})

    def fetch(self, fences: Mapping[str, Fence]) -> None:
        """Restore every cluster out of the repository; replay will stop at its fence, where there is one."""
        drills = self._settings.drills
        taken = frozenset(self.clones)
        for cluster in self._settings.cluster:
            self._recoveries[cluster.name] = CloneRecovery(
                self.clones.get(cluster.name) or self._prepared(cluster),
                fences.get(cluster.name),
                self._plan.moment,
                timeout=drills.phase_timeout_seconds,
                stall_seconds=drills.stall_seconds,
            )
        self._each(
            lambda name, recovery: recovery.fetch(self._repository, self._plan.points[name].backup, taken=name in taken)
        )

    def _prepared(self, cluster: ClusterSettings) -> Clone:
        """The clone of a cluster, with its directories and nothing in them."""
        production, place = self._plan.points[cluster.name].production, self._place / cluster.name
        clone = Clone(cluster, production, place, self._settings.runner(), tuple(self._rules.allowed))
        self.clones[cluster.name] = clone
        prepare(clone)
        return clone

    def start(self) -> None:
        """Start the clones; each answers once it is consistent."""
        self._guard.watch(self.clones.values())
        self._each(lambda _, recovery: recovery.start())

    def replay_to_fence(self) -> None:
        """Replay up to the fences, and pause there."""
        self._each(lambda _, recovery: recovery.replay_to_fence())

    def end_at_fence(self) -> None:
        """Let the clones promote where they are paused, at their fences."""
        self._each(lambda _, recovery: recovery.end_at_fence())

    def stop(self) -> None:
        """Stop the clones in good order where they are."""
        self._each(lambda _, recovery: recovery.stop())

    def go_on(self) -> None:
        """Start the stopped clones again; from here on, replay goes to its end."""
        self._each(lambda _, recovery: recovery.go_on())

    def replay_to_end(self, later: Mapping[str, Fence], *, keep_short: bool = False) -> frozenset[str]:
        """Replay to the moment, or all WAL that is in the repository.

        Args:
            later: fences of after the moment, which tell where replay must come to if nothing was committed after it.
            keep_short: go on where there is no such fence either; the caller says what that means.

        Returns:
            The clusters whose WAL ended before the first commit after the moment, and that hold all of it.
        """
        short = self._each(lambda name, recovery: recovery.replay_to_end(keep_short=keep_short or name in later))
        return frozenset(name for name, ran_out in short.items() if ran_out)

    def promote(self, expected: Mapping[str, int]) -> Mapping[str, Promotion]:
        """Wait until every clone is a server of its own and was written to once; how far each came.

        Args:
            expected: the LSN (bytes) that each must have reached.

        Raises:
            RecoveryShort: one did not come so far.
            Refused: one promoted to another timeline than the next.
        """
        reached = self._each(lambda name, recovery: recovery.promote(expected[name]))
        self._guard.end()
        self._guard.require_inside(self.clones.values())
        return reached

    def give_up(self) -> None:
        """End all that the clones are doing."""
        reaper.end_processes(self._place)

    def _each(self, step: Callable[[str, CloneRecovery], Result]) -> Mapping[str, Result]:
        """Take a step with every clone at once.

        Raises:
            Refused: replay would have left a clone's directory, whatever else was noticed of the clone's end.
            CouldNotTell: WAL could not be read for that.
        """
        tasks: list[Callable[[], Result]] = [partial(step, *named) for named in self._recoveries.items()]
        try:
            results = run_parallel(tasks, give_up=self.give_up)
        except Exception:
            self._guard.require_inside(self.clones.values())
            raise
        return dict(zip(self._recoveries, results, strict=True))
