"""Reconciliation: every reference of the databases against the buckets, and back.

Whatever could make it wrong stops it: an empty listing, half the files missing, a server that dies midway. Then the
checks are unknown (or the pass is refused) and no findings file is left that looks complete.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.checks import scope_of, within
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.files import kinds, wording
from printflow_reliability.files.acknowledged import as_acknowledged
from printflow_reliability.files.confirm import Confirmation
from printflow_reliability.files.emptied import Emptied, Failing, emptied, failing
from printflow_reliability.files.first_look import FirstLook
from printflow_reliability.files.held import held_of
from printflow_reliability.files.known_content import Checksums
from printflow_reliability.files.overwritten import overwritten
from printflow_reliability.files.plausible import require_plausible
from printflow_reliability.files.presence import Presence
from printflow_reliability.files.remembered import Remembered, from_before
from printflow_reliability.files.report import ReconcileReport, Tally
from printflow_reliability.files.scan import Scope
from printflow_reliability.files.spool import FindingsFile
from printflow_reliability.findings import Finding
from printflow_reliability.platform.catalog import Catalog, open_catalog
from printflow_reliability.platform.queries import Connector
from printflow_reliability.platform.tenancy import KEY as TENANTS_KEY
from printflow_reliability.platform.tenancy import BasePaths, Tenant, tenancy, tenant_named
from printflow_reliability.platform.useless_rows import not_utf8, strangers, without_keys
from printflow_reliability.progress import Advance
from printflow_reliability.records.database import open_records
from printflow_reliability.records.lasting_findings import About, Acknowledgement
from printflow_reliability.records.reference_rows import NO_TENANT, Rows
from printflow_reliability.settings import Settings
from printflow_reliability.storage.sources import Part, source_of

NOT_UTF8 = "its key is not UTF-8, as every key of S3 is"

Records = psycopg.Connection[TupleRow]


@operation("reconciliation")
def reconcile(
    settings: Settings,
    *,
    tenants: Sequence[str] | None = None,
    buckets: Sequence[str] | None = None,
    connect_with: Connector | None = None,
    findings_file: Path | None = None,
    advance: Advance | None = None,
    as_of: datetime | None = None,
    accept_empty: Sequence[str] = (),
    publish: bool = False,
) -> ReconcileReport:
    """Compare every reference with its bucket.

    Args:
        settings: the whole file.
        tenants: only these tenants' references and base paths, by id; None for whole buckets.
        buckets: only these, by their names in printflow.toml; None for all that references point into.
        connect_with: opens the databases instead; a drill passes its clone's. Such a pass is not kept in the records.
        findings_file: gets every finding, one JSON document a line, and only if the pass went through to its end.
        advance: hears how many objects were seen.
        as_of: the moment that the databases stand at, if that is not now; objects that were overwritten since are
            then told too, in the report's `overwritten`, with the version that was current at that moment.
        accept_empty: references, by name, that rightly return no rows any more for tenants that had some.
        publish: whether all findings go into the bucket of reports too.

    Raises:
        ConfigError: a query is refused, or a tenant or bucket is unknown.
        Refused: an empty bucket with references into it, or too many missing at once; of one tenant or bucket among
            several it is a finding.
    """
    started, started_at = time.monotonic(), datetime.now(UTC)
    tally, pass_id, run = Tally(), None, None
    last: Remembered | None = None
    warnings: list[str] = []
    unknown: list[str] = []
    with ExitStack() as stack:
        findings = stack.enter_context(FindingsFile(findings_file))
        try:
            run = _prepare(settings, tenants, buckets, connect_with, stack, warnings, as_of, accept_empty)
        except CouldNotTell as away:
            unknown.append(away.sentence)
        else:
            unknown += run.compare(findings, tally, advance)
            if buckets is None and len(unknown) < max(len(run.buckets), 1):  # where none is known, nothing else is
                try:
                    run.beside_buckets(findings, tally)
                except CouldNotTell as away:
                    unknown.append(away.sentence)
        if not unknown:
            findings.complete()
            if run is not None and connect_with is None and buckets is None:
                last = Remembered(settings, tenants, started_at, tally, findings, warnings)
                pass_id = last.keep(run.rows, run.kept)
                if publish and pass_id is not None:
                    last.publish(pass_id)
    return ReconcileReport(
        checks=within(scope_of(tenant=tenants, bucket=buckets), tally.checks(unknown)),
        references=tally.references,
        objects=tally.objects,
        counts={kind: tally.counts[kind] for kind in kinds.KINDS},
        tenants={tenant: dict(counts) for tenant, counts in sorted(tally.tenants.items())},
        orphan_bytes=tally.orphan_bytes,
        worst=tally.worst(),
        seconds=time.monotonic() - started,
        findings_file=None if unknown else findings_file,
        pass_id=pass_id,
        warnings=[*warnings, *tally.by_inventory()],
        incomplete=tuple(unknown),
        overwritten=tuple(tally.overwritten),
        states=last.states if last else {},
        all_findings=last.published if last else None,
        all_findings_parquet=last.published_parquet if last else None,
    )


@dataclass
class _Run:
    """What one reconciliation works with."""

    settings: Settings
    catalog: Catalog
    tenants: tuple[Tenant, ...]
    known: frozenset[str]
    odd: Mapping[str, str]
    overlapping: Mapping[str, str]
    buckets: tuple[str, ...]
    scopes: tuple[Scope, ...]
    records: Records | None
    as_of: datetime | None
    before: Mapping[Rows, int]
    known_of: Mapping[About, Acknowledgement]
    rows: dict[Rows, int] = field(default_factory=dict)
    kept: set[Rows] = field(default_factory=set)
    told: list[Finding] = field(default_factory=list)

    def compare(self, findings: FindingsFile, tally: Tally, advance: Advance | None) -> list[str]:
        """Compare every bucket; why some of them could not be read to the end.

        Raises:
            Refused: all that is to be compared looks like a misconfiguration.
        """
        unknown: list[str] = []
        for bucket in self.buckets:
            try:
                for scope in self.scopes:
                    try:
                        self.one_bucket(bucket, scope, findings, tally, advance)
                    except Refused as refused:
                        if len(self.scopes) == len(self.buckets) == 1:
                            raise
                        self.leave_out(bucket, scope, refused, findings, tally)
            except CouldNotTell as away:
                unknown.append(away.sentence)
            except psycopg.OperationalError as lost:  # the platform's own are CouldNotTell by now
                unknown.append(f"the records database was lost: {' '.join(str(lost).split())}")
        return unknown

    def one_bucket(
        self, name: str, scope: Scope, findings: FindingsFile, tally: Tally, advance: Advance | None
    ) -> None:
        """Both looks at one bucket, or at one tenant's part of it."""
        present = Presence(self.settings.bucket_named(name))
        replica = present.bucket.replica
        everywhere = scope.prefixes == Scope().prefixes
        by_inventory = everywhere and self.as_of is None  # an inventory is of the whole bucket
        source = source_of(self.settings, present.bucket, "", by_inventory=by_inventory)
        source = source if everywhere else Part(source, scope.prefixes)
        started_at = present.now()
        if source.as_of is not None:
            tally.inventories[name] = source.as_of
            started_at = min(started_at, source.as_of)
        look = FirstLook(self.catalog, self.tenants, self.records, self.as_of)
        with closing(look.at(present, source, scope, advance)) as found:
            require_plausible(self.settings, name, scope, found)
            fallen = self._fallen(name, scope, found.rows)
            self._tell_once((query.finding for query in fallen), findings, tally)
            second = Confirmation(
                present=present,
                replica=Presence(self.settings.bucket_named(replica)) if replica else None,
                catalog=self.catalog,
                paths=BasePaths(tenancy(self.settings, connect_with=self.catalog.connect_with).tenants),
                scope=scope,
                started_at=started_at,
                source=source,
                grace_seconds=self.settings.files.orphan_grace_seconds,
                checksums=Checksums(self.records) if self.records else None,
                fallen=lambda: [*fallen, *self._failing(name, scope)],
                quarantined=held_of(self.settings, name),
            )
            for finding in second.findings(found):
                self._tell(finding, findings, tally)
            self._tell_failing(name, scope, findings, tally)  # a candidate that nobody could ask about is no finding
            unknown = strangers(self.catalog, found.rows, self.known).items()
            references = self.settings.reference
            self._tell_once((wording.unknown_tenants(references[at], ids) for at, ids in unknown), findings, tally)
            if self.as_of is not None:
                tally.overwritten += overwritten(present, self.catalog, found.rewritten, self.as_of)
            tally.count(found, second)

    def leave_out(self, bucket: str, scope: Scope, why: Refused, findings: FindingsFile, tally: Tally) -> None:
        """A tenant or a bucket looks misconfigured: nothing is concluded of it, and all others are compared."""
        self._tell(wording.left_out(scope.tenant, bucket, why), findings, tally)
        self.kept |= {whose for whose in self.before if whose.bucket == bucket and scope.tenant in (None, whose.tenant)}

    def beside_buckets(self, findings: FindingsFile, tally: Tally) -> None:
        """Tenants without a usable base path, rows into unknown buckets, queries that fell to nothing in a bucket."""
        everything = any(scope.whole for scope in self.scopes)
        ids = [scope.tenant for scope in self.scopes if scope.tenant is not None]
        for tenant, why in self.odd.items():
            for bucket in (None,) if everything else self.buckets:
                self._tell(wording.odd_tenant(tenant, why, bucket), findings, tally)
        for reference in not_utf8(self.catalog) if everything else ():
            entry = self.settings.reference[reference.entry]
            self._tell(wording.names_nothing(reference, entry, NOT_UTF8), findings, tally)
            tally.references += 1
        for entry in self.settings.reference if everything else ():
            if not any(whose.reference == entry.name for whose in self.rows) and without_keys(self.catalog, entry.name):
                self._tell(wording.without_keys(entry), findings, tally)
        for tenant, why in self.overlapping.items():
            self._tell(wording.overlapping(tenant, why), findings, tally)
        for reference in self.catalog.elsewhere(None if everything else [*ids, *self.odd]):
            entry = self.settings.reference[reference.entry]
            self._tell(wording.unknown_bucket(reference, entry), findings, tally)
            tally.references += 1
        for bucket in sorted({whose.bucket for whose in self.before} - set(self.buckets)):
            for scope in self.scopes:
                self._tell_once((query.finding for query in self._fallen(bucket, scope, {})), findings, tally)
        for bucket in self.buckets:  # what was read here may have failed too
            for scope in self.scopes:
                self._tell_failing(bucket, scope, findings, tally)

    def _tell_once(self, found: Iterable[Finding], findings: FindingsFile, tally: Tally) -> None:
        """What concerns the rows of no tenant is met with each tenant anew, and whole queries with each bucket."""
        for finding in found:
            if finding not in self.told:
                self.told.append(finding)
                self._tell(finding, findings, tally)

    def _tell_failing(self, bucket: str, scope: Scope, findings: FindingsFile, tally: Tally) -> None:
        self._tell_once((query.finding for query in self._failing(bucket, scope)), findings, tally)

    def _tell(self, finding: Finding, findings: FindingsFile, tally: Tally) -> None:
        finding = as_acknowledged(finding, self.known_of)
        findings.write(finding)
        tally.add(finding)

    def _fallen(self, bucket: str, scope: Scope, rows: Mapping[tuple[int, str | None], int]) -> list[Emptied]:
        """The queries that fail on rows, or return none any more into a bucket that they had rows into."""
        for (entry, tenant), number in rows.items():
            whose = Rows(self.settings.reference[entry].name, bucket, tenant or NO_TENANT)
            self.rows[whose] = self.rows.get(whose, 0) + number
        whose_rows = {*self.known, NO_TENANT} if scope.tenant is None else {scope.tenant}
        gone = emptied(self.catalog, self.before, rows, bucket, whose_rows)
        self.kept |= {whose for query in gone for whose in query.remembered}
        return [*self._failing(bucket, scope), *gone]

    def _failing(self, bucket: str, scope: Scope) -> list[Failing]:
        """The queries that were found to fail on rows by now."""
        failed = failing(self.catalog, self.before, bucket, self.known, scope.tenant)
        self.kept |= {whose for query in failed for whose in query.remembered}
        return failed


def _prepare(
    settings: Settings,
    tenants: Sequence[str] | None,
    buckets: Sequence[str] | None,
    connect_with: Connector | None,
    stack: ExitStack,
    warnings: list[str],
    as_of: datetime | None,
    accept_empty: Sequence[str],
) -> _Run:
    catalog = open_catalog(settings, tenants=tenants, connect_with=connect_with)
    platform = tenancy(settings, connect_with=connect_with)
    known = platform.tenants
    for name in buckets or ():
        settings.bucket_named(name)
        if name not in catalog.buckets:
            raise ConfigError(f"no reference query points into bucket {name}", "printflow files catalog")
    names = [reference.name for reference in settings.reference]
    for name in accept_empty:
        if name not in names:
            raise ConfigError(f'there is no reference "{name}"', f"name one of printflow.toml: {', '.join(names)}")
    records: Records | None = None
    before: Mapping[Rows, int] = {}
    known_of: Mapping[About, Acknowledgement] = {}
    try:
        if catalog.knows_checksums:
            records = stack.enter_context(open_records(settings.records))
        if connect_with is None:
            before, known_of = from_before(settings, tenants, records, accept_empty)
    except CouldNotTell as away:
        compared = "checksums, and rows at the last pass," if catalog.knows_checksums else "rows at the last pass"
        warnings.append(f"{compared} were not compared: {away.sentence}")
    if not known and not platform.odd and any(whose.tenant != NO_TENANT for whose in before):
        raise CouldNotTell(
            f"{TENANTS_KEY} returns no tenant, and there were some at the last pass", "correct it in printflow.toml"
        )
    scopes: tuple[Scope, ...] = (Scope(),)
    if tenants is not None:
        chosen = [tenant_named(platform, name) for name in dict.fromkeys(tenants)]
        scopes = tuple(Scope(tenant.base_paths, tenant.id) for tenant in chosen if tenant is not None)
    used = tuple(dict.fromkeys(buckets or catalog.buckets))
    odd = {name: why for name, why in platform.odd.items() if tenants is None or name in tenants}
    overlapping = {name: why for name, why in platform.overlapping.items() if tenants is None or name in tenants}
    named = frozenset({tenant.id for tenant in known} | platform.odd.keys())
    return _Run(settings, catalog, known, named, odd, overlapping, used, scopes, records, as_of, before, known_of)
