"""How a command that asks checks ends: the answers are recorded, told, and decide the exit code."""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol

from printflow_reliability.alerts.results import record_results
from printflow_reliability.checks import CheckResult, exit_code
from printflow_reliability.console import finish
from printflow_reliability.settings import Settings


class CheckReport(Protocol):
    """What a capability found, with its checks' answers."""

    @property
    def checks(self) -> Sequence[CheckResult]: ...

    def as_json(self) -> dict[str, Any]: ...


def conclude(settings: Settings, report: CheckReport, *, as_json: bool, show: Callable[[], None]) -> NoReturn:
    """Record what the checks answered, print the report, and exit with the worst of their outcomes.

    Nobody is paged: the answer is before a person already.
    """
    record_results(settings, report.checks, alert=False)
    finish(report.as_json, as_json=as_json, show=show, code=exit_code(check.outcome for check in report.checks))
