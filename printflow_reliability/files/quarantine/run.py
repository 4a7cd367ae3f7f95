"""`files quarantine` and `files release`: planned first, done by one at a time, and gone on with after a crash."""

from collections.abc import Sequence
from dataclasses import dataclass

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.files.heal import LOCK, require_healers
from printflow_reliability.files.parts import abort_begun
from printflow_reliability.files.quarantine.back import bring_back
from printflow_reliability.files.quarantine.beside import Notes, notes_of
from printflow_reliability.files.quarantine.move import Mover
from printflow_reliability.files.quarantine.outcome import Outcome
from printflow_reliability.files.quarantine.place import place_of
from printflow_reliability.files.quarantine.plan import Request, make_plan
from printflow_reliability.files.quarantine.references import References
from printflow_reliability.files.quarantine.report import QuarantineReport, ReleaseReport
from printflow_reliability.files.rollback.carry_out import Pace
from printflow_reliability.platform.catalog import open_catalog
from printflow_reliability.platform.tenancy import BasePaths, tenancy
from printflow_reliability.progress import Advance
from printflow_reliability.records import erasures
from printflow_reliability.records import quarantine as manifest
from printflow_reliability.records.database import exclusive, open_records
from printflow_reliability.records.quarantine import Quarantined, Records
from printflow_reliability.settings import Settings


@operation("quarantine")
def quarantine(
    settings: Settings, request: Request, *, apply: bool = False, advance: Advance | None = None
) -> QuarantineReport:
    """Plan which orphans are moved aside, and move them with `apply`.

    Raises:
        ConfigError: there is no place for them, a bucket may not be written, or no such tenant.
        Refused: not all references are known, or the place would not keep the copies.
        CouldNotTell: a database, a bucket or a repository does not answer.
        LockHeld: somebody else is healing, rolling back or moving files.
    """
    price = settings.files.storage_price_per_gb_month
    place = place_of(settings)
    if not apply:
        with open_records(settings.records) as records:
            erased, held = erasures.in_force(records), manifest.totals(records)
            unfinished = len(manifest.unfinished(records))
        plan = make_plan(settings, request, erased, advance)
        return QuarantineReport(plan, held, price, unfinished)
    require_healers(settings)
    with open_records(settings.records) as records, exclusive(records, LOCK):
        abort_begun(settings, records)
        mover = Mover(settings, records, _references(settings), place, request.person, Pace(request.per_second))
        mover.go_on()
        plan = make_plan(settings, request, erasures.in_force(records), advance)
        require_healers(settings, {orphan.bucket for orphan in (*plan.orphans, *plan.further)})
        outcome = mover.move(plan.orphans, advance, plan.further)
        plan.tried_further(outcome.further)
        unfinished = len(manifest.unfinished(records))
        return QuarantineReport(plan, manifest.totals(records), price, unfinished, outcome)


@dataclass(frozen=True)
class Chosen:
    """What a person wants back: these keys, these tenants' files, of a bucket; each empty stands for all.

    `needed`: only what a row refers to now. `from_place`: also what the place holds and the records have forgotten.
    """

    person: str
    keys: Sequence[str] = ()
    tenants: Sequence[str] = ()
    bucket: str | None = None
    needed: bool = False
    per_second: float = 50.0
    from_place: bool = False


@operation("release")
def release(
    settings: Settings, chosen: Chosen, *, apply: bool = False, advance: Advance | None = None
) -> ReleaseReport:
    """Plan what comes back from quarantine, and bring it back with `apply`.

    Raises:
        ConfigError: nothing of that name is in quarantine, there is no place, a bucket may not be written, or what the
            records have forgotten is asked for without saying which of it.
        CouldNotTell: the records or a database do not answer.
        LockHeld: somebody else is healing, rolling back or moving files.
    """
    if chosen.bucket is not None:
        settings.bucket_named(chosen.bucket)
    if chosen.from_place and not (chosen.keys or chosen.needed):
        # A note outlives what became of its file: nobody knows any more which were released, deleted or erased since.
        raise ConfigError(
            "--from-place: what the records have forgotten may have been released since, and deleted or erased on "
            "purpose; without a KEY or --needed all of it would come back",
            "printflow files release --needed --from-place: what rows refer to; or give each KEY",
        )
    notes = notes_of(place_of(settings), chosen.keys, chosen.bucket) if chosen.from_place else Notes()
    if not apply:
        with open_records(settings.records) as records:
            rows, unread = _rows(settings, records, chosen, manifest.forgotten(records, notes.rows))
            erased = erasures.in_force(records)
        rows, every = [row for row in rows if not erased.of(row.bucket, row.key)], len(rows)
        return ReleaseReport(rows, every, unread=unread, unreadable=notes.unreadable)
    with open_records(settings.records) as records, exclusive(records, LOCK):
        abort_begun(settings, records)
        forgotten = manifest.forgotten(records, notes.rows)
        rows, unread = _rows(settings, records, chosen, forgotten)
        rows = _adopted(records, rows, forgotten, chosen.person)
        require_healers(settings, {row.bucket for row in rows})
        outcome, pace = Outcome(), Pace(chosen.per_second)
        try:
            for number, row in enumerate(rows, 1):
                pace.wait()
                back = bring_back(settings, records, row, chosen.person)
                outcome.add(back.deed, row.bucket, row.key, row.bytes, back.detail)
                if advance is not None:
                    advance(number, len(rows))
        except CouldNotTell as away:
            outcome.stopped = away.sentence
    return ReleaseReport(rows, len(rows), outcome, unread, notes.unreadable)


def _rows(
    settings: Settings, records: Records, chosen: Chosen, forgotten: Sequence[Quarantined] = ()
) -> tuple[Sequence[Quarantined], str]:
    """Those to be released, of each key what was moved last; and which rows could not be asked about them."""
    recorded = manifest.chosen(records, chosen.keys, bucket=chosen.bucket)
    # Of each key, whosever it was: what was moved last for another tenant is newer content all the same.
    newest = manifest.newest_of_each([*recorded, *forgotten])
    rows = [row for row in newest if not chosen.tenants or row.tenant in chosen.tenants]
    lacking = sorted({*chosen.keys} - {row.key for row in rows})
    if lacking:
        others = next((row.tenant for row in newest if row.key == lacking[0]), None)
        whose = f": what was moved last under it is of tenant {others}" if others else ""
        raise ConfigError(
            f"{lacking[0]!r} is not in quarantine{whose}",
            "printflow files release --needed lists what rows miss; if the records were restored to an older state, "
            "add --from-place: it also finds what lies in files.quarantine_bucket and they have forgotten",
        )
    if not chosen.needed or not rows:
        return rows, ""
    references, known = _references(settings), {bucket.name for bucket in settings.bucket}
    buckets = sorted({row.bucket for row in rows} & known)
    named = {
        (bucket, key)
        for bucket in buckets
        for key in references.named(bucket, [row.key for row in rows if row.bucket == bucket])
    }
    unread = next(filter(None, map(references.unread, buckets)), "")
    if renamed := sorted({row.bucket for row in rows} - known):
        unread = unread or f'nothing is named "{renamed[0]}" in printflow.toml, and files of it are in quarantine'
    return [row for row in rows if (row.bucket, row.key) in named], unread


def _adopted(
    records: Records, wanted: Sequence[Quarantined], forgotten: Sequence[Quarantined], person: str
) -> Sequence[Quarantined]:
    """The same keys, by rows of the records; of what is not wanted no row is made, which a later release would take."""
    if not forgotten:
        return wanted
    keys = {(row.bucket, row.key) for row in wanted}
    for row in sorted(forgotten, key=lambda row: row.begun_at, reverse=True):  # of one version the newest copy counts
        if (row.bucket, row.key) in keys:
            manifest.adopt(records, row, person)
    recorded = manifest.newest_of_each(manifest.chosen(records, [row.key for row in wanted])) if wanted else ()
    return [row for row in recorded if (row.bucket, row.key) in keys]


def _references(settings: Settings) -> References:
    return References(settings, open_catalog(settings), BasePaths(tenancy(settings).tenants))
