"""How a command that asks checks ends: the answers are recorded, told, and decide the exit code."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, Protocol

from printflow_reliability.alerts.results import record_results
from printflow_reliability.checks import CheckResult, Outcome, exit_code
from printflow_reliability.console import finish
from printflow_reliability.settings import Settings


class CheckReport(Protocol):
    """What a capability found, with its checks' answers."""

    @property
    def checks(self) -> Sequence[CheckResult]: ...

    def as_json(self) -> dict[str, Any]: ...


def conclude(
    settings: Settings,
    report: CheckReport,
    *,
    as_json: bool,
    show: Callable[[], None],
    also: Iterable[Outcome] = (),
) -> NoReturn:
    """Record what the checks answered, print the report, and exit with the worst of their outcomes.

    Nobody is paged: the answer is before a person already. `also` are outcomes that no check is about, such as that of
    what could not be done.
    """
    record_results(settings, report.checks, alert=False)
    code = exit_code([*(check.outcome for check in report.checks), *also])
    finish(report.as_json, as_json=as_json, show=show, code=code)
