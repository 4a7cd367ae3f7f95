"""What a drill's stages need of the world outside: real servers in a drill, plain objects in a unit test."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from printflow_reliability.backups.info import Backup
from printflow_reliability.checks import CheckResult
from printflow_reliability.drills.fences.unarchived import UnarchivedWal
from printflow_reliability.drills.validation.recovered_files import RecoveredFiles
from printflow_reliability.programs import Programs
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.plan import Plan
from printflow_reliability.restore.production import Production
from printflow_reliability.restore.replay import Promotion
from printflow_reliability.restore.targets import Span

Fences = Mapping[str, Fence]
"""By cluster."""


class ProductionClusters(Protocol):
    """The clusters in production. Every method raises CouldNotTell where one of them cannot be reached."""

    def require_readable(self) -> None:
        """Have them parse the queries of printflow.toml that clones will be asked; ConfigError names a wrong one."""

    def identify(self) -> Mapping[str, Production]:
        """Who they are, by cluster."""

    def clocks(self) -> Mapping[str, datetime]:
        """What time it is on each cluster's clock."""

    def unarchived(self) -> Sequence[UnarchivedWal]:
        """What of each cluster's WAL would be lost now."""

    def make_fences(self, productions: Mapping[str, Production], name: str) -> Fences:
        """Make restore points of this name at one moment, and count."""


class Repository(Protocol):
    """The repository that a drill restores from. Every method raises CouldNotTell where it cannot be asked."""

    def backups(self, productions: Mapping[str, Production]) -> Mapping[str, tuple[Backup, ...]]:
        """The base backups of each cluster, oldest first; NoBackupForTarget if one has none."""

    def tablespaces_of(self, cluster: str, backup: Backup) -> frozenset[int]:
        """The OIDs of the tablespaces that a backup knows."""

    def refuse_writers(self, programs: Programs) -> tuple[str, ...]:
        """Try to write to every repository; those of which it cannot be told. ConfigError if one can be written to."""

    def await_archived(self, plan: Plan, fences: Fences, over: threading.Event) -> None:
        """Wait until the fences that were made in production are in the repository, or it is over."""

    def expected_ends(
        self, plan: Plan, fences: Fences, later: Fences, segment_bytes: Callable[[str], int]
    ) -> Mapping[str, int]:
        """The LSN (bytes) that the replay of each cluster must reach at least."""


class CloneChecks(Protocol):
    """What is asked of the clones. Refused is raised where what answers is another server."""

    def links(self) -> CheckResult:
        """Whether rows of one cluster find those of others that they name."""

    def inventory(self, fences: Fences) -> CheckResult:
        """Whether all databases, extensions, roles and large objects are there."""

    def rows(self, fences: Fences) -> CheckResult:
        """Whether every table holds exactly production's rows."""

    def pages(self) -> CheckResult:
        """Whether every page of the stopped clones has its checksum."""

    def data(self) -> Sequence[CheckResult]:
        """Whether heaps, indexes, constraints and sequences of the promoted clones are sound."""

    def smoke(self) -> CheckResult:
        """Whether the application's first questions are answered."""

    def files(self, moment: datetime | None) -> RecoveredFiles:
        """Whether every file that the clones refer to is in the bucket or restorable."""

    def rollback(self, found: RecoveredFiles, moment: datetime | None, recovered_at: datetime | None) -> CheckResult:
        """Whether a rollback of the buckets to that moment would give every file that the clones refer to."""

    def printable(self, moment: datetime | None, recovered_at: datetime | None) -> CheckResult:
        """Whether the files of open paid orders, as they were then, can be printed."""

    def tenant(self) -> CheckResult:
        """Whether one tenant's rows can be brought back."""


class Clones(Protocol):
    """The clones of one plan.

    Attributes:
        checks: what is asked of them.
        confined_by: by which means they are kept in their directories.
    """

    @property
    def checks(self) -> CloneChecks: ...

    @property
    def confined_by(self) -> Sequence[str]: ...

    def take(self) -> Plan:
        """Take the base backups that are made for this drill, of standbys; the plan that has them.

        StandbyDamaged where one proves damage of its own.
        """

    def confined_programs(self) -> Programs:
        """Who runs programs as they will run; Refused if nothing keeps them from production."""

    def fetch(self, fences: Fences) -> None:
        """Restore every cluster; replay will stop at its fence, where there is one."""

    def segment_bytes(self, cluster: str) -> int:
        """The size of a WAL segment of what was restored."""

    def start(self) -> None:
        """Start them; each answers once it is consistent."""

    def replay_to_fence(self) -> None:
        """Replay up to the fences, and pause there."""

    def stop(self) -> None:
        """Stop them in good order where they are."""

    def go_on(self) -> None:
        """Start them again; from here on, replay goes to its end."""

    def replay_to_end(self, later: Fences) -> frozenset[str]:
        """Replay to the moment or the end of WAL; the clusters whose WAL ended before the moment."""

    def promote(self, expected: Mapping[str, int]) -> Mapping[str, Promotion]:
        """Wait until each is a server of its own that was written to; RecoveryShort if one came less far."""

    def quieten(self) -> str:
        """End what they still have of production's life; what that was, as a phrase or nothing."""

    def heartbeats(self) -> Mapping[str, datetime | None]:
        """The newest heartbeat in each; None if it holds none."""


class Workspace(Protocol):
    """The drill's own directory."""

    def make(self) -> None:
        """Make it; ConfigError if that cannot be done."""

    def clones(self, plan: Plan) -> Clones:
        """The clones that this plan is for, before anything is fetched.

        ConfigError where a server program is missing, CouldNotTell where the disk is too small.
        """

    def give_up(self) -> None:
        """End what the drill has started."""

    def remove(self) -> None:
        """End all that runs in it and remove it; CouldNotTell if something stays."""

    def remains(self) -> Path | None:
        """Where it still is; None if it is gone."""


class Isolation(Protocol):
    """The check that production and the repositories are as they were.

    Attributes:
        unprovable: the repositories of which it is not known whether the drill could have written to them.
        confined_by: by which means the clones were kept in their directories.
    """

    unprovable: Sequence[str]
    confined_by: Sequence[str]

    def take_baseline(self, productions: Mapping[str, Production]) -> None:
        """Look at what must not change."""

    def check(self) -> CheckResult | None:
        """Look again and compare; None if the drill ended before the first look."""


class FenceRecords(Protocol):
    """The fences that the records hold. Every method but `keep` raises CouldNotTell where the records are away."""

    def between(self, after: datetime, before: datetime) -> Fences:
        """The newest set made between two moments; empty if there is none."""

    def newest(self) -> Fences:
        """The newest set of all."""

    def baseline(self, before: datetime) -> Fences:
        """Those that numbers of rows are compared with."""

    def keep(self, fence: Fence) -> None:
        """Keep one; records that are away cost later drills something, and not this one."""


class Records(Protocol):
    """Where a drill's evidence goes."""

    @property
    def fences(self) -> FenceRecords: ...

    def require_lock(self) -> None:
        """CouldNotTell if another drill has begun meanwhile."""

    def proven(self, repository: int, backups: Mapping[str, tuple[Backup, ...]]) -> Sequence[Span]:
        """The stretches that drills have proven of every cluster; CouldNotTell if the records are away."""

    def record(self, document: Mapping[str, Any], *, ended: bool) -> None:
        """Record a drill's numbers; CouldNotTell if the records do not take them."""

    def keep_in_file(self, document: Mapping[str, Any]) -> Path:
        """Keep them in a file until the next drill records them; OSError if that cannot be written."""

    def report_address(self) -> str | None:
        """Where people find the drill's page; None if no bucket is configured."""

    def keep_report(self, document: Mapping[str, Any], heal_plan: Sequence[str]) -> None:
        """Put the page into the bucket; CouldNotTell if the bucket does not take it."""


class World(Protocol):
    """All of it, with a clock."""

    @property
    def production(self) -> ProductionClusters: ...

    @property
    def repository(self) -> Repository: ...

    @property
    def workspace(self) -> Workspace: ...

    @property
    def isolation(self) -> Isolation: ...

    @property
    def records(self) -> Records: ...

    def now(self) -> datetime:
        """What time it is here, in UTC."""
