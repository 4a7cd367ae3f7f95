"""Warnings that a platform has on purpose, accepted in printflow.toml with a reason: no longer a warning, always shown.

Failures and what could not be told are never accepted here.
"""

from collections.abc import Sequence
from dataclasses import replace

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.settings import AcknowledgedSettings


def acknowledge(result: CheckResult, accepted: Sequence[AcknowledgedSettings]) -> CheckResult:
    """The answer without its accepted warnings: a pass if none is left, else the line that would accept the next."""
    if result.outcome is not Outcome.WARN or not result.about:
        return result
    reasons = {entry.about: entry.reason for entry in accepted if entry.check == result.check}
    known = [f"{about} ({reasons[about]})" for about in result.about if about in reasons]
    left = [about for about in result.about if about not in reasons]
    detail = result.detail
    if known:
        detail += f". Acknowledged in printflow.toml: {'; '.join(known)}"
    if left:
        detail += f". If that is meant, say so in printflow.toml: {line(result.check, left[0])}"
    return replace(result, outcome=Outcome.WARN if left else Outcome.PASS, detail=detail)


def line(check: str, about: str) -> str:
    """What to write into printflow.toml, on one line."""
    name = about.replace("\\", "\\\\").replace('"', '\\"')
    return f'[[acknowledged]] with check = "{check}", about = "{name}" and a reason'
