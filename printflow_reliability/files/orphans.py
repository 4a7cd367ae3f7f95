"""Objects that nothing refers to, as the newest pass over all tenants found them. Nothing is moved or deleted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files import kinds
from printflow_reliability.findings import Finding
from printflow_reliability.records import passes
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted, moment

CHECK = "files.orphans"


@dataclass(frozen=True)
class OrphanReport:
    """The orphans of one pass; `as_of` is when that pass began, None if there is none."""

    checks: tuple[CheckResult, ...]
    findings: Sequence[Finding]
    as_of: datetime | None = None

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """How many there are."""
        return {"orphaned_files": len(self.findings)}

    @property
    def tenants(self) -> Mapping[str | None, int]:
        """How many each tenant has; None stands for what lies under nobody's base path."""
        return Counter(finding.tenant for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """As `files orphans --json` shows it."""
        return {
            "ok": all(result.outcome is Outcome.PASS for result in self.checks),
            "orphans": [finding.as_json() for finding in self.findings],
            "as_of": self.as_of,
            "tenants": [{"tenant": tenant, "orphans": count} for tenant, count in self.tenants.items()],
            "checks": [check.as_json() for check in self.checks],
        }


def known_orphans(settings: Settings) -> OrphanReport:
    """The orphans that the newest complete pass over all tenants found.

    Raises:
        ConfigError: the records are of another version than this program's.
    """
    try:
        with open_records(settings.records) as connection:
            newest = passes.newest(connection, "reconcile")
            every = tuple(passes.findings_of(connection, newest.id, [kinds.ORPHAN, kinds.UNKNOWN])) if newest else ()
    except CouldNotTell as away:
        return OrphanReport((CheckResult(CHECK, Outcome.UNKNOWN, away.what),), ())
    if newest is None:
        detail = "no reconciliation of all tenants went through yet; next: printflow files reconcile"
        return OrphanReport((CheckResult(CHECK, Outcome.UNKNOWN, detail),), ())
    when = moment(newest.started_at)
    found = tuple(finding for finding in every if finding.kind == kinds.ORPHAN)
    left_open = [finding for finding in every if CHECK in kinds.checks_left_open(finding)]
    if not found and left_open:
        why, more = left_open[0], f" and {len(left_open) - 1:,} more" if len(left_open) > 1 else ""
        detail, outcome = f"on {when} not judged: {why.key or why.detail}{more}", Outcome.UNKNOWN
    elif not found:
        detail, outcome = f"on {when} every object was referred to, or too young to tell", Outcome.PASS
    else:
        detail, outcome = f"on {when} nothing referred to {counted(len(found), 'object')}", Outcome.FAIL
    numbers = {"orphan_files": len(found)}
    return OrphanReport((CheckResult(CHECK, outcome, detail, numbers),), found, newest.started_at)
