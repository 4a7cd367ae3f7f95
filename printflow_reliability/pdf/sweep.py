"""The sweep: every referenced print file, opened in the isolated worker unless the ledger knows its version."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.console import Advance
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.findings import Finding, Severity, worst_first
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.pdf.judge import BATCH, Judge, Judged
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.catalog import Catalog, Entry, Reference, open_catalog
from printflow_reliability.platform.tenancy import tenant_named
from printflow_reliability.platform.tenancy import tenants as all_tenants
from printflow_reliability.records import passes
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings

CHECK = "pdf.integrity"
KIND = "print-ready"
SEVERITY = {
    Verdict.REPAIRABLE: Severity.WARNING,
    Verdict.UNPRINTABLE: Severity.ERROR,
    Verdict.UNUSABLE: Severity.CRITICAL,
}
ACTION = {
    Verdict.REPAIRABLE: "look at a proof before it is printed, or generate the file again",
    Verdict.UNPRINTABLE: "generate the file again from its design, print-ready",
    Verdict.UNUSABLE: "restore a prior version of the object, or generate the file again from its design",
}


@dataclass(frozen=True)
class SweepReport:
    """What one sweep found; `findings` are complete, since a healthy platform has few of them."""

    checks: tuple[CheckResult, ...]
    checked: int
    unchanged: int
    missing: int
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]
    seconds: float

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
            "counts": dict(self.counts),
            "findings": [one.as_json() for one in self.findings],
            "seconds": round(self.seconds, 3),
        }


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
    away = ""
    try:
        catalog = open_catalog(settings)
        known = all_tenants(settings)
        chosen = None if tenants is None else tuple(tenant_named(known, name) for name in dict.fromkeys(tenants))
        entries = {entry.index: entry for entry in catalog.entries if entry.settings.kind == KIND}
        only = None if chosen is None else {tenant.id for tenant in chosen}
        with open_records(settings.records) as records, InspectionWorker(settings.pdf) as worker:
            for bucket in catalog.buckets:
                judge = Judge(settings.bucket_named(bucket), records, worker)
                for owners in _batches(catalog, bucket, entries, only):
                    for judged in judge.judge(list(owners), everything=everything):
                        tally.add(judged, owners[judged.key], entries)
                        if advance:
                            advance(tally.checked)
            if tenants is None:
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
        away = unknown.what
    return tally.report(away, time.monotonic() - began)


def finding_of(judged: Judged, reference: Reference, name: str) -> Finding | None:
    """What an inspection means for the thing that refers to the object; None for a good file."""
    inspection = judged.inspection
    if inspection is None or inspection.verdict is Verdict.GOOD:
        return None
    return Finding(
        kind=inspection.verdict,
        severity=SEVERITY[inspection.verdict],
        tenant=reference.tenant,
        bucket=reference.bucket,
        key=judged.key,
        version_id=judged.head.version_id if judged.head else None,
        reference=name,
        owner=reference.owner,
        detail=f"the print file is {inspection.verdict}: {inspection.reason}",
        action=ACTION[inspection.verdict],
    )


class _Tally:
    """What a sweep has found so far."""

    def __init__(self) -> None:
        self.checked = self.unchanged = self.missing = 0
        self.counts: Counter[str] = Counter(dict.fromkeys(Verdict, 0))
        self.findings: list[Finding] = []

    def add(self, judged: Judged, owners: Sequence[Reference], entries: Mapping[int, Entry]) -> None:
        """Count one object; each of its references is a finding of its own."""
        if judged.inspection is None:
            self.missing += 1  # reconciliation's business: it knows whether it can be restored
            return
        self.checked += 1
        self.unchanged += not judged.fetched
        self.counts[judged.inspection.verdict] += 1
        found = (finding_of(judged, one, entries[one.entry].settings.name) for one in owners)
        self.findings += [one for one in found if one is not None]

    def report(self, away: str, seconds: float) -> SweepReport:
        """The report; `away` says why the sweep did not come to its end."""
        bad = {verdict: self.counts[verdict] for verdict in reversed(Verdict) if verdict is not Verdict.GOOD}
        said = ", ".join(f"{count} {verdict}" for verdict, count in bad.items() if count)
        found = worst_first(self.findings)
        if away:
            before = f" ({self.checked} files were checked before: {said or 'all good'})" if self.checked else ""
            outcome, detail = Outcome.UNKNOWN, away + before
        elif not said:
            outcome, detail = Outcome.PASS, f"{self.checked} print files are good, {self.unchanged} of them unchanged"
        else:
            outcome = Outcome.FAIL if bad[Verdict.UNUSABLE] or bad[Verdict.UNPRINTABLE] else Outcome.WARN
            detail = f"{said} of {self.checked} print files; {found[0].owner}: {found[0].detail}"
        numbers = {f"{verdict}_files": count for verdict, count in self.counts.items()}
        return SweepReport(
            (CheckResult(CHECK, outcome, detail, numbers),),
            self.checked,
            self.unchanged,
            self.missing,
            dict(self.counts),
            tuple(found),
            seconds,
        )


def _batches(
    catalog: Catalog, bucket: str, entries: Mapping[int, Entry], only: set[str] | None
) -> Iterator[dict[str, list[Reference]]]:
    """The references of the wanted kind by key, some hundred keys at a time; a key that stands for a folder is none."""
    batch: dict[str, list[Reference]] = {}
    with closing(catalog.references(bucket)) as stream:
        for key, group in groupby(stream, key=attrgetter("key")):
            wanted = [
                one
                for one in group
                if one.entry in entries and not one.soft_deleted and (only is None or one.tenant in only)
            ]
            if not wanted or key.endswith("/"):
                continue
            batch[key] = wanted
            if len(batch) >= BATCH:
                yield batch
                batch = {}
    if batch:
        yield batch
