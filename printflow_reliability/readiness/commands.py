"""`printflow ready`: every readiness check, asked now."""

import typer

from printflow_reliability.check_rows import OUTCOME_WORDS, WORST_FIRST
from printflow_reliability.checks import Outcome, worst
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import JSON_OPTION, invocation, say, table
from printflow_reliability.readiness.readiness import ReadinessReport, check_readiness
from printflow_reliability.text import counted, seconds


def ready_command(ctx: typer.Context, json: bool = JSON_OPTION) -> None:
    """Ask everything that the platform's safety depends on, side by side and each for 8 s at most.

    Clusters, buckets, the records, disks, the pdf-service, the outbox, Dagster, and how old the newest backup and the
    newest proof of a restore are. A system that does not answer in time is not known, and never ready.
    """
    settings = invocation(ctx).settings()
    report = check_readiness(settings)
    conclude(settings, report, as_json=json, show=lambda: _show(report))


def _show(report: ReadinessReport) -> None:
    checks = sorted(report.checks, key=lambda check: WORST_FIRST.index(check.outcome))
    rows = [
        (OUTCOME_WORDS[check.outcome], check.check, seconds(report.seconds[check.check]), check.detail)
        for check in checks
    ]
    table(("", "check", "took", "detail"), rows)
    word = OUTCOME_WORDS[worst(check.outcome for check in checks)]
    passed = sum(check.outcome is Outcome.PASS for check in checks)
    say(f"{word}: {passed} of {counted(len(checks), 'check')} passed")
