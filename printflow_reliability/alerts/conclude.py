"""What follows from a check's answer: it is remembered, and a failure or an unknown alerts until the check passes."""

import logging
from collections.abc import Iterable

from printflow_reliability.alerts.outbox import Alert, raise_alert, resolve_alert
from printflow_reliability.checks import REGISTER, CheckResult, Outcome
from printflow_reliability.errors import PrintflowError
from printflow_reliability.records.check_results import remember
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings

log = logging.getLogger(__name__)


def conclude(settings: Settings, results: Iterable[CheckResult], *, alert: bool) -> None:
    """Remember these answers as the newest of their checks; with `alert`, raise or resolve one alert a check.

    A failure or an unknown raises `check:<name>`, only a pass resolves it. Without `alert` the answer is already before
    a person, so records that are away cost a warning and not the answer.

    Raises:
        PrintflowError: the records are away and `alert` was wanted.
    """
    answers = tuple(results)
    try:
        with open_records(settings.records) as connection:
            remember(connection, answers)
            for result in answers if alert else ():
                key = f"check:{result.check}"
                if result.outcome is Outcome.PASS:
                    resolve_alert(connection, settings, key)
                elif result.outcome in (Outcome.FAIL, Outcome.UNKNOWN):
                    raise_alert(connection, settings, _alert(key, result))
    except PrintflowError as away:
        if alert:
            raise
        log.warning("the answer could not be kept in the records: %s", away.what)


def _alert(key: str, result: CheckResult) -> Alert:
    verdict = "could not tell" if result.outcome is Outcome.UNKNOWN else "failed"
    return Alert(
        dedup_key=key,
        severity=result.severity,
        title=f"{result.check} {verdict}",
        body=f"{REGISTER[result.check].question}\n{result.detail}",
    )
