"""What can be moved aside: the orphans of a reconciliation made now, less all that something might still need.

Nothing is planned where the catalog may be incomplete: a column that no query covers, a query that fell or fails, a
tenant or a bucket that looks misconfigured. Their files look like orphans.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.files import kinds
from printflow_reliability.files.catalog_check import check_catalog
from printflow_reliability.files.plausible import FEW_REFERENCES
from printflow_reliability.files.protection.lifecycle import longest_retention
from printflow_reliability.files.quarantine.oldest_backup import OldestBackup, oldest_backup
from printflow_reliability.files.quarantine.place import place_of, require_one_name, require_versions
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.platform.catalog import open_catalog
from printflow_reliability.platform.tenancy import tenancy, tenant_named
from printflow_reliability.progress import Advance
from printflow_reliability.records import passes, reference_rows
from printflow_reliability.records.database import open_records
from printflow_reliability.records.erasures import Erasures
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted, printable, storable

MOST = 1000
"""Objects that one run moves, unless it is told another number."""
FURTHER = 10_000
"""Orphans that are kept in mind beyond these, in place of those that turn out not to be movable."""
GO_ON = "nothing was moved; fix that, then run the command again"


class Reason(StrEnum):
    """Why an object is moved."""

    SUPERSEDED = "superseded by a newer file"
    UNREFERENCED = "nothing refers to it"


class Left(StrEnum):
    """Why an orphan is left where it is."""

    YOUNG = "younger than the oldest backup"
    NOBODYS = "under no tenant's base path"
    ERASED = "erased on purpose"
    UNRECORDABLE = "its key cannot be recorded"
    LATER = "left for the next run"


@dataclass(frozen=True)
class Orphan:
    """One object that nothing refers to; `bytes` and `written_at` as the listing has them."""

    bucket: str
    key: str
    tenant: str
    bytes: int
    written_at: datetime
    superseded_by: str | None = None

    @property
    def reason(self) -> Reason:
        """Why it is moved."""
        return Reason.SUPERSEDED if self.superseded_by else Reason.UNREFERENCED

    @property
    def said(self) -> str:
        """The reason with the file that took its place."""
        return f"superseded by {self.superseded_by}" if self.superseded_by else str(self.reason)


@dataclass(frozen=True)
class Request:
    """What a person asks for.

    Attributes:
        person: who.
        tenants: whose orphans, by id; None for everybody's.
        most: how many objects are moved.
        per_second: how many are begun in a second.
        oldest_backup: tells the oldest backup that a database could be restored from.
    """

    person: str
    tenants: Sequence[str] | None = None
    most: int = MOST
    per_second: float = 50.0
    oldest_backup: Callable[[Settings], OldestBackup | None] = oldest_backup


@dataclass
class Plan:
    """What would be moved.

    Attributes:
        orphans: those to be moved, in the order of the listing.
        further: those that come next, moved where some of these cannot be.
        files, bytes: of `orphans`, by tenant and reason.
        left, left_bytes: of those that stay where they are, by why.
        oldest: the backup that nothing may be younger than; None if there is none.
    """

    orphans: list[Orphan] = field(default_factory=list)
    further: list[Orphan] = field(default_factory=list)
    files: Counter[tuple[str, Reason]] = field(default_factory=Counter)
    bytes: Counter[tuple[str, Reason]] = field(default_factory=Counter)
    left: Counter[Left] = field(default_factory=Counter)
    left_bytes: Counter[Left] = field(default_factory=Counter)
    oldest: OldestBackup | None = None

    def leave(self, why: Left, size: int) -> None:
        """Count one that stays."""
        self.left[why] += 1
        self.left_bytes[why] += size

    def tried_further(self, number: int) -> None:
        """So many of those that come next are left no more."""
        if number:
            self.left[Left.LATER] -= number
            self.left_bytes[Left.LATER] -= sum(orphan.bytes for orphan in self.further[:number])

    def take(self, orphan: Orphan) -> None:
        """Add one that is moved."""
        self.orphans.append(orphan)
        self.files[orphan.tenant, orphan.reason] += 1
        self.bytes[orphan.tenant, orphan.reason] += orphan.bytes


def make_plan(settings: Settings, request: Request, erased: Erasures, advance: Advance | None = None) -> Plan:
    """Find what can be moved.

    Raises:
        ConfigError: there is no place for it, or the place is among the platform's files; or no such tenant.
        Refused: the catalog does not cover a column, a query or a tenant fell, or so many orphans are a mistake.
        CouldNotTell: a database, a bucket or a repository does not answer.
    """
    place = place_of(settings)
    catalog, platform = open_catalog(settings), tenancy(settings)
    for name in request.tenants or ():
        tenant_named(platform, name)
    place.require_apart(platform.tenants, catalog.buckets)
    by_row = any("bucket" in entry.columns for entry in catalog.entries)
    require_one_name(settings, catalog.buckets, [bucket.name for bucket in settings.bucket] if by_row else ())
    place.require_private()
    place.require_lasting(longest_retention(settings))
    require_versions(settings.bucket_named(name) for name in catalog.buckets)
    require_covered(settings)
    require_earlier_pass(settings)
    plan = Plan(oldest=request.oldest_backup(settings))
    with tempfile.TemporaryDirectory(prefix="printflow-quarantine-") as directory:
        file = Path(directory) / "findings.jsonl"
        # Always of everybody: a row of another tenant may name these files, and a query fall for that one alone.
        report = reconcile(settings, findings_file=file, advance=advance)
        if report.incomplete:
            raise CouldNotTell(f"which objects are orphans is not known: {report.incomplete[0]}", GO_ON)
        require_compared(report.warnings)
        require_whole(_read(file), [bucket.name for bucket in settings.bucket])
        require_few(settings, report.counts[kinds.ORPHAN], report.objects)
        sort_out(plan, _read(file), erased, request.most, request.tenants)
    return plan


def sort_out(
    plan: Plan, found: Iterator[dict[str, Any]], erased: Erasures, most: int, tenants: Collection[str] | None = None
) -> None:
    """Put each orphan, of these tenants only, among what is moved, or what stays."""
    for finding in found:
        if finding["kind"] != kinds.ORPHAN or (tenants is not None and finding["tenant"] not in tenants):
            continue
        written_at, size = datetime.fromisoformat(finding["written_at"]), finding["bytes"]
        bucket, key, tenant = finding["bucket"], finding["key"], finding["tenant"]
        if tenant is None:
            plan.leave(Left.NOBODYS, size)
        elif plan.oldest is not None and written_at >= plan.oldest.begun_at:
            plan.leave(Left.YOUNG, size)
        elif erased.of(bucket, key):
            plan.leave(Left.ERASED, size)  # a copy of what is to be gone would be one more
        elif storable(key) != key:
            plan.leave(Left.UNRECORDABLE, size)
        else:
            orphan = Orphan(bucket, key, tenant, size, written_at, finding["superseded_by"])
            if len(plan.orphans) < most:
                plan.take(orphan)
                continue
            plan.leave(Left.LATER, size)
            if len(plan.further) < FURTHER:
                plan.further.append(orphan)


def require_covered(settings: Settings) -> None:
    """Raises:
    Refused: a column names objects that no query returns.
    CouldNotTell: a column, a database or a bucket could not be looked into.
    """
    report = check_catalog(settings)
    if report.uncovered:
        first, more = report.uncovered[0], len(report.uncovered) - 1
        others = f", and {counted(more, 'other column')}" if more else ""
        raise Refused(
            f"no reference query returns what {first.database}.{first.table}.{first.column} names{others}: "
            "its files look like orphans",
            "printflow files catalog",
        )
    if report.unread:
        unread = report.unread[0]
        where = ".".join(filter(None, (unread.database, unread.table, unread.column))) or f"bucket {unread.bucket}"
        raise CouldNotTell(f"{where} could not be looked into: {unread.reason}", "printflow files catalog")


def require_earlier_pass(settings: Settings) -> None:
    """Raises:
    Refused: no pass over everything is known, so that no query could be seen to have fallen.
    CouldNotTell: the records do not answer.
    """
    with open_records(settings.records) as records:
        if passes.newest(records, "reconcile") is None or not reference_rows.known(records):
            raise Refused(
                "there was no complete reconciliation yet, so that a query which returns too little would not be seen",
                "printflow files reconcile, and look at what it finds; then run the command again",
            )


def require_compared(warnings: Iterable[str]) -> None:
    """Raises:
    CouldNotTell: what queries return now was not compared with what they returned at the last pass.
    """
    for warning in warnings:
        if "were not compared" in warning:
            raise CouldNotTell(f"whether a query fell is not known: {warning}", GO_ON)


def require_whole(found: Iterator[dict[str, Any]], buckets: Collection[str]) -> None:
    """Raises:
    Refused: rows that may name files were not seen: a query fell or fails, a tenant or bucket was left out, or a row
        says none of these buckets.
    """
    for finding in found:
        # Of a single key that could not be judged nothing else follows, unless nobody knows which bucket is meant.
        if finding["kind"] == kinds.UNKNOWN and (finding["key"] is None or finding["bucket"] not in buckets):
            raise Refused(f"not all references are known: {printable(finding['detail'])}", GO_ON)


def require_few(settings: Settings, orphans: int, objects: int) -> None:
    """Raises:
    Refused: so many of all objects are orphans that a query is missing rather than a row.
    """
    fraction = settings.files.max_orphan_fraction
    if orphans > FEW_REFERENCES and orphans > fraction * objects:
        raise Refused(
            f"{orphans:,} of {counted(objects, 'object')} are orphans: more than files.max_orphan_fraction = "
            f"{fraction:g} allows",
            "printflow files catalog; if they really are orphans, raise files.max_orphan_fraction",
        )


def _read(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
