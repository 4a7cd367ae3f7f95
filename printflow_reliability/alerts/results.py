"""What follows from a check's answer: it is remembered, and a failure or an unknown alerts until the check passes."""

import logging
from collections.abc import Iterable, Mapping, Sequence

from printflow_reliability.alerts.outbox import Alert, raise_alert, resolve_alert
from printflow_reliability.alerts.wording import body
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import PrintflowError
from printflow_reliability.records.check_results import remember
from printflow_reliability.records.database import open_records
from printflow_reliability.register import REGISTER
from printflow_reliability.settings import Settings

log = logging.getLogger(__name__)
DELIVERY = "alerts.delivery"


def record_results(
    settings: Settings, results: Iterable[CheckResult], *, alert: bool, runs: Mapping[str, str | None] | None = None
) -> None:
    """Remember these answers as the newest of their checks; with `alert`, raise or resolve one alert a check.

    A failure or an unknown raises `check:<name>`, only a pass of the whole resolves it; checks that say the very same
    of one cause raise the alert of the most urgent of them. `runs` has the address of the run of each check, where a
    run evaluated it. Without `alert` the answer is already before a person, so
    records that are away cost a warning and not the answer.

    Raises:
        PrintflowError: the records are away and `alert` was wanted.
    """
    answers = tuple(results)
    try:
        with open_records(settings.records) as connection:
            remember(connection, answers)
            if alert:
                for result in answers:
                    if result.outcome is Outcome.PASS and not result.scope:
                        resolve_alert(connection, settings, _key(result))
                # Delivery tells of its own failures, through the routes that work.
                for alike in causes(answer for answer in answers if answer.check != DELIVERY):
                    raise_alert(connection, settings, _alert(alike, runs or {}))
    except PrintflowError as away:
        if alert:
            raise
        log.warning("the answer could not be kept in the records: %s", away.what)


def causes(answers: Iterable[CheckResult]) -> list[list[CheckResult]]:
    """What must alert, in groups that say the very same: a drill that broke off is one page and not fourteen."""
    grouped: dict[tuple[Outcome, str], list[CheckResult]] = {}
    for answer in answers:
        if answer.outcome in (Outcome.FAIL, Outcome.UNKNOWN):
            grouped.setdefault((answer.outcome, answer.detail), []).append(answer)
    return [sorted(alike, key=_urgency) for alike in grouped.values()]


def alerts_of(answers: Iterable[CheckResult]) -> list[Alert]:
    """The alerts that these answers raise."""
    return [_alert(alike, {}) for alike in causes(answers)]


def cleared_by(answers: Iterable[CheckResult]) -> list[str]:
    """The keys of the alerts that these answers resolve."""
    return [_key(answer) for answer in answers if answer.outcome is Outcome.PASS and not answer.scope]


def _urgency(answer: CheckResult) -> tuple[int, int]:
    return -answer.severity.rank, list(REGISTER).index(answer.check)


def _alert(alike: Sequence[CheckResult], runs: Mapping[str, str | None]) -> Alert:
    """The alert of the most urgent of these checks; it names the others."""
    result, *others = alike
    verdict = "could not tell" if result.outcome is Outcome.UNKNOWN else "failed"
    return Alert(
        dedup_key=_key(result),
        severity=result.severity,
        title=f"{result.check} {verdict}",
        body=body(result, [other.check for other in others], runs.get(result.check)),
    )


def _key(result: CheckResult) -> str:
    return f"check:{result.check}"
