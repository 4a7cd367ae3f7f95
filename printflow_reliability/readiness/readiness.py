"""All readiness checks at once: every system asked side by side, each for a limited time."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from printflow_reliability.check_rows import WORST_FIRST
from printflow_reliability.checks import CheckResult, Outcome, worst
from printflow_reliability.errors import PrintflowError
from printflow_reliability.parallel import run_parallel
from printflow_reliability.readiness.canary import bucket_probes
from printflow_reliability.readiness.probe import Probe, Verdict
from printflow_reliability.readiness.questions import Questions
from printflow_reliability.readiness.recorded import records_probe
from printflow_reliability.readiness.standby import standby_probes
from printflow_reliability.readiness.systems import system_probes
from printflow_reliability.ready_checks import READY_CHECKS
from printflow_reliability.settings import Settings

LIMIT_SECONDS = 8.0
"""For one system: a connection has 5 s to open, and a question that takes longer than this is no sign of health."""
CHECKS = tuple(check.name for check in READY_CHECKS)


@dataclass(frozen=True)
class ReadinessReport:
    """What each readiness check answered.

    Attributes:
        checks: their answers.
        seconds: how long each took: that of the slowest of its systems.
        numbers: those of all of them.
    """

    checks: tuple[CheckResult, ...]
    seconds: Mapping[str, float]
    numbers: Mapping[str, int | float]

    @property
    def ready(self) -> bool:
        """Whether everything answered and is well."""
        return all(check.outcome is Outcome.PASS for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The document of `ready --json`."""
        return {
            "ok": self.ready,
            "checks": [
                {
                    "name": check.check,
                    "ok": check.outcome is Outcome.PASS,
                    "outcome": check.outcome,
                    "seconds": self.seconds[check.check],
                    "detail": check.detail,
                }
                for check in self.checks
            ],
        }


def new_questions() -> Questions:
    """What asks; kept by whoever asks again and again, so that what hangs is not asked twice."""
    return Questions(LIMIT_SECONDS)


def probes_of(settings: Settings) -> list[Probe]:
    """Every system that is asked."""
    return [*system_probes(settings), *standby_probes(settings), *bucket_probes(settings), records_probe(settings)]


def check_readiness(
    settings: Settings, questions: Questions | None = None, clock: Callable[[], float] = time.monotonic
) -> ReadinessReport:
    """Ask every system."""
    asking = questions or new_questions()
    found = run_parallel([partial(_asked, asking, probe, clock) for probe in probes_of(settings)])
    checks: list[CheckResult] = []
    took: dict[str, float] = {}
    for check in CHECKS:
        parts = [(verdict, lasted) for verdicts, lasted in found for verdict in verdicts if verdict.check == check]
        checks.append(_answer(check, [verdict for verdict, _ in parts]))
        took[check] = round(max((lasted for _, lasted in parts), default=0.0), 3)
    numbers = {name: value for check in checks for name, value in check.numbers.items()}
    return ReadinessReport(tuple(checks), took, numbers)


def _asked(questions: Questions, probe: Probe, clock: Callable[[], float]) -> tuple[Sequence[Verdict], float]:
    began = clock()
    try:
        verdicts = questions.ask(probe.subject, probe.ask)
    except PrintflowError as away:
        verdicts = [Verdict(check, Outcome.UNKNOWN, away.sentence) for check in probe.checks]
    return verdicts, clock() - began


def _answer(check: str, verdicts: Sequence[Verdict]) -> CheckResult:
    """The worst of them, with the sentences of all that are not well; those that are well only where all are."""
    outcome = worst(verdict.outcome for verdict in verdicts)
    shown = sorted(
        (verdict for verdict in verdicts if verdict.outcome is not Outcome.PASS or outcome is Outcome.PASS),
        key=lambda verdict: WORST_FIRST.index(verdict.outcome),
    )
    numbers: dict[str, int | float] = {}
    for verdict in verdicts:
        for name, value in verdict.numbers.items():
            numbers[name] = max(numbers.get(name, value), value)
    return CheckResult(check, outcome, "; ".join(dict.fromkeys(verdict.sentence for verdict in shown)), numbers)
