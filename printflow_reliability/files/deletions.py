"""Deletions of referenced files, minutes after they happened and with the principal, from the object journal.

The journal says what the store did; whether a file is needed says the catalog, and whether it is really gone the
bucket. A journal that stands still, or holds what cannot be read, never says that nothing was deleted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import sql

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.files import kinds
from printflow_reliability.files.presence import Presence
from printflow_reliability.files.store_events import (
    RECORDED,
    RECORDED_BESIDES,
    Deletion,
    UnreadableEvent,
    message_in,
)
from printflow_reliability.findings import Finding, Severity, worst_first
from printflow_reliability.platform.catalog import Catalog, Reference, open_catalog
from printflow_reliability.platform.queries import (
    Connection,
    Connector,
    as_table,
    columns_of,
    config_errors,
    require_columns,
    session,
)
from printflow_reliability.records import erasures
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import JournalSettings, Settings
from printflow_reliability.storage.single_keys import Refusal
from printflow_reliability.text import counted, moment, printable, seconds

CHECK = "files.deletions"
KEY = "journal.query"
PAGE = 5000
FIRST = (-(2**63), "")
PAGE_OF = """
SELECT number::bigint, at, coalesce(({event})::text, '') COLLATE "C" FROM {table} WHERE at > {since}
AND (number::bigint, coalesce(({event})::text, '') COLLATE "C") > ({number}, {text}) ORDER BY 1, 3 LIMIT {most}"""
"""Where numbers are not unique, a page may end between two rows of the same number; an equal row tells the same."""
NEWEST = """
SELECT max(at) FILTER (WHERE at <= now() + interval '5 minutes'), now(),
count(*) FILTER (WHERE at IS NULL OR at > now() + interval '5 minutes'),
count(*) FILTER (WHERE number IS NULL AND at > now() - {back} * interval '1 second'),
count(*) FILTER (WHERE at IS NULL AND (number IS NULL OR number > (
    SELECT min(number) FROM {journal} WHERE at > now() - {back} * interval '1 second')))
FROM {journal}"""
"""An event of tomorrow says nothing of whether the journal goes on, since it comes of a wrong clock.

One without a time is as old as its number says, so that it is told for as long as others of its time are looked at.
"""
CLOCK_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True)
class DeletionReport:
    """What was deleted and is still needed.

    Attributes:
        findings: the files that are gone, worst first.
        checks: the answer of `files.deletions`.
        events: how many deletions the journal has within the time that is looked at.
        newest: when the newest event was written down.
    """

    findings: Sequence[Finding]
    checks: tuple[CheckResult, ...]
    events: int = 0
    newest: datetime | None = None

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """Deletions in the journal, and those of files that are needed."""
        return {"deletion_events": self.events, "deleted_files": len(self.findings)}

    def as_json(self) -> dict[str, Any]:
        """As `files deletions --json` shows it."""
        return {
            "ok": all(check.outcome is Outcome.PASS for check in self.checks),
            "events": self.events,
            "newest": self.newest,
            "checks": [check.as_json() for check in self.checks],
            "findings": [finding.as_json() for finding in self.findings],
        }


def check_deletions(settings: Settings, *, connect_with: Connector | None = None) -> DeletionReport:
    """Which referenced files were deleted and are not back.

    Raises:
        ConfigError: there is no journal, or its query or that of a reference is refused.
    """
    journal = settings.journal
    if journal is None:
        raise ConfigError(
            "there is no [journal] in printflow.toml, so nobody tells of deletions before the next reconciliation",
            "printflow files reconcile; docs/operation.md says what a journal needs",
        )
    try:
        read = _read(settings, journal, connect_with)
        catalog = open_catalog(settings, connect_with=connect_with)
        findings, unknown = _needed(settings, read.deletions, catalog)
    except CouldNotTell as away:
        return DeletionReport((), (CheckResult(CHECK, Outcome.UNKNOWN, away.sentence),))
    unknown = [*read.troubles, *_unheard(settings, journal, catalog, read), *unknown]
    found = worst_first(findings)
    numbers = {"deletion_events": len(read.deletions), "deleted_files": len(found)}
    urgent = [finding for finding in found if finding.severity.rank >= Severity.ERROR.rank]
    if urgent:
        said = f"{counted(len(found), 'referenced file')} deleted: {urgent[0].detail}"
        answer = CheckResult(CHECK, Outcome.FAIL, "; ".join((said, *unknown)), numbers)
    elif unknown:
        answer = CheckResult(CHECK, Outcome.UNKNOWN, "; ".join(unknown), numbers)
    elif found:
        answer = CheckResult(CHECK, Outcome.WARN, f"{counted(len(found), 'file')} deleted: {found[0].detail}", numbers)
    else:
        events = counted(len(read.deletions), "deletion")
        answer = CheckResult(CHECK, Outcome.PASS, f"{events} in the journal; none of a file that is needed", numbers)
    return DeletionReport(found, (answer,), len(read.deletions), read.newest)


@dataclass(frozen=True)
class _Journal:
    """The newest deletion of each object, by S3's name of the bucket and the key; and what else is to be said.

    Attributes:
        read_at: the moment, by the clock of the database.
        heard: when the newest event of each bucket was written down, by S3's name of it.
        still: the journal as a whole does not go on, which is among the troubles.
    """

    deletions: Mapping[tuple[str, str], Deletion]
    newest: datetime | None
    troubles: Sequence[str]
    read_at: datetime
    heard: Mapping[str, datetime]
    still: bool


def _read(settings: Settings, journal: JournalSettings, connect_with: Connector | None) -> _Journal:
    cluster = settings.cluster_named(journal.cluster)
    found: dict[tuple[str, str], Deletion] = {}
    troubles: list[str] = []
    unreadable: list[str] = []
    heard: dict[str, datetime] = {}
    with session(cluster, journal.database, connect_with) as connection:
        have = columns_of(connection, KEY, journal.query)
        event_of = _event_of(have)
        if have["at"] != "timestamptz":
            raise ConfigError(f'{KEY}: its column "at" is {have["at"]}; it must be timestamptz', "cast it in the query")
        table = as_table(journal.query)
        # In a transaction now() stands still, so that a query whose times follow from it has an end page by page.
        with config_errors(KEY), connection.transaction():
            newest, now, ill_timed, unnumbered, untimed = connection.execute(
                sql.SQL(NEWEST).format(back=journal.look_back_seconds, journal=table)
            ).fetchone() or (None, datetime.now(UTC), 0, 0, 0)
            since = now - timedelta(seconds=journal.look_back_seconds)
            for number, at, event in _events(connection, table, event_of, since):
                try:
                    message = message_in(event)
                except UnreadableEvent as odd:
                    unreadable.append(f"event {number} of the journal cannot be read: {odd}")
                    continue
                if at <= now + CLOCK_AHEAD:
                    heard |= {bucket: max(at, heard.get(bucket, at)) for bucket in message.buckets}
                found |= {(deletion.bucket, deletion.key): deletion for deletion in message.deletions}
    if newest is None and ill_timed:
        troubles.append("the journal has no event that was written down by now, so nothing tells whether it goes on")
    elif newest is None:
        troubles.append("the journal is empty, so nothing tells whether files were deleted")
    elif (silent := (now - newest).total_seconds()) > journal.max_silence_seconds:
        troubles.append(f"the journal stands still: its newest event came {seconds(silent)} ago")
    still = bool(troubles)
    if untimed and newest is not None:
        troubles.append(f"{counted(untimed, 'event')} of the journal without a time, which nobody reads")
    if unnumbered:
        troubles.append(f"{counted(unnumbered, 'event')} of the journal without a number, which nobody reads")
    if unreadable:
        troubles.append(unreadable[0] + (f", and {len(unreadable) - 1:,} more" if len(unreadable) > 1 else ""))
    return _Journal(found, newest, troubles, now, heard, still)


def _events(
    connection: Connection, table: sql.Composable, event: sql.Composable, since: datetime
) -> Iterator[tuple[int, datetime, str]]:
    """The number, time and text of each event, in their order; a page that is not full is the last one."""
    last, full = FIRST, True
    while full:
        number, text = last
        asked = {"number": number, "text": text, "since": since, "most": PAGE}
        page = connection.execute(sql.SQL(PAGE_OF).format(event=event, table=table, **asked)).fetchall()
        yield from page
        full = len(page) == PAGE
        last = (page[-1][0], page[-1][2]) if full else last


def _event_of(have: Mapping[str, str]) -> sql.Composable:
    """The event of a row: a column of its own, or made of the columns of S3 Metadata's journal table.

    Raises:
        ConfigError: a column is missing.
    """
    if "event" in have or "record_type" not in have:
        require_columns(KEY, have, ("number", "at", "event"))
        return sql.Identifier("event")
    require_columns(KEY, have, ("number", "at", *RECORDED))
    known = [name for name in ("at", *RECORDED, *RECORDED_BESIDES) if name in have]
    return sql.SQL("jsonb_build_object({})").format(
        sql.SQL(", ").join(sql.SQL("{}::text, {}").format(name, sql.Identifier(name)) for name in known)
    )


def _unheard(settings: Settings, journal: JournalSettings, catalog: Catalog, read: _Journal) -> Iterator[str]:
    """What is said of buckets that references point into and that no event of late comes from."""
    if read.still:
        return
    # A query's own bucket is among the catalog's unless each row names another.
    disks = (disk.bucket for entry in settings.reference for disk in entry.disk if disk.bucket)
    names = {*catalog.buckets, *disks}
    for bucket in (settings.bucket_named(name) for name in sorted(names)):
        newest, limit = read.heard.get(bucket.bucket), journal.silence_of(bucket)
        if newest is not None and (read.read_at - newest).total_seconds() <= limit:
            continue
        if newest is None:
            # An earlier event is not read, and journal_silence_seconds may be no more than what is looked back.
            since = f"within {seconds(journal.look_back_seconds)}"
            quiet = "raise journal.look_back_seconds (and journal_silence_seconds in its [[bucket]])"
        else:
            since, quiet = f"since {moment(newest)}", "set journal_silence_seconds in its [[bucket]]"
        yield (
            f"the journal holds no event of bucket {bucket.name} {since}, so nothing tells whether files were deleted "
            f"there: look at its notification, or {quiet} if it is so quiet"
        )


def _needed(
    settings: Settings, deletions: Mapping[tuple[str, str], Deletion], catalog: Catalog
) -> tuple[list[Finding], list[str]]:
    """The findings of deleted files that a row still names and that are not there; why some cannot be told."""
    findings: list[Finding] = []
    unknown: list[str] = []
    erased = _erased(settings)
    for bucket in (settings.bucket_named(name) for name in catalog.buckets):
        of_bucket = {key: deletion for (name, key), deletion in deletions.items() if name == bucket.bucket}
        rows = [row for row in _rows(catalog, bucket.name, of_bucket) if not erased.of(bucket.name, row.key)]
        try:
            there = Presence(bucket).look_up({row.key for row in rows})
        except CouldNotTell as away:
            unknown.append(away.sentence)
            continue
        for row in rows:
            answer = there[row.key]
            if isinstance(answer, Refusal):
                unknown.append(f"{printable(row.key)}: {answer.reason}")
            elif answer is None:
                findings.append(_finding(settings, row, of_bucket[row.key]))
    unknown += (why for entry in catalog.entries for why in catalog.failing.of(entry.place).values())
    return findings, unknown


def _rows(catalog: Catalog, bucket: str, deletions: Mapping[str, Deletion]) -> Iterator[Reference]:
    return (row for row in catalog.look_up(bucket, deletions) if not row.soft_deleted)


def _erased(settings: Settings) -> erasures.Erasures:
    """What was erased on purpose; nothing where the records are away, so that nothing is kept from anybody."""
    try:
        with open_records(settings.records) as records:
            return erasures.in_force(records)
    except CouldNotTell:
        return erasures.Erasures()


def _finding(settings: Settings, row: Reference, deletion: Deletion) -> Finding:
    reference = settings.reference[row.entry]
    only = f" --tenant {row.tenant}" if row.tenant else ""
    who = deletion.principal
    how = "for good" if deletion.for_good else "by a delete marker, so that its versions are still there"
    return Finding(
        kind=kinds.MISSING_LOST if deletion.for_good else kinds.MISSING_RESTORABLE,
        severity=kinds.severity_of(kinds.MISSING_LOST, reference.kind),
        tenant=row.tenant,
        bucket=row.bucket,
        key=row.key,
        version_id=deletion.version_id,
        reference=reference.name,
        owner=row.owner,
        detail=f"{row.owner or 'Something'}: its file was deleted {how}, {moment(deletion.at)}, by {who}",
        action=f"find out why {who} deletes files that are needed; printflow files heal{only} --apply",
    )
