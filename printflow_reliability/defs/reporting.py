"""Turns a capability's report into what Dagster keeps: numbers that plot over time, tables to read, check results.

A drill or a check always records its numbers, then fails: the results go out with the materialization, and a failed
blocking check ends the step afterwards. A raised exception would leave no trace of exactly the bad days.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import dagster as dg

from printflow_reliability.checks import REGISTER, CheckResult, Outcome
from printflow_reliability.errors import PrintflowError
from printflow_reliability.findings import Finding, Severity, worst_first
from printflow_reliability.text import printable

SHOWN_FINDINGS = 50
"""Findings that a materialization shows; all of them are in the records."""
COLUMNS = ("severity", "kind", "tenant", "owner", "bucket", "key", "detail", "action")


class Report(Protocol):
    """What every capability's entry point returns."""

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        """Every registered check that it answers."""

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """Its figures, under names that never change and end in their unit."""

    def as_json(self) -> Mapping[str, Any]:
        """The document that the command line prints."""


def spec_name(check: str) -> str:
    """A registered check's name as Dagster spells it, without the dot."""
    return check.replace(".", "__")


def registered_name(spec: str) -> str:
    """The registered check's name behind Dagster's spelling."""
    return spec.replace("__", ".")


def check_specs(asset: str, *checks: str, blocking: bool = False) -> list[dg.AssetCheckSpec]:
    """The specs of registered checks on an asset; `blocking` where what comes after must not go on."""
    return [
        dg.AssetCheckSpec(spec_name(name), asset=asset, description=REGISTER[name].question, blocking=blocking)
        for name in checks
    ]


@contextmanager
def plainly() -> Iterator[None]:
    """Show an error that a person can act on as the run's failure, without a traceback, and never retry it.

    Trying again would repeat a backup or a drill that was refused for a reason; the next schedule does it anyhow.
    """
    try:
        yield
    except PrintflowError as error:
        next_step = {"next_step": error.next_step} if error.next_step else {}
        raise dg.Failure(description=str(error), metadata=next_step, allow_retries=False) from None


def result(
    report: Report,
    *checks: str,
    part: bool = False,
    findings: Sequence[Finding] = (),
    metadata: Mapping[str, Any] | None = None,
) -> dg.MaterializeResult:
    """A materialization with the report's numbers and the results of these checks.

    Args:
        report: what the capability found.
        checks: the registered checks on the asset; one that the report does not answer is unknown.
        part: only a part of what the check covers was looked at, so its silence does not clear an alert.
        findings: what to show as a table, worst first.
        metadata: more for this asset.
    """
    shown: dict[str, Any] = dict(report.numbers)
    if findings:
        shown["findings"] = dg.MetadataValue.md(findings_table(findings))
    answers = {one.check: one for one in report.checks}
    return dg.MaterializeResult(
        metadata={**shown, **(metadata or {})},
        check_results=[check_result(answers.get(name) or _no_answer(name), part=part) for name in checks],
    )


def check_result(answer: CheckResult, *, part: bool = False) -> dg.AssetCheckResult:
    """One answer as Dagster's check result: only a pass passes, and unknown is an error that says so."""
    lenient = answer.outcome is Outcome.WARN or (
        answer.outcome is Outcome.FAIL and REGISTER[answer.check].severity.rank <= Severity.WARNING.rank
    )
    return dg.AssetCheckResult(
        check_name=spec_name(answer.check),
        passed=answer.outcome is Outcome.PASS,
        severity=dg.AssetCheckSeverity.WARN if lenient else dg.AssetCheckSeverity.ERROR,
        description=answer.detail,
        metadata={
            "outcome": str(answer.outcome),
            "scope": "part" if part else "whole",
            **answer.numbers,
        },
    )


def answer_of(evaluation: dg.AssetCheckEvaluation) -> CheckResult | None:
    """The answer behind a recorded check result; None if the check is not of the register."""
    name = registered_name(evaluation.check_name)
    if name not in REGISTER:
        return None
    said = evaluation.metadata.get("outcome")
    outcome = Outcome(str(said.value)) if said else Outcome.PASS if evaluation.passed else Outcome.FAIL
    numbers = {
        key: entry.value
        for key, entry in evaluation.metadata.items()
        if isinstance(entry, dg.IntMetadataValue | dg.FloatMetadataValue) and entry.value is not None
    }
    return CheckResult(name, outcome, evaluation.description or "it failed without saying why", numbers)


def covers_whole(evaluation: dg.AssetCheckEvaluation) -> bool:
    """Whether the recorded check result looked at everything that the check is about."""
    scope = evaluation.metadata.get("scope")
    return scope is None or scope.value != "part"


def findings_table(findings: Sequence[Finding]) -> str:
    """Findings as a markdown table, worst first, and how many more there are."""
    rows = worst_first(list(findings))
    lines = [" | ".join(COLUMNS), " | ".join("---" for _ in COLUMNS)]
    lines += [" | ".join(_cell(one.as_json()[column]) for column in COLUMNS) for one in rows[:SHOWN_FINDINGS]]
    table = "\n".join(f"| {line} |" for line in lines)
    more = len(rows) - SHOWN_FINDINGS
    return f"{table}\n\nand {more} more, in the records" if more > 0 else table


def document_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows of a report's document as a markdown table with these columns."""
    lines = [" | ".join(columns), " | ".join("---" for _ in columns)]
    lines += [" | ".join(_cell(row.get(column)) for column in columns) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(value: object) -> str:
    """A value that cannot break out of its cell: what comes from outside may hold pipes and newlines."""
    return "" if value is None else printable(str(value)).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _no_answer(check: str) -> CheckResult:
    return CheckResult(check, Outcome.UNKNOWN, "the report does not answer this check")
