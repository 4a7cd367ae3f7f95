"""What a drill has found so far: each check's answer, the numbers behind them, and why it came no further."""

from collections.abc import Mapping, Sequence

import psycopg

from printflow_reliability.acknowledged import acknowledge
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills import objectives
from printflow_reliability.drills.fences.unarchived import UnarchivedWal, stopped_heartbeats
from printflow_reliability.drills.report import CHECKS
from printflow_reliability.platform.connect import said
from printflow_reliability.platform.damage import is_damage
from printflow_reliability.restore.phases import Phase, rto_seconds
from printflow_reliability.settings import AcknowledgedSettings, DrillsSettings

SPEEDS = (
    ("fetch_bytes_per_second", "fetched_bytes", (Phase.FETCH,)),
    ("replay_bytes_per_second", "replayed_bytes", (Phase.START, Phase.REPLAY_TO_FENCE, Phase.REPLAY_TO_END)),
)


class Answers:
    """The answers of one drill.

    Attributes:
        numbers: what was measured so far.
        unarchived: the WAL that was on production's machines alone when the drill began.
    """

    def __init__(self, acknowledged: Sequence[AcknowledgedSettings] = ()) -> None:
        self._acknowledged = acknowledged
        self.numbers: dict[str, int | float] = {}
        self.unarchived: Sequence[UnarchivedWal] = ()
        self._given: dict[str, CheckResult] = {}
        self._broke_off = "the drill did not come so far"

    def give(self, result: CheckResult) -> None:
        """Keep a check's answer, with its numbers; warnings that printflow.toml acknowledges are none."""
        self._given[result.check] = acknowledge(result, self._acknowledged)
        self.numbers |= result.numbers

    def verdict(self, check: str, outcome: Outcome, detail: str) -> None:
        """Keep an answer without numbers."""
        self.give(CheckResult(check, outcome, detail))

    def given(self, check: str) -> CheckResult | None:
        """A check's answer so far."""
        return self._given.get(check)

    def break_off(self, why: str) -> None:
        """From here on nothing is reached; `why` is what each check says that was not answered."""
        self._broke_off = why

    def refused(self, error: psycopg.Error, phase: Phase, *, of_clone: bool) -> None:
        """A server refused a statement of ours, which ends the drill in that phase.

        Only damage that a clone met says something of the backups.
        """
        if of_clone and is_damage(error):
            detail = f"a clone is damaged: {said(error)}. Next: printflow backup verify"
            self.verdict("drill.recovery", Outcome.FAIL, detail)
            self.break_off("not reached: a clone is damaged")
            return
        where = "a clone" if of_clone else "production"
        why = f"{where} refused a statement of the drill: {said(error)}. Next: printflow drill run"
        self.break_off(f"not reached; {phase} broke off: {why}")

    def conclude(self, seconds: Mapping[Phase, float], targets: DrillsSettings) -> tuple[CheckResult, ...]:
        """Every check's answer, the objectives too, since they need the time of all phases."""
        rto = rto_seconds(seconds)
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
        self.give(objectives.judge_drill(self.numbers, targets, self.unarchived, not_known))
        return tuple(self._given.get(name) or CheckResult(name, Outcome.UNKNOWN, self._broke_off) for name in CHECKS)
