"""Turns a capability's report into what Dagster keeps: numbers that plot over time, tables to read, check results.

A drill or a check always records its numbers, then fails: the results go out with the materialization, and a failed
blocking check ends the step afterwards. A raised exception would leave no trace of exactly the bad days.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import dagster as dg

from printflow_reliability.alerts.sentry.reports import report_error
from printflow_reliability.check_entry import Check
from printflow_reliability.check_rows import OUTCOME_WORDS, check_rows
from printflow_reliability.checks import CheckResult, Outcome, worst
from printflow_reliability.defects import described
from printflow_reliability.errors import PrintflowError
from printflow_reliability.findings import Finding, Severity, worst_first
from printflow_reliability.personal_data import without_personal_data
from printflow_reliability.register import REGISTER
from printflow_reliability.text import counted, printable

WORST = 10
"""Rows of a table in the UI: as many as are read at once. All of them are in the records."""


DAGSTERS_OWN = (dg.Failure, dg.RetryRequested, dg.DagsterError)


class Defect(Exception):
    """An unexpected error in words that hold nobody's data; Sentry has been told of it."""


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
        dg.AssetCheckSpec(spec_name(check.name), asset=asset, description=describe(check), blocking=blocking)
        for check in map(REGISTER.__getitem__, checks)
    ]


def describe(check: Check) -> str:
    """What a check asks, and what to do when it is red; what could not be told is red too."""
    return f"{check.question} {check.remedy} The description of each result says which, or what did not answer."


@contextmanager
def as_dagster_failure() -> Iterator[None]:
    """Show an error that a person can act on as the run's failure, without a traceback, and never retry it.

    Trying again would repeat a backup or a drill that was refused for a reason; the next schedule does it anyhow. A
    defect is told to Sentry, and fails the run with its traceback and in the program's own words: Dagster would keep
    whatever rows and secrets its message and its causes hold.
    """
    try:
        yield
    except PrintflowError as error:
        next_step = {"next_step": without_personal_data(error.next_step)} if error.next_step else {}
        said = without_personal_data(str(error))
        raise dg.Failure(description=said, metadata=next_step, allow_retries=False) from None
    except DAGSTERS_OWN:
        raise
    except Exception as error:
        report_error(error)
        raise Defect(described(error)).with_traceback(error.__traceback__) from None


def result(
    report: Report,
    *checks: str,
    part: bool = False,
    headline: Mapping[str, Any] | None = None,
    first: Sequence[str] = (),
    tables: Mapping[str, dg.MarkdownMetadataValue] | None = None,
) -> dg.MaterializeResult:
    """A materialization as a person on call reads it: the verdict, what did not pass, the headline, then the rest.

    Args:
        report: what the capability found.
        checks: the registered checks on the asset; one that the report does not answer is unknown.
        part: only a part of what the check covers was looked at, so its silence does not clear an alert.
        headline: what stands right below the verdict.
        first: the names of the numbers that matter most, in order; the others follow, durations last.
        tables: what stands below the numbers.
    """
    answers = {answer.check: answer for answer in report.checks}
    wanted = [answers.get(name) or _no_answer(name) for name in checks]
    return dg.MaterializeResult(
        metadata={
            **verdict(wanted or report.checks),
            **(headline or {}),
            **ordered(report.numbers, first),
            **(tables or {}),
        },
        check_results=[check_result(answer, part=part) for answer in wanted],
    )


def verdict(answers: Sequence[CheckResult]) -> dict[str, Any]:
    """The verdict on these checks in a sentence, and those that did not pass with what to do, worst first."""
    counts = Counter(answer.outcome for answer in answers)
    unwell = [
        f"{count} {words}"
        for outcome, words in ((Outcome.FAIL, "failed"), (Outcome.UNKNOWN, "could not tell"), (Outcome.WARN, "warned"))
        if (count := counts[outcome])
    ]
    word = OUTCOME_WORDS[worst(counts)] if answers else OUTCOME_WORDS[Outcome.PASS]
    sentence = f"{word}: {', '.join(unwell)} of {counted(len(answers), 'check')}" if unwell else word
    rows = check_rows(
        {"name": answer.check, "outcome": answer.outcome, "detail": answer.detail}
        for answer in answers
        if answer.outcome is not Outcome.PASS
    )
    table = document_table(
        [{"outcome": row.word, "check": ", ".join(row.names), "what to do": row.detail} for row in rows],
        ("outcome", "check", "what to do"),
    )
    return {"verdict": sentence, **({"not_passed": dg.MetadataValue.md(table)} if rows else {})}


def ordered(numbers: Mapping[str, int | float], first: Sequence[str]) -> dict[str, int | float]:
    """Numbers by worth: those named first, the other counts and sizes, then durations."""
    rest = [name for name in numbers if name not in first]
    names = [name for name in first if name in numbers]
    names += [name for name in rest if not name.endswith("seconds")] + [
        name for name in rest if name.endswith("seconds")
    ]
    return {name: numbers[name] for name in names}


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


def findings_table(findings: Sequence[Finding], total: int, command: str) -> dg.MarkdownMetadataValue:
    """The worst findings, narrow enough to be read beside Dagster's own columns; `command` lists all of them."""
    rows = [
        {
            "what": f"{finding.severity}: {finding.kind}",
            "where": ", ".join(part for part in (finding.owner, _object(finding)) if part),
            "what to do": f"{finding.detail}. Next: {finding.action}",
        }
        for finding in worst_first(list(findings))[:WORST]
    ]
    return shortened(rows, ("what", "where", "what to do"), total, command)


def shortened(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], total: int, command: str
) -> dg.MarkdownMetadataValue:
    """The first rows as a table, and how many more there are."""
    table = document_table(rows[:WORST], columns)
    more = total - len(rows[:WORST])
    return dg.MetadataValue.md(f"{table}\n\n{more} more: `{command}`" if more > 0 else table)


def _object(finding: Finding) -> str:
    return "" if finding.key is None else f"{finding.bucket}: {finding.key}" if finding.bucket else finding.key


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
