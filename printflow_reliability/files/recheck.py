"""Reported findings alone, asked about again: for whoever has just mended some and will not wait for a whole pass.

A finding is resolved here only if its row is still there and nothing is wrong with its object any more. A row that is
gone may be a query that fell to nothing, which only a whole pass can tell.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeAlias

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.files import kinds
from printflow_reliability.files.confirm import Confirmation
from printflow_reliability.files.held import held_of
from printflow_reliability.files.known_content import Checksums
from printflow_reliability.files.presence import Presence
from printflow_reliability.files.scan import Candidates, Scope
from printflow_reliability.findings import Finding
from printflow_reliability.platform.catalog import Catalog, Reference, open_catalog
from printflow_reliability.platform.tenancy import BasePaths, tenancy
from printflow_reliability.records import lasting_findings
from printflow_reliability.records.database import open_records
from printflow_reliability.records.lasting_findings import LastingFinding
from printflow_reliability.settings import Settings
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.storage.pages import StoredObject
from printflow_reliability.storage.single_keys import Refusal
from printflow_reliability.storage.sources import ObjectListing

MOST = 10_000
"""Findings in one recheck, the worst of all; for more, a whole pass costs less."""
Subject: TypeAlias = tuple[str | None, str | None, str | None, str | None]
"""Key, tenant, query and owner."""
WHOLE_PASS = "only a whole pass can tell: printflow files reconcile"  # noqa: S105 - no password


@dataclass(frozen=True)
class Rechecked:
    """One finding: a pass if it is resolved, a failure if it is as before, unknown if that cannot be told."""

    finding: LastingFinding
    outcome: Outcome
    detail: str

    def as_json(self) -> dict[str, Any]:
        """As `files recheck --json` shows it."""
        return {**self.finding.as_json(), "outcome": self.outcome, "detail": self.detail}


def recheck(settings: Settings, numbers: Sequence[int] | None = None) -> tuple[Rechecked, ...]:
    """Ask about these findings (None: about the worst that are not resolved), and note which are resolved.

    Raises:
        ConfigError: there is no such finding, or it is resolved.
        CouldNotTell: the records or a database do not answer.
    """
    if numbers is not None and not numbers:
        return ()
    with open_records(settings.records) as records:
        asked = lasting_findings.unresolved(records, MOST, numbers)
        if lacking := sorted(set(numbers or ()) - {finding.id for finding in asked}):
            raise ConfigError(f"there is no finding {lacking[0]}, or it is resolved", "printflow files show lists them")
        if not asked:
            return ()
        catalog = open_catalog(settings)
        paths = BasePaths(tenancy(settings).tenants)
        done: list[Rechecked] = []
        for bucket in sorted({finding.bucket or "" for finding in asked}):
            of_bucket = [finding for finding in asked if (finding.bucket or "") == bucket]
            try:
                done += _in_bucket(settings, bucket, of_bucket, catalog, paths, Checksums(records))
            except CouldNotTell as away:
                done += (Rechecked(finding, Outcome.UNKNOWN, away.sentence) for finding in of_bucket)
        lasting_findings.resolve(records, [again.finding.id for again in done if again.outcome is Outcome.PASS])
    return tuple(done)


def _in_bucket(
    settings: Settings,
    name: str,
    asked: Sequence[LastingFinding],
    catalog: Catalog,
    paths: BasePaths,
    checksums: Checksums,
) -> list[Rechecked]:
    known = [bucket.name for bucket in settings.bucket]
    single = [finding for finding in asked if finding.key is not None and name in known]
    done = [Rechecked(finding, Outcome.UNKNOWN, WHOLE_PASS) for finding in asked if finding not in single]
    if not single:
        return done
    present = Presence(settings.bucket_named(name))
    replica = present.bucket.replica
    keys = {finding.key for finding in single if finding.key is not None}
    rows = sorted(catalog.look_up(name, keys), key=lambda row: row.key)  # as a scan comes upon them
    names = [reference.name for reference in settings.reference]
    with closing(Candidates()) as found:
        refused = _suspect(found, single, rows, names, present)
        second = Confirmation(
            present=present,
            replica=Presence(settings.bucket_named(replica)) if replica else None,
            catalog=catalog,
            paths=paths,
            scope=Scope(),
            started_at=present.now(),
            source=ObjectListing(present.bucket),
            grace_seconds=settings.files.orphan_grace_seconds,
            checksums=checksums,
            quarantined=held_of(settings, name),
        )
        now = {_about(finding): finding for finding in second.findings(found)}
    referring = {(row.key, row.tenant, names[row.entry], row.owner) for row in rows}
    for finding in single:
        if finding.kind == kinds.ORPHAN and (why := refused.get(finding.key or "")) is not None:
            done.append(Rechecked(finding, Outcome.UNKNOWN, why))
            continue
        done.append(_judged(finding, now, _about(finding) in referring, any(row.key == finding.key for row in rows)))
    return done


def _suspect(
    found: Candidates,
    asked: Iterable[LastingFinding],
    rows: Sequence[Reference],
    names: Sequence[str],
    present: Presence,
) -> Mapping[str, str]:
    """Let the confirmation ask about these findings, as if a scan had come upon them.

    Returns why it cannot, by the key of an orphan.
    """
    refused: dict[str, str] = {}
    kinds_of = {_about(finding): finding.kind for finding in asked}
    for row in rows:
        kind = kinds_of.get((row.key, row.tenant, names[row.entry], row.owner))
        if kind is None:
            continue
        if kind == kinds.WRONG_TENANT:
            found.wrong_tenant.append(row)
        found.missing.append(row)  # what is there again may be missing next, or be another file
        if not row.key.endswith("/"):
            found.mismatched.append(row)
    # Of these, all may have been mended: that is no listing which left them out.
    found.references = 100 * len(rows)
    orphans = sorted({finding.key for finding in asked if finding.kind == kinds.ORPHAN and finding.key is not None})
    for key, there in present.look_up(orphans).items():
        if isinstance(there, ObjectHead):
            found.unreferenced.append(StoredObject(key, there.size, there.etag, there.modified_at))
        elif isinstance(there, Refusal):
            refused[key] = there.reason
    return refused


def _about(finding: Finding | LastingFinding) -> Subject:
    return finding.key, finding.tenant, finding.reference, finding.owner


def _judged(asked: LastingFinding, now: Mapping[Subject, Finding], referring: bool, named: bool) -> Rechecked:
    found = now.get(_about(asked))
    if found is not None and found.kind == kinds.UNKNOWN:
        return Rechecked(asked, Outcome.UNKNOWN, found.detail)
    if found is not None:
        return Rechecked(asked, Outcome.FAIL, found.detail)
    if asked.kind == kinds.UNKNOWN:
        return Rechecked(asked, Outcome.UNKNOWN, WHOLE_PASS)
    if asked.kind == kinds.ORPHAN:
        return Rechecked(asked, Outcome.PASS, "a row refers to it now" if named else "it is gone, or too young to tell")
    if referring:
        return Rechecked(asked, Outcome.PASS, "its file is there, and as it should be")
    return Rechecked(asked, Outcome.UNKNOWN, f"no row refers to it any more; {WHOLE_PASS}")
