"""What a synthetic checkout found: the answers of its checks, and each step with its time, errors and screenshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from printflow_reliability.checkout.journey import CleanUp, Journey, StepResult
from printflow_reliability.checkout_checks import CLEAN_UP, JOURNEY
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted, printable, seconds

NOT_REACHED = "not reached"


@dataclass(frozen=True)
class StepRow:
    """A step as people read it; `seconds` is None and the outcome "not reached" where it was not begun."""

    step: str
    outcome: str
    seconds: float | None = None
    why: str = ""
    exceptions: tuple[str, ...] = ()
    console_errors: tuple[str, ...] = ()
    screenshot: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As `checkout --json` prints it."""
        return {
            "step": self.step,
            "outcome": self.outcome,
            "seconds": self.seconds,
            "why": self.why,
            "exceptions": list(self.exceptions),
            "console_errors": list(self.console_errors),
            "screenshot": self.screenshot,
        }


@dataclass(frozen=True)
class CheckoutReport:
    """The outcome of one run.

    Attributes:
        checks: the answers of both checks.
        numbers: counts, and seconds.
        steps: every step of the way and of the clean-up.
        tenant: whose shop it was.
        order: the order that was placed; None where none is known.
        browser: the version of the browser; empty if none started.
        notes: what else a person should know.
    """

    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float]
    steps: tuple[StepRow, ...]
    tenant: str
    order: str | None
    browser: str = ""
    notes: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """As `checkout --json` prints it."""
        return {
            "ok": all(check.outcome is Outcome.PASS for check in self.checks),
            "tenant": self.tenant,
            "order": self.order,
            "browser": self.browser,
            "steps": [row.as_json() for row in self.steps],
            "numbers": dict(self.numbers),
            "checks": [check.as_json() for check in self.checks],
            "notes": list(self.notes),
        }


def report_of(
    settings: Settings,
    journey: Journey,
    cleaned: CleanUp,
    *,
    names: Sequence[str],
    tenant: str,
    screenshots: Mapping[str, str],
    took: float,
    browser: str = "",
    notes: Sequence[str] = (),
) -> CheckoutReport:
    """Put a report together; what pages said passes what may leave this machine.

    Args:
        settings: the whole file.
        journey, cleaned: what happened.
        names: every step of the way, also those that were not reached.
        tenant: whose shop it was.
        screenshots: where the picture of a step is, by its name.
        took: seconds from the beginning.
        browser: its version.
        notes: what else a person should know.
    """
    begun = {result.name for result in journey.steps}
    rows = [_row(settings, result, screenshots) for result in journey.steps]
    rows += [StepRow(name, NOT_REACHED) for name in names if name not in begun]
    rows += [_row(settings, result, screenshots) for result in cleaned.steps]
    numbers: dict[str, int | float] = {
        "steps": len(names),
        "passed_steps": sum(result.outcome is Outcome.PASS for result in journey.steps),
        "exceptions": sum(len(row.exceptions) for row in rows),
        "console_errors": sum(len(row.console_errors) for row in rows),
        "cancelled_orders": len(cleaned.cancelled),
        **journey.numbers,
        "seconds": round(took, 3),
    }
    checks = (
        _journey_check(settings, journey, rows, numbers),
        CheckResult(CLEAN_UP, cleaned.outcome, _said(settings, cleaned.why), numbers),
    )
    order = journey.order.order if journey.order is not None else None
    said = tuple(_said(settings, note) for note in notes)
    return CheckoutReport(checks, numbers, tuple(rows), tenant, order, browser, said)


def _journey_check(
    settings: Settings, journey: Journey, rows: Sequence[StepRow], numbers: Mapping[str, int | float]
) -> CheckResult:
    if journey.outcome is not Outcome.PASS:
        return CheckResult(JOURNEY, journey.outcome, _said(settings, journey.why), numbers)
    order = journey.order.order if journey.order is not None else "?"
    took = seconds(float(numbers.get("artwork_seconds", 0)))
    done = f"order {order} was placed, paid in test mode and downloaded; its print file came {took} after the payment"
    if thrown := next((row for row in rows if row.exceptions), None):
        count = counted(int(numbers["exceptions"]), "error")
        why = f'{done}, but JavaScript threw {count}, the first in step "{thrown.step}": {thrown.exceptions[0]}'
        return CheckResult(JOURNEY, Outcome.WARN, why, numbers)
    return CheckResult(JOURNEY, Outcome.PASS, done, numbers)


def _row(settings: Settings, result: StepResult, screenshots: Mapping[str, str]) -> StepRow:
    outcome = str(result.outcome) if result.outcome is not None else NOT_REACHED
    if (carried := result.carried) is None:
        return StepRow(result.name, outcome, None, _said(settings, result.why))
    return StepRow(
        result.name,
        outcome,
        round(carried.seconds, 3),
        _said(settings, result.why),
        tuple(_said(settings, text) for text in carried.exceptions),
        tuple(_said(settings, text) for text in carried.console_errors),
        screenshots.get(result.name),
    )


def _said(settings: Settings, text: str) -> str:
    return printable(settings.redact(text))
