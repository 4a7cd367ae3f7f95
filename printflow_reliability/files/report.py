"""What a reconciliation reports: four checks with their sentences, counts by kind and tenant, the worst findings."""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.files import kinds
from printflow_reliability.files.confirm import Confirmation
from printflow_reliability.files.healing_report import HealingReport
from printflow_reliability.files.scan import Candidates
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.register import REGISTER
from printflow_reliability.text import counted, moment, printable

SHOWN = 100
"""How many of the worst findings a report carries; all of them are in the findings file and in the records."""

NOUN: Mapping[str, str] = {
    kinds.MISSING_LOST: "lost",
    kinds.MISSING_RESTORABLE: "missing but restorable",
    kinds.IN_QUARANTINE: "in quarantine",
    kinds.NEAR_MISS: "under a key that is spelled differently",
    kinds.WRONG_TENANT: "outside the tenant's own base path",
    kinds.SIZE_MISMATCH: "of another size",
    kinds.CHECKSUM_MISMATCH: "with another checksum",
    kinds.ORPHAN: "that nothing refers to",
    kinds.UNKNOWN: "that could not be judged",
}


@dataclass(frozen=True)
class ReconcileReport:
    """One pass. Where a bucket could not be read to the end, its checks are unknown and `findings_file` is None.

    Attributes:
        tenants: counts by kind for each tenant that has findings.
        worst: the worst findings, worst first; the others are in the findings file and the records.
        warnings: what else a person should know.
        incomplete: why the pass did not go through to its end; empty if it did.
        overwritten: of a pass as of a moment, the objects that are others now than they were then.
        states: how many findings appeared, continue, are acknowledged and were resolved; empty if that is not kept.
        healing: what was brought back by itself after it; None where nothing was to be.
        all_findings: the address of all findings in the bucket of reports, as JSON Lines.
        all_findings_parquet: the folder there that has them as Parquet.
    """

    checks: tuple[CheckResult, ...]
    references: int
    objects: int
    counts: Mapping[str, int]
    tenants: Mapping[str, Mapping[str, int]]
    orphan_bytes: int
    worst: Sequence[Finding]
    seconds: float
    findings_file: Path | None = None
    pass_id: int | None = None
    warnings: Sequence[str] = ()
    incomplete: Sequence[str] = ()
    overwritten: Sequence[Finding] = ()
    states: Mapping[str, int] = field(default_factory=dict)
    all_findings: str | None = None
    healing: HealingReport | None = None
    all_findings_parquet: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(result.outcome is Outcome.PASS for result in self.checks)

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """The pass in numbers, by constant names."""
        return {
            "references": self.references,
            "objects": self.objects,
            "missing_files": sum(self.counts[kind] for kind in kinds.WITHOUT_OBJECT),
            "restorable_files": self.counts[kinds.MISSING_RESTORABLE],
            "lost_files": self.counts[kinds.MISSING_LOST],
            "quarantined_files": self.counts[kinds.IN_QUARANTINE],
            "near_miss_files": self.counts[kinds.NEAR_MISS],
            "wrong_tenant_files": self.counts[kinds.WRONG_TENANT],
            "mismatched_files": self.counts[kinds.SIZE_MISMATCH] + self.counts[kinds.CHECKSUM_MISMATCH],
            "orphaned_files": self.counts[kinds.ORPHAN],
            "orphaned_bytes": self.orphan_bytes,
            "seconds": self.seconds,
            **{f"{state}_findings": count for state, count in self.states.items()},
            **(self.healing.numbers if self.healing else {}),
        }

    def as_json(self) -> dict[str, Any]:
        """As `files reconcile --json` shows it."""
        return {
            "ok": self.ok,
            "references": self.references,
            "objects": self.objects,
            "counts": dict(self.counts),
            "tenants": [{"tenant": tenant, "counts": dict(counts)} for tenant, counts in self.tenants.items()],
            "seconds": round(self.seconds, 3),
            "orphan_bytes": self.orphan_bytes,
            "checks": [check.as_json() for check in self.checks],
            "findings": [finding.as_json() for finding in self.worst],
            "findings_file": self.findings_file,
            "pass": self.pass_id,
            "states": dict(self.states),
            "all_findings": self.all_findings,
            "healing": self.healing.as_json() if self.healing else None,
            "all_findings_parquet": self.all_findings_parquet,
            "warnings": list(self.warnings),
        }


@dataclass
class Tally:
    """Counts findings as they come, and remembers the worst."""

    references: int = 0
    objects: int = 0
    without_ledger: int = 0
    not_compared: int = 0
    overwritten: list[Finding] = field(default_factory=list)
    inventories: dict[str, datetime] = field(default_factory=dict)
    orphan_bytes: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    tenants: dict[str, Counter[str]] = field(default_factory=dict)
    urgent: dict[str, Severity] = field(default_factory=dict)
    left_open: dict[str, list[str]] = field(default_factory=dict)
    _worst: list[tuple[int, int, Finding]] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Count one finding."""
        self.counts[finding.kind] += 1
        if finding.tenant is not None:
            self.tenants.setdefault(finding.tenant, Counter())[finding.kind] += 1
        for check in kinds.checks_left_open(finding):
            said = finding.detail if finding.key is None else f"{printable(finding.key)} ({finding.detail})"
            self.left_open.setdefault(check, []).append(said)
        so_far = self.urgent.get(finding.kind, Severity.INFO)
        self.urgent[finding.kind] = max(so_far, finding.severity, key=lambda severity: severity.rank)
        # Of two that are as urgent, what is lost comes before what can be brought back.
        urgency = finding.severity.rank * 100 - kinds.KINDS.index(finding.kind)
        entry = (urgency, -sum(self.counts.values()), finding)
        (heapq.heappush if len(self._worst) < SHOWN else heapq.heappushpop)(self._worst, entry)

    def count(self, found: Candidates, second: Confirmation) -> None:
        """Count what both looks at a bucket have seen."""
        self.references += found.references
        self.objects += found.objects
        self.without_ledger += found.without_ledger
        self.not_compared += found.not_compared + second.not_compared
        self.orphan_bytes += second.orphan_bytes

    def worst(self) -> tuple[Finding, ...]:
        """The worst findings, worst first, otherwise as they came."""
        return tuple(finding for _, _, finding in sorted(self._worst, key=lambda entry: entry[:2], reverse=True))

    def by_inventory(self) -> list[str]:
        """What a person should know of buckets that were read from an inventory."""
        return [
            f'bucket "{bucket}" is as its inventory of {moment(as_of)} says; what was deleted since is not seen yet'
            for bucket, as_of in self.inventories.items()
        ]

    def checks(self, unknown: Sequence[str], orphans_known: bool = True) -> tuple[CheckResult, ...]:
        """The answers: a failure that is certain, then what could not be told, then all is well."""
        return tuple(self._check(name, list(unknown), orphans_known) for name in kinds.KINDS_OF_CHECK)

    def _check(self, name: str, unknown: list[str], orphans_known: bool) -> CheckResult:
        found = {kind: self.counts[kind] for kind in kinds.KINDS_OF_CHECK[name]}
        numbers = {f"{kind}_files": count for kind, count in found.items()}
        urgent = max((self.urgent.get(kind, Severity.INFO).rank for kind, count in found.items() if count), default=0)
        said = ", ".join(f"{count:,} {NOUN[kind]}" for kind, count in found.items() if count)
        if name == "files.content" and self.without_ledger:
            unknown.append(f"{counted(self.without_ledger, 'checksum')} not compared: the records are away")
        if left_open := self.left_open.get(name):
            more = f" and {len(left_open) - 1:,} more" if len(left_open) > 1 else ""
            unknown.append(f"not judged: {left_open[0]}{more}")
        if name == "files.orphans" and not orphans_known:
            unknown.append("only references were looked at")
        if name == "files.orphans" and said:
            failed = f"{counted(self.counts[kinds.ORPHAN], 'object')} {NOUN[kinds.ORPHAN]}"
            return CheckResult(name, Outcome.FAIL, "; ".join((failed, *self.left_open.get(name, ())[:1])), numbers)
        of_all = f"of {counted(self.references, 'reference')}: {said}"
        if urgent >= REGISTER[name].severity.rank or urgent >= Severity.ERROR.rank:
            return CheckResult(name, Outcome.FAIL, "; ".join((of_all, *unknown)), numbers)
        if unknown:
            return CheckResult(name, Outcome.UNKNOWN, "; ".join(unknown), numbers)
        if urgent:
            return CheckResult(name, Outcome.WARN, of_all, numbers)
        well = "; ".join((_all_well(name, self.references, self.objects, said), *self.by_inventory()))
        if name == "files.content" and self.not_compared:
            well += f"; {counted(self.not_compared, 'checksum')} not compared (multipart, encrypted or never inspected)"
        return CheckResult(name, Outcome.PASS, well, numbers)


def _all_well(name: str, references: int, objects: int, information: str) -> str:
    after = f" ({information}, soft-deleted or acknowledged)" if information else ""
    every = "the only reference" if references == 1 else f"each of {references:,} references"
    each = "the only object" if objects == 1 else f"each of {objects:,} objects"
    return {
        "files.missing": f"{every} has its object{after}",
        "files.tenancy": f"{every} lies under its own tenant's base path",
        "files.content": f"every object is what the database knows of it{after}",
        "files.orphans": f"{each} is referred to, or too young to tell",
    }[name]
