"""The sweep: every referenced print file, opened in the isolated worker unless the ledger knows its version."""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.checks import CheckResult, Outcome, scope_of, within
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.findings import Finding, Severity, worst_first
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.pdf.ledger import Ledger
from printflow_reliability.pdf.verify import BATCH, PdfVerification, PdfVerifier
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.catalog import (
    NAME_THE_BUCKET,
    Catalog,
    Reference,
    open_catalog,
    unknown_place,
)
from printflow_reliability.platform.catalog_entry import CatalogEntry
from printflow_reliability.platform.tenancy import tenancy, tenant_named
from printflow_reliability.progress import Advance
from printflow_reliability.records import passes
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings

CHECK = "pdf.integrity"
KIND = "print-ready"
SEVERITY = {
    Verdict.REPAIRABLE: Severity.WARNING,
    Verdict.UNKNOWN: Severity.WARNING,
    Verdict.UNPRINTABLE: Severity.ERROR,
    Verdict.UNUSABLE: Severity.CRITICAL,
}
ACTION = {
    Verdict.UNKNOWN: "printflow pdf sweep, when this machine is less busy",
    Verdict.REPAIRABLE: "look at a proof before it is printed, or generate the file again",
    Verdict.UNPRINTABLE: "generate the file again from its design, print-ready",
    Verdict.UNUSABLE: "restore a prior version of the object, or generate the file again from its design",
}


@dataclass(frozen=True)
class SweepReport:
    """What one sweep found; `findings` are complete, since a healthy platform has few of them.

    Attributes:
        refused: files that the store did not give; each is a finding of the kind unknown.
        isolation: by name, what the process that opens the files could give up; empty if no file was opened.
    """

    checks: tuple[CheckResult, ...]
    checked: int
    unchanged: int
    missing: int
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]
    seconds: float
    refused: int = 0
    isolation: Mapping[str, bool] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every file is good."""
        return self.checks[0].outcome is Outcome.PASS

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """The sweep in numbers, by constant names."""
        return {
            "checked_files": self.checked,
            "unchanged_files": self.unchanged,
            "inspected_files": self.checked - self.unchanged,
            **{f"{verdict}_files": count for verdict, count in self.counts.items()},
            "seconds": round(self.seconds, 3),
        }

    def as_json(self) -> dict[str, Any]:
        """As `pdf sweep` prints it."""
        return {
            "ok": self.ok,
            "detail": self.checks[0].detail,
            "checked": self.checked,
            "unchanged": self.unchanged,
            "missing": self.missing,
            "refused": self.refused,
            "isolation": dict(self.isolation),
            "counts": dict(self.counts),
            "findings": [finding.as_json() for finding in self.findings],
            "seconds": round(self.seconds, 3),
        }


@operation("sweep of print files")
def sweep(
    settings: Settings,
    *,
    tenants: Sequence[str] | None = None,
    everything: bool = False,
    advance: Advance | None = None,
) -> SweepReport:
    """Judge every object that a reference of the kind print-ready names.

    Args:
        settings: the whole file.
        tenants: only these tenants' references, by id; None for all.
        everything: fetch also what the ledger knows.
        advance: hears how many files were judged.

    Raises:
        ConfigError: a query is refused, or a tenant is unknown.
    """
    began, started_at = time.monotonic(), datetime.now(UTC)
    tally = _Tally()
    away: list[str] = []
    isolation: Mapping[str, bool] = {}
    try:
        catalog = open_catalog(settings)
        only = None if tenants is None else frozenset(tenants)
        platform = tenancy(settings)
        for name in tenants or ():
            tenant_named(platform, name)
        entries = {entry.index: entry for entry in catalog.entries if entry.settings.kind == KIND}
        with open_records(settings.records) as records, InspectionWorker(settings.pdf) as worker:
            for bucket in catalog.buckets:
                try:
                    ledger = Ledger(records, bucket, worker.rules.fingerprint)
                    verifier = PdfVerifier(settings.bucket_named(bucket), ledger, worker)
                    for owners in _batches(catalog, bucket, entries, only):
                        for judged in verifier.verify(list(owners), everything=everything):
                            tally.add(judged, owners[judged.key], entries)
                            if advance:
                                advance(tally.checked)
                except CouldNotTell as unknown:
                    away.append(unknown.what)
            for reference in catalog.elsewhere(tenants):
                if _wanted(reference, entries, only):
                    tally.add_elsewhere(reference, entries)
            for entry in (entry for entry in catalog.entries if entry.index in entries):
                for tenant, why in catalog.failing.of(entry.place).items():
                    if only is None or tenant in only:
                        tally.add_failing(entry, tenant, why)
            isolation = worker.isolation
            if tenants is None and not away:
                passes.store(
                    records,
                    "sweep",
                    tenant=None,
                    started_at=started_at,
                    finished_at=datetime.now(UTC),
                    counts=tally.counts,
                    findings=tally.findings,
                )
    except CouldNotTell as unknown:
        away.append(unknown.what)
    report = tally.report("; ".join(dict.fromkeys(away)), time.monotonic() - began, isolation)
    return replace(report, checks=within(scope_of(tenant=tenants), report.checks))


def finding_of(judged: PdfVerification, reference: Reference, name: str) -> Finding | None:
    """What was seen of an object means this for the thing that refers to it; None for a good file."""
    if judged.refused:
        verdict, reason = Verdict.UNKNOWN, f"could not be judged: {judged.refused}"
        action = "look at the object's encryption and permissions: the product's key must be able to read it"
    elif judged.inspection is None or judged.inspection.verdict is Verdict.GOOD:
        return None
    else:
        verdict = judged.inspection.verdict
        reason, action = f"is {verdict}: {judged.inspection.reason}", ACTION[verdict]
    version = judged.head.version_id if judged.head else None
    return _finding(verdict, reference, name, reason, action, version)


def _finding(
    verdict: Verdict, reference: Reference, name: str, reason: str, action: str, version: str | None = None
) -> Finding:
    return Finding(
        kind=verdict,
        severity=SEVERITY[verdict],
        tenant=reference.tenant,
        bucket=reference.bucket,
        key=reference.key,
        version_id=version,
        reference=name,
        owner=reference.owner,
        detail=f"the print file {reason}",
        action=action,
    )


class _Tally:
    """What a sweep has found so far."""

    def __init__(self) -> None:
        self.checked = self.unchanged = self.missing = self.refused = 0
        self.counts: Counter[str] = Counter(dict.fromkeys(Verdict, 0))
        self.findings: list[Finding] = []

    def add_failing(self, entry: CatalogEntry, tenant: str | None, why: str) -> None:
        """Count the rows of a tenant that a query fails on: which files they name is not known."""
        self.counts[Verdict.UNKNOWN] += 1
        self.findings.append(
            Finding(
                kind=Verdict.UNKNOWN,
                severity=SEVERITY[Verdict.UNKNOWN],
                tenant=tenant,
                reference=entry.settings.name,
                owner=f'reference "{entry.settings.name}"',
                detail=f"it fails on rows of {f'tenant {tenant}' if tenant else 'no tenant'}: {why}",
                action="correct these rows, or the query in printflow.toml",
            )
        )

    def add(self, judged: PdfVerification, owners: Sequence[Reference], entries: Mapping[int, CatalogEntry]) -> None:
        """Count one object; each of its references is a finding of its own."""
        if judged.refused:
            self.refused += 1
            self.counts[Verdict.UNKNOWN] += 1
        elif judged.inspection is None:
            self.missing += 1  # reconciliation's business: it knows whether it can be restored
            return
        else:
            self.checked += 1
            self.unchanged += not judged.fetched
            self.counts[judged.inspection.verdict] += 1
        found = (finding_of(judged, owner, entries[owner.entry].settings.name) for owner in owners)
        self.findings += [finding for finding in found if finding is not None]

    def add_elsewhere(self, reference: Reference, entries: Mapping[int, CatalogEntry]) -> None:
        """Count a reference into a bucket that nobody can look into."""
        self.counts[Verdict.UNKNOWN] += 1
        name, reason = entries[reference.entry].settings.name, unknown_place(reference.bucket)
        self.findings.append(
            _finding(Verdict.UNKNOWN, reference, name, f"could not be judged: {reason}", NAME_THE_BUCKET)
        )

    def report(self, away: str, seconds: float, isolation: Mapping[str, bool]) -> SweepReport:
        """The report; `away` says why the sweep did not come to its end."""
        found = worst_first(self.findings)
        numbers = {f"{verdict}_files": count for verdict, count in self.counts.items()}
        outcome, detail = self._answer(away, found)
        return SweepReport(
            (CheckResult(CHECK, outcome, detail, numbers),),
            self.checked,
            self.unchanged,
            self.missing,
            dict(self.counts),
            tuple(found),
            seconds,
            self.refused,
            isolation,
        )

    def _answer(self, away: str, found: Sequence[Finding]) -> tuple[Outcome, str]:
        bad = {verdict: self.counts[verdict] for verdict in reversed(Verdict) if verdict is not Verdict.GOOD}
        said = ", ".join(f"{count} {verdict}" for verdict, count in bad.items() if count)
        files = "1 print file" if self.checked == 1 else f"{self.checked:,} print files"
        if away:
            return Outcome.UNKNOWN, f"{away} ({files} inspected before: {said or 'all good'})"
        if not said:
            return Outcome.PASS, f"{files} good; {self.unchanged:,} unchanged since their last inspection"
        outcome = Outcome.WARN
        if bad[Verdict.UNUSABLE] or bad[Verdict.UNPRINTABLE]:
            outcome = Outcome.FAIL
        elif bad[Verdict.UNKNOWN]:
            outcome = Outcome.UNKNOWN
        return outcome, f"{said} of {files}; {found[0].owner}: {found[0].detail}"


def _wanted(reference: Reference, entries: Mapping[int, CatalogEntry], only: Collection[str] | None) -> bool:
    """Whether a reference names a print file that is to be judged."""
    return reference.entry in entries and not reference.soft_deleted and (only is None or reference.tenant in only)


def _batches(
    catalog: Catalog, bucket: str, entries: Mapping[int, CatalogEntry], only: Collection[str] | None
) -> Iterator[dict[str, list[Reference]]]:
    """The references of the wanted kind by key, some hundred keys at a time; a key that stands for a folder is none."""
    batch: dict[str, list[Reference]] = {}
    with closing(catalog.references(bucket)) as stream:
        for key, group in groupby(stream, key=attrgetter("key")):
            wanted = [reference for reference in group if _wanted(reference, entries, only)]
            if not wanted or key.endswith("/"):
                continue
            batch[key] = wanted
            if len(batch) >= BATCH:
                yield batch
                batch = {}
    if batch:
        yield batch
