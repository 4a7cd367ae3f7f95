"""The runbook as text: who decides and who is called, which failure it is, the steps, and the review afterwards."""

from collections.abc import Mapping, Sequence

from printflow_reliability.runbook.names import Scenario, Step
from printflow_reliability.settings import Settings

VALIDATION = (
    "every cluster answers, and its newest heartbeat is recent",
    "printflow drill objectives and the recovery's own checks say that nothing is unsound",
    "a person can log in, list orders, open a design and see its print file",
    "no paid order is held without a person knowing of it",
    "a full backup was taken after the recovery, and WAL is archived again",
)


def whole(settings: Settings, every: Mapping[str, Scenario]) -> str:
    """The runbook up to its decision tree, and the names of its scenarios."""
    book, drills = settings.runbook, settings.drills
    lines = [f"# Recovery of {settings.platform.name} ({settings.platform.environment})", ""]
    lines += ["## When to activate it", *_list(book.activation), ""]
    lines += ["## Who", *_list([f"{role}: {who}" for role, who in book.roles.items()]), ""]
    lines += ["## Call, in this order, until somebody answers", *_numbered(book.call_tree), ""]
    lines += ["## Which failure is it? The first question that is answered with yes decides", ""]
    for number, scenario in enumerate(every.values(), 1):
        lines += [f"{number}. {scenario.question}", f"   -> {scenario.title}: printflow runbook {scenario.name}"]
    lines += ["", f"Targets: RTO {drills.rto_target_seconds:g} s, RPO {drills.rpo_target_seconds:g} s."]
    return "\n".join(lines)


def scenario_page(settings: Settings, scenario: Scenario) -> str:
    """One scenario: steps, checklist, review."""
    lines = [f"# {scenario.title}", "", f"If: {scenario.question}", "", "## Steps", ""]
    for number, step in enumerate(scenario.steps, 1):
        lines += _step(number, step)
    by_hand = settings.drills.manual_step
    if by_hand:
        lines += ["## By hand, besides", *_list([f"{step.name}{_timed(step.seconds)}" for step in by_hand]), ""]
    lines += ["## Before anybody is let in", *_list(VALIDATION, "[ ]"), ""]
    drills = settings.drills
    lines += [
        "## Review: actual against target",
        f"RTO: from the alarm to the first person logged in ____ s, target {drills.rto_target_seconds:g} s",
        f"RPO: newest order that is there against the newest placed ____ s, target {drills.rpo_target_seconds:g} s",
        "What took longer than it should have, and what is changed because of it: ____",
    ]
    return "\n".join(lines)


def _step(number: int, step: Step) -> list[str]:
    if step.command is None:
        return [f"{number}. {step.text} (by hand)", ""]
    return [f"{number}. {step.text}", "", f"       {step.command}", ""]


def _list(items: Sequence[str], mark: str = "-") -> list[str]:
    return [f"{mark} {item}" for item in items] or ["(nobody wrote this down yet: [runbook] in printflow.toml)"]


def _numbered(items: Sequence[str]) -> list[str]:
    named = [f"{number}. {item}" for number, item in enumerate(items, 1)]
    return named or ["(nobody wrote this down yet: runbook.call_tree in printflow.toml)"]


def _timed(seconds: float | None) -> str:
    return " (never timed)" if seconds is None else f" ({seconds:g} s)"
