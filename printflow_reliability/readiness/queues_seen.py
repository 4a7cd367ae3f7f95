"""What the checks of queues and of Redis last found: they look every few minutes, and are not asked again for this."""

from collections.abc import Mapping

from printflow_reliability.checks import Outcome, worst
from printflow_reliability.readiness.probe import Verdict
from printflow_reliability.recency import recent_within
from printflow_reliability.records.check_results import Answer
from printflow_reliability.register import REGISTER
from printflow_reliability.settings import Settings
from printflow_reliability.text import seconds

QUEUES = "ready.queues"
OF_QUEUES = ("queues", "redis")
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "queues": ("queue", "worker"),
    "redis": ("redis",),
    "dump": ("dumps",),
    "config": ("config_backup",),
    "posture": ("posture",),
    "checkout": ("checkout",),
    "files.deletions": ("journal",),
}
"""The checks, or areas of them, that a platform may do without, and the tables of printflow.toml that call for each."""


def is_watched(settings: Settings, check: str) -> bool:
    """Whether the configuration calls for this check: a platform without queues has no answers about them."""
    if not is_due(settings, check):
        return False
    sections = SECTIONS.get(check) or SECTIONS.get(check.partition(".")[0])
    return sections is None or any(bool(getattr(settings, section)) for section in sections)


def is_due(settings: Settings, check: str) -> bool:
    """Whether anything asks this check by itself: a checkout without a schedule is a person's to start."""
    by_hand = settings.checkout is not None and settings.checkout.schedule is None
    return not (by_hand and check.partition(".")[0] == "checkout")


def queues_verdict(settings: Settings, answers: Mapping[tuple[str, str], Answer]) -> Verdict:
    """The verdict on the queues, from the newest answers by check and scope."""
    watched = [check for check in REGISTER if check.partition(".")[0] in OF_QUEUES and is_watched(settings, check)]
    if not watched:
        return Verdict(QUEUES, Outcome.PASS, "no queue is configured")
    outcomes: list[Outcome] = []
    said: list[str] = []
    for check in watched:
        outcome, sentence = _judged(check, answers.get((check, "")))
        outcomes.append(outcome)
        if outcome not in (Outcome.PASS, Outcome.WARN):
            said.append(sentence)
    found = worst(outcomes)
    if found in (Outcome.PASS, Outcome.WARN):
        return Verdict(QUEUES, Outcome.PASS, "the queues were well when they were last looked at")
    return Verdict(QUEUES, found, "; ".join(dict.fromkeys(said)))


def _judged(check: str, answer: Answer | None) -> tuple[Outcome, str]:
    if answer is None:
        return Outcome.UNKNOWN, f"{check} has never answered"
    well = answer.result.outcome in (Outcome.PASS, Outcome.WARN)
    if well and answer.age_seconds > recent_within(check).total_seconds():
        return Outcome.UNKNOWN, f"{check} last answered {seconds(answer.age_seconds)} ago"
    return answer.result.outcome, f"{answer.result.detail} ({seconds(max(answer.age_seconds, 0))} ago)"
