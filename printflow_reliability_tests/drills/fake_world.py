# ruff: noqa: ARG002 - the fakes take what the protocols say
"""A world for drills without a server: two clusters, their backups and clones as plain objects, and faults to plant.

Every method of a part is heard by the `Script` under its own name, and does there whatever a test has planted.
"""

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from printflow_reliability.backups.info import Backup
from printflow_reliability.checks import CheckResult
from printflow_reliability.drills.fences.unarchived import UnarchivedWal
from printflow_reliability.drills.results import Results
from printflow_reliability.drills.stages.drill import Drill
from printflow_reliability.programs import Programs
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.phases import Phase, PhaseClock
from printflow_reliability.restore.plan import Plan
from printflow_reliability.restore.production import Production
from printflow_reliability.restore.replay import Promotion
from printflow_reliability.restore.targets import Span, Target
from printflow_reliability.settings import Settings
from printflow_reliability_tests.drills.fake_checks import FakeChecks, Script
from printflow_reliability_tests.drills.two_clusters import (
    BEGAN,
    CLUSTERS,
    backup,
    fences,
    passed,
    production,
    settings,
)

AHEAD = timedelta(seconds=20)
PLACE = Path("/drills/7")


@dataclass
class FakeProduction:
    script: Script

    def require_readable(self) -> None:
        self.script.heard("require_readable")

    def identify(self) -> Mapping[str, Production]:
        self.script.heard("identify")
        return {name: production(name) for name in CLUSTERS}

    def clocks(self) -> Mapping[str, datetime]:
        self.script.heard("clocks")
        return dict.fromkeys(CLUSTERS, BEGAN)

    def unarchived(self) -> Sequence[UnarchivedWal]:
        self.script.heard("unarchived")
        return [UnarchivedWal(name, 1.0, 60.0) for name in CLUSTERS]

    def make_fences(self, productions: Mapping[str, Production], name: str) -> Mapping[str, Fence]:
        self.script.heard("make_fences")
        assert set(productions) == set(CLUSTERS)
        return fences(name, BEGAN - timedelta(seconds=3))


@dataclass
class FakeRepository:
    script: Script

    def backups(self, productions: Mapping[str, Production]) -> Mapping[str, tuple[Backup, ...]]:
        self.script.heard("backups")
        found = (backup("old", BEGAN - timedelta(days=7)), backup("new", BEGAN - timedelta(hours=1)))
        return dict.fromkeys(productions, found)

    def tablespaces_of(self, cluster: str, backup: Backup) -> frozenset[int]:
        return frozenset()

    def refuse_writers(self, programs: Programs) -> tuple[str, ...]:
        self.script.heard("refuse_writers")
        return ()

    def await_archived(self, plan: Plan, fences: Mapping[str, Fence], over: threading.Event) -> None:
        self.script.heard("await_archived")

    def expected_ends(
        self,
        plan: Plan,
        fences: Mapping[str, Fence],
        later: Mapping[str, Fence],
        segment_bytes: Callable[[str], int],
    ) -> Mapping[str, int]:
        self.script.heard("expected_ends")
        return dict.fromkeys(CLUSTERS, 0x6000000)


@dataclass
class FakeClones:
    script: Script
    checks: FakeChecks
    confined_by: Sequence[str] = ("landlock",)
    ran_out: frozenset[str] = frozenset()
    stopped_at: Mapping[str, Fence] = field(default_factory=dict)
    expected: Mapping[str, int] = field(default_factory=dict)
    plan: Plan | None = None

    def confined_programs(self) -> Programs:
        self.script.heard("confined_programs")
        return Programs(run_as="nobody")

    def take(self) -> Plan:
        self.script.heard("take")
        assert self.plan is not None
        points = {
            name: replace(point, backup=replace(point.backup, lsn_start="0/5000000"))
            for name, point in self.plan.points.items()
        }
        return replace(self.plan, points=points)

    def fetch(self, fences: Mapping[str, Fence]) -> None:
        self.stopped_at = fences
        self.script.heard("fetch")

    def segment_bytes(self, cluster: str) -> int:
        return 16 * 1024**2

    def start(self) -> None:
        self.script.heard("start")

    def replay_to_fence(self) -> None:
        self.script.heard("replay_to_fence")

    def stop(self) -> None:
        self.script.heard("stop")

    def go_on(self) -> None:
        self.script.heard("go_on")

    def replay_to_end(self, later: Mapping[str, Fence]) -> frozenset[str]:
        self.script.heard("replay_to_end")
        return self.ran_out

    def promote(self, expected: Mapping[str, int]) -> Mapping[str, Promotion]:
        self.expected = expected
        self.script.heard("promote")
        return dict.fromkeys(CLUSTERS, Promotion(2, "0/6000200"))

    def quieten(self) -> str:
        self.script.heard("quieten")
        return ""

    def heartbeats(self) -> Mapping[str, datetime | None]:
        self.script.heard("heartbeats")
        return dict.fromkeys(CLUSTERS, BEGAN - timedelta(seconds=2))


@dataclass
class FakeWorkspace:
    script: Script
    prepared: FakeClones
    given_up: threading.Event = field(default_factory=threading.Event)
    there: bool = False

    def make(self) -> None:
        self.script.heard("make")
        self.there = True

    def clones(self, plan: Plan) -> FakeClones:
        self.script.heard("clones")
        self.prepared.plan = plan
        return self.prepared

    def give_up(self) -> None:
        self.script.heard("give_up")
        self.given_up.set()

    def remove(self) -> None:
        self.script.heard("remove")
        self.there = False

    def remains(self) -> Path | None:
        return PLACE if self.there else None


@dataclass
class FakeIsolation:
    script: Script
    unprovable: Sequence[str] = ()
    confined_by: Sequence[str] = ()
    begun: bool = False

    def take_baseline(self, productions: Mapping[str, Production]) -> None:
        self.script.heard("take_baseline")
        self.begun = True

    def check(self) -> CheckResult | None:
        self.script.heard("check_isolation")
        return passed("drill.isolation") if self.begun else None


@dataclass
class FakeFenceRecords:
    script: Script
    stored: list[Mapping[str, Fence]] = field(default_factory=list)
    kept: list[Fence] = field(default_factory=list)

    def between(self, after: datetime, before: datetime) -> Mapping[str, Fence]:
        self.script.heard("between")
        inside = [found for found in self.stored if after < found["live_db"].taken_at < before]
        return inside[-1] if inside else {}

    def newest(self) -> Mapping[str, Fence]:
        self.script.heard("newest")
        return self.stored[-1] if self.stored else {}

    def baseline(self, before: datetime) -> Mapping[str, Fence]:
        self.script.heard("baseline")
        return {}

    def keep(self, fence: Fence) -> None:
        self.kept.append(fence)


@dataclass
class FakeRecords:
    script: Script
    fences: FakeFenceRecords
    address: str | None = None
    recorded: list[tuple[bool, Mapping[str, Any]]] = field(default_factory=list)
    in_file: list[Mapping[str, Any]] = field(default_factory=list)
    pages: list[tuple[Mapping[str, Any], Sequence[str]]] = field(default_factory=list)

    def require_lock(self) -> None:
        self.script.heard("require_lock")

    def proven(self, repository: int, backups: Mapping[str, tuple[Backup, ...]]) -> Sequence[Span]:
        self.script.heard("proven")
        return ()

    def record(self, document: Mapping[str, Any], *, ended: bool) -> None:
        self.script.heard("record")
        self.recorded.append((ended, document))

    def keep_in_file(self, document: Mapping[str, Any]) -> Path:
        self.script.heard("keep_in_file")
        self.in_file.append(document)
        return Path("/drills/drill-7.unrecorded.json")

    def report_address(self) -> str | None:
        return self.address

    def keep_report(self, document: Mapping[str, Any], heal_plan: Sequence[str]) -> None:
        self.script.heard("keep_report")
        self.pages.append((document, heal_plan))


class FakeWorld:
    """All parts of it, with one script."""

    def __init__(self) -> None:
        self.script = Script()
        self.production = FakeProduction(self.script)
        self.repository = FakeRepository(self.script)
        self.clones = FakeClones(self.script, FakeChecks(self.script))
        self.workspace = FakeWorkspace(self.script, self.clones)
        self.isolation = FakeIsolation(self.script)
        self.records = FakeRecords(self.script, FakeFenceRecords(self.script))

    def now(self) -> datetime:
        return BEGAN + AHEAD

    def plant(self, method: str, error: BaseException) -> None:
        """Let a call of this method raise an error."""

        def act() -> None:
            raise error

        self.script.planted[method] = act

    def drill(
        self,
        target: Target = Target("latest"),  # noqa: B008 - it is immutable
        *,
        configuration: Settings | None = None,
        from_standby: bool = False,
        tell: Callable[[Phase], None] = lambda _: None,
    ) -> Drill:
        """Drill 7 in this world, on a clock that goes on by a second whenever somebody looks at it."""
        ticks = itertools.count()
        return Drill(
            id=7,
            target=target,
            repository=1,
            settings=configuration or settings(),
            world=self,
            results=Results(CLUSTERS),
            clock=PhaseClock(lambda: float(next(ticks))),
            tell=tell,
            from_standby=from_standby,
        )
