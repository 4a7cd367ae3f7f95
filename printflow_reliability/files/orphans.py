"""Objects that nothing refers to, as the newest pass over all tenants found them. Nothing is moved or deleted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files import kinds
from printflow_reliability.files.yearly_cost import yearly_cost
from printflow_reliability.findings import Finding
from printflow_reliability.records import passes
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted, moment

CHECK = "files.orphans"


@dataclass(frozen=True)
class OrphanReport:
    """The orphans of one pass.

    Attributes:
        as_of: when that pass began; None if there is none.
        price: of a GB and month; None where it is not known.
    """

    checks: tuple[CheckResult, ...]
    findings: Sequence[Finding]
    as_of: datetime | None = None
    price: float | None = None

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """How many there are, and their bytes; what they cost in a year where the price is known."""
        known = {
            "orphaned_files": len(self.findings),
            "orphaned_bytes": _bytes(self.findings),
            "superseded_files": len(self.superseded),
            "superseded_bytes": _bytes(self.superseded),
        }
        cost = yearly_cost(_bytes(self.findings), self.price)
        return known if cost is None else {**known, "orphans_yearly_cost": cost}

    @property
    def superseded(self) -> Sequence[Finding]:
        """Those that a newer file of the same order and version took the place of."""
        return [finding for finding in self.findings if finding.superseded_by is not None]

    def as_json(self) -> dict[str, Any]:
        """As `files orphans --json` shows it."""
        return {
            "ok": all(result.outcome is Outcome.PASS for result in self.checks),
            "orphans": [finding.as_json() for finding in self.findings],
            "as_of": self.as_of,
            "numbers": dict(self.numbers),
            "tenants": self.by_tenant,
            "checks": [check.as_json() for check in self.checks],
        }

    @property
    def by_tenant(self) -> Sequence[Mapping[str, Any]]:
        """Of each tenant: how many, their bytes and yearly cost, and how many of them were superseded."""
        found: dict[str | None, Counter[str]] = {}
        for finding in self.findings:
            counts = found.setdefault(finding.tenant, Counter(superseded=0, superseded_bytes=0))
            counts.update(orphans=1, bytes=finding.bytes or 0)
            if finding.superseded_by is not None:
                counts.update(superseded=1, superseded_bytes=finding.bytes or 0)
        return [
            {"tenant": tenant, **counts, "yearly_cost": yearly_cost(counts["bytes"], self.price)}
            for tenant, counts in found.items()
        ]


def _bytes(findings: Sequence[Finding]) -> int:
    """Together; a pass of an earlier version of this program kept none."""
    return sum(finding.bytes or 0 for finding in findings)


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
    price = settings.files.storage_price_per_gb_month
    return OrphanReport((CheckResult(CHECK, outcome, detail, numbers),), found, newest.started_at, price)
