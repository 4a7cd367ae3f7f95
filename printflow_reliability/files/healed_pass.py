"""A pass and what the policy brought back after it, as one report: what is back is missing no more."""

from collections.abc import Sequence
from dataclasses import replace

from printflow_reliability.checks import CheckResult, Outcome, scope_of, within
from printflow_reliability.errors import PrintflowError
from printflow_reliability.files import kinds
from printflow_reliability.files.heal_deleted import heal_deleted
from printflow_reliability.files.heal_report import HealStatus
from printflow_reliability.files.healing_report import HealingReport
from printflow_reliability.files.recheck import MOST, recheck
from printflow_reliability.files.report import ReconcileReport
from printflow_reliability.records import file_heals
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted

MISSING = "files.missing"


def with_healing(
    settings: Settings, report: ReconcileReport, *, tenants: Sequence[str] | None = None
) -> ReconcileReport:
    """Have the policy follow a pass; the report with what it did, its check, and `files.missing` as it is then.

    Args:
        settings: the whole file.
        report: of the pass.
        tenants: that the pass was about; None for all.
    """
    healing = heal_deleted(settings, report, tenants=tenants, apply=True)
    checks = list(report.checks)
    if healing.numbers["healed_files"]:
        missing = next(check for check in checks if check.check == MISSING)
        checks[checks.index(missing)] = _afterwards(settings, report, missing, healing, tenants)
    checks += within(scope_of(tenant=tenants), healing.checks)
    return replace(report, checks=tuple(checks), healing=healing)


def _afterwards(
    settings: Settings,
    report: ReconcileReport,
    missing: CheckResult,
    healing: HealingReport,
    tenants: Sequence[str] | None,
) -> CheckResult:
    """The answer of `files.missing`, once what is back was looked at again and its findings are resolved."""
    back = {(action.bucket, action.key) for action in healing.brought_back if action.deed is HealStatus.HEALED}
    said = f"{counted(len(back), 'missing file')} brought back by itself"
    try:
        with open_records(settings.records) as records:
            numbers = file_heals.findings_of(records, sorted(back))
        for first in range(0, len(numbers), MOST):
            recheck(settings, numbers[first : first + MOST])
        with open_records(settings.records) as records:
            left = file_heals.still_missing(records, kinds.MISSING, tenants)
    except PrintflowError as away:
        return replace(missing, detail=f"{missing.detail}; {said}, and not looked at again: {away.sentence}")
    if left or _unkept(report, tenants) or missing.outcome is not Outcome.FAIL:
        return replace(missing, detail=f"{missing.detail}; {said} since")
    if report.counts[kinds.UNKNOWN]:
        unjudged = f"{report.counts[kinds.UNKNOWN]:,} could not be judged: printflow files show"
        return replace(missing, outcome=Outcome.UNKNOWN, detail=f"{said}, no other is missing; {unjudged}")
    return replace(missing, outcome=Outcome.PASS, detail=f"each reference has its object again: {said}")


def _unkept(report: ReconcileReport, tenants: Sequence[str] | None) -> int:
    """How many missing files a tenant's pass found that are not in the records: rows of nobody, or of others."""
    if tenants is None:
        return 0
    kept = [report.tenants.get(tenant, {}) for tenant in {*tenants}]
    return sum(report.counts[kind] - sum(counts.get(kind, 0) for counts in kept) for kind in kinds.MISSING)
