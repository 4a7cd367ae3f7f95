"""Moving orphans aside: copy, read back, note, and only then a delete marker, on the very version that was copied.

Whether a row names an object is asked before its marker and once more after it: who comes in between finds the object
there again. Whatever breaks off is gone on with by the next run.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import TypeVar

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.files.presence import KeyRefused, Presence
from printflow_reliability.files.quarantine.back import bring_back
from printflow_reliability.files.quarantine.history import content, hidden, is_newest, is_own
from printflow_reliability.files.quarantine.outcome import Deed, Outcome
from printflow_reliability.files.quarantine.place import Place
from printflow_reliability.files.quarantine.plan import Orphan
from printflow_reliability.files.quarantine.references import References
from printflow_reliability.files.quarantine.steps import CHANGED, Copied, Failure, Seen, Unsure, copied, marked, seen
from printflow_reliability.files.rollback.carry_out import Pace
from printflow_reliability.progress import Advance
from printflow_reliability.records import quarantine as manifest
from printflow_reliability.records.quarantine import Quarantined, Records
from printflow_reliability.settings import Settings
from printflow_reliability.storage.workers import Workers

IN_FLIGHT = 8
AT_A_TIME = 16
"""Objects whose references are asked for together: the fewer, the sooner after it the markers follow."""
NAMED = "a row refers to it now"
NOT_MADE = "a run broke off before its delete marker was made"
SETTLED = timedelta(minutes=15)
"""After which a store carries out no request that it was sent: the signature's time is too far away."""
T = TypeVar("T")
R = TypeVar("R")


def in_threads(ask: Callable[[T], R], what: Sequence[T]) -> Iterable[tuple[T, R]]:
    """Each with its answer, in order; the first that raises ends all."""
    with Workers(IN_FLIGHT) as pool:
        return [*zip(what, pool.map(ask, what), strict=True)]


@dataclass(frozen=True)
class Mover:
    """What one run works with; `person` is who runs it."""

    settings: Settings
    records: Records
    references: References
    place: Place
    person: str
    pace: Pace
    outcome: Outcome = field(default_factory=Outcome)

    def move(
        self, orphans: Sequence[Orphan], advance: Advance | None = None, further: Sequence[Orphan] = ()
    ) -> Outcome:
        """Move each; what a store refuses for a key is that key's, and one that is away ends the run.

        Args:
            orphans: what is moved.
            advance: hears how many were tried.
            further: what is moved in place of those that cannot be.
        """
        waiting, before, tried = chain(orphans, further), self.outcome.deeds[Deed.DONE], 0
        try:
            while batch := self._next(waiting, len(orphans) + before):
                self._batch(batch)
                tried += len(batch)
                self.outcome.further = max(0, tried - len(orphans))
                if advance is not None:
                    advance(min(tried, len(orphans)), len(orphans))
        except CouldNotTell as away:
            self.outcome.stopped = away.sentence
        return self.outcome

    def _next(self, waiting: Iterator[Orphan], wanted: int) -> Sequence[Orphan]:
        return [*islice(waiting, min(AT_A_TIME, wanted - self.outcome.deeds[Deed.DONE]))]

    def go_on(self) -> None:
        """End what a run that was killed has begun: a marker that stands is noted, what changed is given up.

        Raises:
            CouldNotTell: a bucket or a database does not answer.
        """
        stand = []
        for row in manifest.unfinished(self.records):
            try:
                if self._stands(row):
                    stand.append(row)
            except (ConfigError, KeyRefused) as own:
                self.outcome.add(Deed.FAILED, row.bucket, row.key, row.bytes, own.what)
        self._moved(stand)

    def _stands(self, row: Quarantined) -> bool:
        """Whether it is aside; gives up what is something else by now, and tells what a marker may hide."""
        history = Presence(self.settings.bucket_named(row.bucket)).history(row.key)
        newest, shown = history[0] if history else None, content(history)
        if row.copied and shown is None:
            return True  # nothing but our copy is left
        if newest is not None and shown is newest and is_own(newest, row):
            if datetime.now(UTC) - row.begun_at > SETTLED:  # else a DELETE that was sent may still be carried out
                manifest.end(self.records, row.id, manifest.GIVEN_UP, self.person, NOT_MADE)
            return False  # the plan finds it again unless a row names it now
        if row.copied and newest is not None and shown is not None and newest.delete_marker:
            if is_newest(row, history):
                return True
            self.outcome.add(Deed.FAILED, row.bucket, row.key, row.bytes, hidden(row, shown))
            return False
        manifest.end(self.records, row.id, manifest.GIVEN_UP, self.person, CHANGED)
        return False

    def _batch(self, batch: Sequence[Orphan]) -> None:
        rows: list[Quarantined] = []
        for orphan, found in in_threads(self._seen, batch):
            if isinstance(found, Seen):
                rows.append(self._begun(orphan, found))
            else:
                self.outcome.add(found[0], orphan.bucket, orphan.key, orphan.bytes, found[1])
        for row, copy in in_threads(self._copied, [*rows]):
            if isinstance(copy, Copied):
                manifest.copied(self.records, row.id, copy.version, copy.sha256, copy.belongings.as_json())
            else:
                self._give_up(row, copy)
                rows.remove(row)
        for row in _named_now(self.references, rows):
            self._give_up(row, (Deed.NAMED, NAMED))
            rows.remove(row)
        made: list[Quarantined] = []
        away: CouldNotTell | None = None
        for row, marker in in_threads(self._marked, rows):
            if isinstance(marker, str):
                manifest.marked(self.records, row.id, marker)
                made.append(row)
            elif isinstance(marker, Unsure):  # its row stays open, and the next run looks again
                away = away or marker.away
                if marker.away is None:
                    self.outcome.add(Deed.FAILED, row.bucket, row.key, row.bytes, marker.why)
            else:
                self._give_up(row, marker)
        self._moved(made)
        if away is not None:
            raise away

    def _moved(self, marked: Sequence[Quarantined]) -> None:
        """Note those that no row names now; until it is known of them, they stay open for the next run."""
        returned = self._return_named(marked)
        for row in marked:
            if row.id not in returned:
                manifest.moved(self.records, row.id)
                self.outcome.add(Deed.DONE, row.bucket, row.key, row.bytes)

    def _begun(self, orphan: Orphan, found: Seen) -> Quarantined:
        return manifest.begin(
            self.records,
            bucket=orphan.bucket,
            key=orphan.key,
            tenant=orphan.tenant,
            version_id=found.version,
            bytes=orphan.bytes,
            etag=found.etag,
            reason=orphan.said,
            superseded_by=orphan.superseded_by,
            place=self.place.bucket.name,
            place_key=self.place.new_key(orphan.bucket, orphan.tenant),
            person=self.person,
        )

    def _give_up(self, row: Quarantined, failure: Failure) -> None:
        deed, why = failure
        manifest.end(self.records, row.id, manifest.GIVEN_UP, self.person, why)
        self.outcome.add(deed, row.bucket, row.key, row.bytes, why)

    def _return_named(self, marked: Sequence[Quarantined]) -> frozenset[int]:
        """Bring back at once what was named while its marker was made; the numbers of these."""
        named = {row.id for row in _named_now(self.references, marked)}
        if not named:
            return frozenset()
        known = manifest.chosen(self.records, [row.key for row in marked if row.id in named])
        for row in manifest.newest_of_each(known):
            if row.id in named:
                back = bring_back(self.settings, self.records, row, self.person)
                self.outcome.add(Deed.NAMED, row.bucket, row.key, row.bytes, f"{NAMED}; {back.detail}")
        return frozenset(named)

    def _seen(self, orphan: Orphan) -> Seen | Failure:
        self.pace.wait()
        return seen(self.settings.bucket_named(orphan.bucket), orphan)

    def _copied(self, row: Quarantined) -> Copied | Failure:
        return copied(self.settings.bucket_named(row.bucket), self.place, row, self.records)

    def _marked(self, row: Quarantined) -> str | Failure | Unsure:
        return marked(self.settings.bucket_named(row.bucket), row)


def _named_now(references: References, rows: Iterable[Quarantined]) -> list[Quarantined]:
    """Those that a row of the platform names."""
    by_bucket: dict[str, list[Quarantined]] = {}
    for row in rows:
        by_bucket.setdefault(row.bucket, []).append(row)
    found = []
    for bucket, of_bucket in by_bucket.items():
        named = references.naming(bucket, [row.key for row in of_bucket])
        found += [row for row in of_bucket if row.key in named]
    return found
