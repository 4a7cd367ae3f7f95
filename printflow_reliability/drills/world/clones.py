"""A drill's clones on this machine, and what is asked of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from printflow_reliability.checks import CheckResult
from printflow_reliability.drills.fences import comparison
from printflow_reliability.drills.validation import links, smoke
from printflow_reliability.drills.validation.clone_inventory import check_inventory
from printflow_reliability.drills.validation.files_then import Moment
from printflow_reliability.drills.validation.one_tenant import rehearse_one
from printflow_reliability.drills.validation.page_checksums import check_pages
from printflow_reliability.drills.validation.printable import check_printable
from printflow_reliability.drills.validation.recovered_files import RecoveredFiles, check_files
from printflow_reliability.drills.validation.rollback_proof import check_rollback
from printflow_reliability.drills.world.production import heartbeat_key
from printflow_reliability.programs import Programs
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.quiet import quieten
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.plan import Plan
from printflow_reliability.restore.production import newest_heartbeat
from printflow_reliability.restore.requirements import confined_programs
from printflow_reliability.restore.restoration import Restoration
from printflow_reliability.restore.tablespaces import TablespaceRules
from printflow_reliability.restore.validation.validate import validate
from printflow_reliability.settings import Settings


@dataclass(frozen=True)
class LiveCloneChecks:
    """The checks of one drill's clones.

    Attributes:
        restoration: has the clones.
        place: the drill's directory, for findings.
        give_up: ends what the drill has started.
    """

    settings: Settings
    restoration: Restoration
    place: Path
    give_up: Callable[[], None]

    def links(self) -> CheckResult:
        """As `check_links`."""
        return links.check_links(self.settings, self.restoration.connector)

    def inventory(self, fences: Mapping[str, Fence]) -> CheckResult:
        """As `check_inventory`."""
        return check_inventory(self._clones, fences)

    def rows(self, fences: Mapping[str, Fence]) -> CheckResult:
        """As `compare_with_fences`."""
        return comparison.compare_with_fences(self._clones, fences, self.give_up)

    def pages(self) -> CheckResult:
        """As `check_pages`."""
        return check_pages(self._clones, timeout=self._limit, give_up=self.give_up)

    def data(self) -> Sequence[CheckResult]:
        """As `validate`."""
        return validate(self._clones, timeout=self._limit, give_up=self.give_up)

    def smoke(self) -> CheckResult:
        """As `check_smoke`."""
        return smoke.check_smoke(self.settings, self.restoration.connector)

    def files(self, moment: datetime | None) -> RecoveredFiles:
        """As `check_files`."""
        return check_files(self.settings, self.restoration.connector, moment, self.place)

    def rollback(self, found: RecoveredFiles, moment: datetime | None, recovered_at: datetime | None) -> CheckResult:
        """As `check_rollback`."""
        return check_rollback(self.settings, self.restoration.connector, found, Moment.of(moment, recovered_at))

    def printable(self, moment: datetime | None, recovered_at: datetime | None) -> CheckResult:
        """As `check_printable`."""
        return check_printable(self.settings, self.restoration.connector, moment, recovered_at)

    def tenant(self) -> CheckResult:
        """As `rehearse_one`."""
        return rehearse_one(self.settings, self.restoration.clones)

    @property
    def _clones(self) -> tuple[Clone, ...]:
        return tuple(self.restoration.clones.values())

    @property
    def _limit(self) -> float:
        return self.settings.drills.phase_timeout_seconds


class LiveClones(Restoration):
    """A recovery's clones, with what only a drill does with them.

    Attributes:
        checks: what is asked of them.
    """

    def __init__(
        self,
        settings: Settings,
        place: Path,
        repository: int,
        plan: Plan,
        give_up: Callable[[], None],
        rules: TablespaceRules = TablespaceRules(),  # noqa: B008 - it is immutable
    ) -> None:
        super().__init__(settings, place, repository, plan, rules)
        self.checks = LiveCloneChecks(settings, self, place, give_up)

    def take(self) -> Plan:
        """The plan: every base backup is in the repository."""
        return self._plan

    def confined_programs(self) -> Programs:
        """As `confined_programs` of a plan."""
        return confined_programs(self._plan, self._place, self._settings.runner())

    def segment_bytes(self, cluster: str) -> int:
        """The size of a WAL segment of what was restored for a cluster."""
        return self.clones[cluster].segment_bytes()

    def quieten(self) -> str:
        """As `quieten` of clones."""
        return quieten(self.clones.values())

    def heartbeats(self) -> Mapping[str, datetime | None]:
        """The newest heartbeat in each; None if it holds none.

        Raises:
            CouldNotTell: a clone cannot be reached.
        """
        return {
            name: newest_heartbeat(
                clone.cluster, key=heartbeat_key(self._settings, clone.cluster), connect_with=self.connector
            )
            for name, clone in self.clones.items()
        }
