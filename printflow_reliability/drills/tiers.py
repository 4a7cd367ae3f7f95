"""Recovery objectives of every tier of data: what its checks last found, against what the business accepts.

The database's are measured by drills. Of the other tiers a check says how old the newest copy is, or when all of it was
last seen; time goes on since, so that evidence that nobody renews misses its objective by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from printflow_reliability.checks import CheckResult, Outcome, worst
from printflow_reliability.records.check_results import Answer
from printflow_reliability.settings import DrillsSettings, ObjectiveSettings
from printflow_reliability.text import seconds

CHECK = "recovery.tiers"
DATABASE = "database"


@dataclass(frozen=True)
class Evidence:
    """What tells how much of a tier would be lost now.

    Attributes:
        check: a registered check that passes only while there is a copy, or nothing is missing.
        age: the number of its answer that says how old the newest copy was then, in seconds; None: the check looks at
            the data itself, so that they were whole when it answered.
        command: asks the check.
    """

    check: str
    age: str | None
    command: str


EVIDENCE: Mapping[str, Evidence] = {
    "dumps": Evidence("dump.recent", "newest_dump_seconds", "printflow dump list"),
    "files": Evidence("files.missing", None, "printflow files reconcile"),
    "configuration": Evidence("config.recent", "newest_config_seconds", "printflow config backup"),
    "queues": Evidence("config.recent", "newest_config_seconds", "printflow config backup"),
    "derived": Evidence("files.missing", None, "printflow files reconcile"),
}


@dataclass(frozen=True)
class TierObjectives:
    """One tier: its targets and what was measured, in seconds; None where there is no target, or no measurement."""

    tier: str
    outcome: Outcome
    detail: str
    rpo_target_seconds: float | None = None
    rpo_seconds: float | None = None
    rto_target_seconds: float | None = None
    rto_seconds: float | None = None

    def as_json(self) -> dict[str, Any]:
        """As `drill objectives --json` shows it."""
        return dict(self.__dict__)


def tier_objectives(
    objectives: Sequence[ObjectiveSettings], answers: Sequence[Answer], now: datetime
) -> tuple[TierObjectives, ...]:
    """The tiers beside the database, in the order of the configuration.

    Args:
        objectives: their targets.
        answers: the newest of every check.
        now: the moment that ages are counted from.
    """
    of_the_whole = {answer.result.check: answer for answer in answers if not answer.result.scope}
    return tuple(_judged(objective, of_the_whole, now) for objective in objectives)


def database_objectives(
    numbers: Mapping[str, int | float], targets: DrillsSettings, outcome: Outcome
) -> TierObjectives:
    """The database's, as drills measured them; `outcome` is that of recovery.objectives."""
    return TierObjectives(
        DATABASE,
        outcome,
        "measured by the newest drill: recovery.objectives" if "rto_seconds" in numbers else "no drill measured it",
        targets.rpo_target_seconds,
        numbers.get("rpo_seconds"),
        targets.rto_target_seconds,
        numbers.get("rto_seconds"),
    )


def tiers_answer(tiers: Sequence[TierObjectives]) -> CheckResult:
    """The answer of recovery.tiers on the tiers beside the database."""
    numbers = {
        f"{tier.tier}_{name}": value
        for tier in tiers
        for name in ("rpo_seconds", "rto_seconds")
        if (value := getattr(tier, name)) is not None
    }
    if not tiers:
        nothing = "no objective beside the database's is set ([[objective]] in printflow.toml)"
        return CheckResult(CHECK, Outcome.PASS, nothing)
    outcome = worst(tier.outcome for tier in tiers)
    told = [tier for tier in tiers if tier.outcome is not Outcome.PASS] or tiers
    order = [Outcome.FAIL, Outcome.UNKNOWN, Outcome.PASS]
    sentences = [f"{tier.tier}: {tier.detail}" for tier in sorted(told, key=lambda tier: order.index(tier.outcome))]
    return CheckResult(CHECK, outcome, "; ".join(sentences), numbers)


def _judged(objective: ObjectiveSettings, answers: Mapping[str, Answer], now: datetime) -> TierObjectives:
    rpo_outcome, rpo, rpo_said = _recovery_point(objective, answers, now)
    rto_outcome, rto_said = _recovery_time(objective)
    parts = [said for said in (rpo_said, rto_said) if said]
    return TierObjectives(
        objective.tier,
        worst((rpo_outcome, rto_outcome)),
        "; ".join(parts) or "best effort",
        objective.rpo_seconds,
        rpo,
        objective.rto_seconds,
        objective.timed_seconds,
    )


def _recovery_point(
    objective: ObjectiveSettings, answers: Mapping[str, Answer], now: datetime
) -> tuple[Outcome, float | None, str]:
    if objective.rpo_seconds is None:
        return Outcome.PASS, None, ""
    evidence = EVIDENCE[objective.tier]
    answer = answers.get(evidence.check)
    if answer is None:
        return Outcome.UNKNOWN, None, f"RPO not known: nothing has answered {evidence.check} yet; {evidence.command}"
    found = answer.result
    if found.outcome is Outcome.FAIL:
        return Outcome.FAIL, None, f"RPO missed: {evidence.check} failed; {evidence.command}"
    age = found.numbers.get(evidence.age) if evidence.age else 0.0
    if found.outcome is Outcome.UNKNOWN or age is None:
        return Outcome.UNKNOWN, None, f"RPO not known: {evidence.check} could not tell; {evidence.command}"
    measured = round(age + max((now - answer.answered_at).total_seconds(), 0.0), 1)
    met = measured <= objective.rpo_seconds
    said = f"RPO {seconds(measured)}, target {seconds(objective.rpo_seconds)}"
    return (Outcome.PASS, measured, said) if met else (Outcome.FAIL, measured, f"{said}: missed; {evidence.command}")


def _recovery_time(objective: ObjectiveSettings) -> tuple[Outcome, str]:
    if objective.rto_seconds is None:
        return Outcome.PASS, ""
    if objective.timed_seconds is None:
        how = f'time it on a game day: timed_seconds of the [[objective]] "{objective.tier}"'
        return Outcome.UNKNOWN, f"RTO not known: never timed; {how}"
    said = f"RTO {seconds(objective.timed_seconds)}, target {seconds(objective.rto_seconds)}"
    if objective.timed_seconds <= objective.rto_seconds:
        return Outcome.PASS, said
    return Outcome.FAIL, f"{said}: missed"
