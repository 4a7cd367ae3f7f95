"""The reliability plan as a scoreboard: each item by what is measured, never by what somebody says.

An item is done when everything that was measured of it is good and nothing is missing; not when all of it is wrong;
partly in between. Where something could not be measured and nothing is wrong, so could the item.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from printflow_reliability.checks import Outcome
from printflow_reliability.posture.items import WORDS, Item
from printflow_reliability.posture.plan_items import PLAN, PlanItem, measured_by
from printflow_reliability.recency import recent_within
from printflow_reliability.records.check_results import Answer
from printflow_reliability.text import seconds


class Status(StrEnum):
    """What is measured of an item of the plan."""

    DONE = "done"
    PARTLY = "partly"
    NOT = "not"
    UNMEASURED = "cannot be measured"


@dataclass(frozen=True, kw_only=True)
class PlanRow:
    """An item of the plan as it was measured."""

    priority: str
    item: str
    status: Status
    evidence: Sequence[str]
    next_step: str

    def as_json(self) -> dict[str, object]:
        """The row for programs."""
        return {
            "priority": self.priority,
            "item": self.item,
            "status": self.status,
            "evidence": list(self.evidence),
            "next": self.next_step,
        }


def scoreboard(items: Iterable[Item], answers: Mapping[str, Answer], now: datetime) -> tuple[PlanRow, ...]:
    """The plan as it is now.

    Args:
        items: what the platform's source showed.
        answers: the newest answer of each check for the whole of what it watches.
        now: the moment (UTC) that answers must be recent at.
    """
    found = list(items)
    return tuple(
        _row(planned, [item for item in found if planned.priority in item.rule.plan], answers, now) for planned in PLAN
    )


def _row(planned: PlanItem, items: Sequence[Item], answers: Mapping[str, Answer], now: datetime) -> PlanRow:
    outcomes: list[Outcome] = [item.outcome for item in items]
    evidence = _counted(items)
    steps: list[tuple[Outcome, str]] = []
    for check in planned.checks:
        told = _recorded(check, answers.get(check), now, planned.some.get(check, ""))
        outcomes.append(told.outcome)
        evidence.append(told.sentence)
        if told.outcome is not Outcome.PASS:
            steps.append((told.outcome, planned.command if told.recent else measured_by(check)))
    if planned.posture and not items:
        outcomes.append(Outcome.UNKNOWN)
        evidence.append("nothing of it is seen in the source")
    if planned.unmeasured:
        outcomes.append(Outcome.UNKNOWN)
        evidence.append(f"not measured: {planned.unmeasured}")
    status = _status(outcomes)
    return PlanRow(
        priority=planned.priority,
        item=planned.text,
        status=status,
        evidence=tuple(evidence),
        next_step="" if status is Status.DONE else _next_step(planned, items, steps),
    )


def _next_step(planned: PlanItem, items: Sequence[Item], steps: Sequence[tuple[Outcome, str]]) -> str:
    """What to do first: see to what fails, then change the source, then have asked what is not known."""
    for outcome, step in steps:
        if outcome is Outcome.FAIL:
            return step
    wrong = min(
        (item for item in items if item.outcome is not Outcome.PASS),
        key=lambda item: (item.outcome is not Outcome.FAIL, -item.rule.severity.rank),
        default=None,
    )
    if wrong is not None and (wrong.outcome is Outcome.FAIL or not steps):
        return f"{wrong.place}: {wrong.rule.expected}"
    return steps[0][1] if steps else planned.command


def _counted(items: Sequence[Item]) -> list[str]:
    """What the source shows, in numbers, and the worst of it."""
    parts = [
        f"{count} {WORDS[outcome]}"
        for outcome in (Outcome.FAIL, Outcome.WARN, Outcome.UNKNOWN, Outcome.PASS)
        if (count := sum(item.outcome is outcome for item in items))
    ]
    said = [f"source: {', '.join(parts)}"] if parts else []
    for outcome in (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN):
        unwell = [item for item in items if item.outcome is outcome]
        if unwell:
            worst = min(unwell, key=lambda item: -item.rule.severity.rank)
            return [*said, f"{worst.place}: {worst.found}"]
    return said


@dataclass(frozen=True)
class _Recorded:
    """What the records say of a check; `recent` is whether an answer is there that is young enough to be believed."""

    outcome: Outcome
    sentence: str
    recent: bool = False


def _recorded(check: str, answer: Answer | None, now: datetime, some: str) -> _Recorded:
    if answer is None:
        return _Recorded(Outcome.UNKNOWN, f"{check}: no answer is recorded; to measure it: {measured_by(check)}")
    age = max(now - answer.answered_at, now - now)
    ago = f"{seconds(age.total_seconds())} ago"
    if age > recent_within(check):
        said = f"{check}: last answered {ago}, too long ago; to measure it: {measured_by(check)}"
        return _Recorded(Outcome.UNKNOWN, said)
    if some and not answer.result.numbers.get(some) and answer.result.outcome is Outcome.PASS:
        return _Recorded(Outcome.UNKNOWN, f"{check}: there was nothing to ask, {ago} ({some}: 0)", recent=True)
    return _Recorded(answer.result.outcome, f"{check}: {answer.result.outcome}, {ago}", recent=True)


def _status(outcomes: Sequence[Outcome]) -> Status:
    seen = set(outcomes)
    if Outcome.FAIL in seen:
        return Status.PARTLY if seen & {Outcome.PASS, Outcome.WARN} else Status.NOT
    if not seen or Outcome.UNKNOWN in seen:
        return Status.UNMEASURED
    return Status.PARTLY if Outcome.WARN in seen else Status.DONE
