"""The collector of a drill's results: each check's answer, the numbers behind them, and why it came no further."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import psycopg

from printflow_reliability.acknowledged import acknowledge
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills import objectives
from printflow_reliability.drills.fences.unarchived import UnarchivedWal, stopped_heartbeats
from printflow_reliability.drills.report import CHECKS, ClusterReport
from printflow_reliability.errors import PrintflowError
from printflow_reliability.platform.connect import error_text
from printflow_reliability.platform.damage import is_damage
from printflow_reliability.restore.phases import Phase, rto_seconds
from printflow_reliability.settings import AcknowledgedSettings, DrillsSettings

SPEEDS = (
    ("fetch_bytes_per_second", "fetched_bytes", (Phase.FETCH,)),
    ("replay_bytes_per_second", "replayed_bytes", (Phase.START, Phase.REPLAY_TO_FENCE, Phase.REPLAY_TO_END)),
)


class Results:
    """The results of one drill so far.

    Attributes:
        numbers: what was measured.
        unarchived: the WAL that was on production's machines alone when the drill began.
        clusters: each cluster's part, by name.
        reached: the phase that the drill is in, or broke off in.
        moment: what is restored to; None for the end of WAL, or before that is known.
        matched: whether the clones agreed with production at the fence; None if that could not be told.
        newest_fence: the name of the newest fences that the drill knows; None if it did not come so far.
        heal_plan: lines of JSON, one for each file that would have to be brought back.
    """

    def __init__(self, clusters: Iterable[str] = (), acknowledged: Sequence[AcknowledgedSettings] = ()) -> None:
        self._acknowledged = acknowledged
        self.numbers: dict[str, int | float] = {}
        self.unarchived: Sequence[UnarchivedWal] = ()
        self.clusters = {name: ClusterReport(name) for name in clusters}
        self.reached = Phase.FIND
        self.moment: datetime | None = None
        self.matched: bool | None = None
        self.newest_fence: str | None = None
        self.heal_plan: tuple[str, ...] = ()
        self._given: dict[str, CheckResult] = {}
        self._broke_off = "the drill did not come so far"

    def add(self, result: CheckResult) -> None:
        """Keep a check's answer, with its numbers; warnings that printflow.toml acknowledges are none."""
        self._given[result.check] = acknowledge(result, self._acknowledged)
        self.numbers |= result.numbers

    def answer(self, check: str, outcome: Outcome, detail: str) -> None:
        """Keep an answer without numbers."""
        self.add(CheckResult(check, outcome, detail))

    def answer_to(self, check: str) -> CheckResult | None:
        """A check's answer so far."""
        return self._given.get(check)

    def note(self, cluster: str, **parts: object) -> None:
        """Keep something of a cluster's part."""
        self.clusters[cluster] = replace(self.clusters[cluster], **parts)  # type: ignore[arg-type]

    def failed(self, error: PrintflowError) -> None:
        """The recovery failed, which ends the drill."""
        self.answer("drill.recovery", Outcome.FAIL, error.sentence)
        self._broke_off = "not reached: the recovery failed before"

    def break_off(self, why: str) -> None:
        """The drill ends in the phase that it is in; each check that was not answered says why."""
        self._broke_off = f"not reached; {self.reached} broke off: {why}"

    def refused(self, error: psycopg.Error, *, of_clone: bool, again: str) -> None:
        """A server refused a statement of ours, which ends the drill; `again` is the command that drills once more.

        Only damage that a clone met says something of the backups.
        """
        if of_clone and is_damage(error):
            detail = f"a clone is damaged: {error_text(error)}. Next: printflow backup verify"
            self.answer("drill.recovery", Outcome.FAIL, detail)
            self._broke_off = "not reached: a clone is damaged"
            return
        where = "a clone" if of_clone else "production"
        self.break_off(f"{where} refused a statement of the drill: {error_text(error)}. Next: {again}")

    def conclude(
        self, seconds: Mapping[Phase, float], targets: DrillsSettings, *, of_backups: bool = True
    ) -> tuple[CheckResult, ...]:
        """Every check's answer, the objectives too, since they need the time of all phases.

        Args:
            seconds: how long each phase took.
            targets: the objectives.
            of_backups: whether backups were restored; else nothing is said of objectives, which are theirs.
        """
        rto = rto_seconds(seconds) if of_backups else None
        if not of_backups:
            self.numbers.pop("rpo_seconds", None)
        if rto is not None and "rpo_seconds" in self.numbers:
            self.numbers["rto_seconds"] = round(rto, 3)
        for name, number, phases in SPEEDS:
            took = sum(seconds.get(phase, 0.0) for phase in phases)
            if took and number in self.numbers:
                self.numbers[name] = round(self.numbers[number] / took)
        self.numbers |= {f"{phase}_seconds": round(took, 3) for phase, took in seconds.items()}
        not_known = self._broke_off
        if "rto_seconds" in self.numbers and (
            stopped := stopped_heartbeats(self.unarchived, targets.rpo_target_seconds)
        ):
            self.numbers.pop("rpo_seconds", None)
            not_known = stopped
        names = CHECKS
        if of_backups:
            self.add(objectives.check_drill_objectives(self.numbers, targets, self.unarchived, not_known))
        else:
            names = tuple(name for name in CHECKS if name != objectives.OF_ONE_DRILL)
        return tuple(self._given.get(name) or CheckResult(name, Outcome.UNKNOWN, self._broke_off) for name in names)
