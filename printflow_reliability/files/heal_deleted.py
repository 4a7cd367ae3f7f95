"""The policy of `files.heal_automatically`: what the platform deleted although rows refer to it comes back by itself.

It follows a complete pass and its findings in the records. So many objects are brought back in a turn and no more; what
was deleted again after that is never brought back again by itself, and pages.
"""

import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.errors import CouldNotTell, LockHeld, PrintflowError
from printflow_reliability.files.choose import bytes_meet
from printflow_reliability.files.deleted import Deleted, Left, Policy, Why
from printflow_reliability.files.heal import LOCK
from printflow_reliability.files.heal_plan import references_to
from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.files.heal_write import carry_out, overwriting
from printflow_reliability.files.healing_report import HealingReport
from printflow_reliability.files.new_objects import may_write
from printflow_reliability.files.parts import abort_begun
from printflow_reliability.files.presence import Presence, in_parallel
from printflow_reliability.files.report import ReconcileReport
from printflow_reliability.platform.catalog import Catalog, open_catalog
from printflow_reliability.platform.tenancy import BasePaths, tenancy
from printflow_reliability.records import disproven_versions, erasures, file_heals
from printflow_reliability.records.database import open_records, release, take
from printflow_reliability.records.erasures import Erasures
from printflow_reliability.records.file_heals import Candidate, Unjudged
from printflow_reliability.settings import Settings
from printflow_reliability.storage.objects import Version

PAGE = 10_000
"""Candidates that are fetched from the records at once."""
JUDGED_AT_MOST = 10_000
"""Objects that one turn looks at once the bound is reached, so that what was deleted again pages; the most urgent."""
FAILED_AT_MOST = 50
"""Objects of a bucket that one turn tries in vain; a bucket that takes no writes must not hold the others up."""
READ_IN_VAIN_AT_MOST = 200
"""Objects of a bucket whose bytes one turn reads and finds to be others; they are noted, and the next turn reads on."""
LOCK_SECONDS = 300.0
"""How long a turn waits for another healing to end, such as that of a pass over other tenants."""
LOCK_POLL_SECONDS = 2.0
AT_A_TIME = 200
READ_AT_ONCE = 16
"""Objects whose bytes are read side by side, never more than may still be brought back."""
INCOMPLETE = "nothing is brought back after a pass that did not go through to its end"
NOT_EXPECTED = "the bytes of its newest version are not what its row or the ledger knows"
NOT_KEPT = "nothing is brought back, since the pass was not kept in the records"


@operation("healing by policy")
def heal_deleted(
    settings: Settings, report: ReconcileReport, *, tenants: Sequence[str] | None = None, apply: bool
) -> HealingReport:
    """Bring back what the policy allows of what a pass has just found missing.

    Args:
        settings: the whole file.
        report: of the pass.
        tenants: that the pass was about; None for all.
        apply: write, which is done only where the policy is on; otherwise only plan.

    What cannot be done at all is in the report: it takes the pass's own answers from nobody.
    """
    done = HealingReport(apply, off=apply and not settings.files.heal_automatically)
    if done.off:
        return done
    if report.incomplete or report.pass_id is None:
        done.not_done = INCOMPLETE if report.incomplete else NOT_KEPT
        return done
    try:
        with open_records(settings.records) as records:
            if apply:
                with _alone(records):
                    abort_begun(settings, records)
                    _begun(settings, records, apply).take(done, tenants)
            else:
                _begun(settings, records, apply).take(done, tenants)
    except PrintflowError as refused:
        done.not_done = refused.sentence
    return done


@contextmanager
def _alone(records: psycopg.Connection[TupleRow]) -> Iterator[None]:
    """Hold the lock of healing: passes that end together have their turns one after the other.

    Raises:
        LockHeld: another healing has not ended meanwhile.
    """
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            take(records, LOCK)
            break
        except LockHeld:
            if time.monotonic() >= until:
                raise
            time.sleep(LOCK_POLL_SECONDS)
    try:
        yield
    finally:
        release(records, LOCK)


@dataclass
class _Turn:
    """What one turn works with, and how far it is.

    Attributes:
        back: how many objects are back, or may be, those of other turns of late among them.
        failed: how many objects of each bucket were tried in vain.
        in_vain: how many of each were read and are not what is expected.
        away: why a bucket cannot be judged in this turn.
        present: the buckets, as the batch at hand asks them.
    """

    settings: Settings
    records: psycopg.Connection[TupleRow]
    apply: bool
    catalog: Catalog
    paths: BasePaths
    erased: Erasures
    unjudged: Sequence[Unjudged]
    back: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    in_vain: Counter[str] = field(default_factory=Counter)
    away: dict[str, str] = field(default_factory=dict)
    present: dict[str, Presence] = field(default_factory=dict)

    def take(self, done: HealingReport, tenants: Sequence[str] | None) -> None:
        """Judge the candidates, the most urgent first, and bring back as many as the bound allows."""
        coming, seen = file_heals.candidates(self.records, tenants, PAGE), 0
        while batch := list(itertools.islice(coming, AT_A_TIME)):
            seen += len(batch)
            self._deal_with(done, batch)
            if self._room == 0 and seen >= JUDGED_AT_MOST:
                done.beyond_bound += max(file_heals.how_many(self.records, tenants) - seen, 0)
                return

    @property
    def _room(self) -> int:
        """How many more objects may be brought back."""
        return max(self.settings.files.heal_at_most - self.back, 0)

    def _deal_with(self, done: HealingReport, batch: Sequence[Candidate]) -> None:
        deleted: list[tuple[Candidate, Deleted]] = []
        for candidate, judged in self._judged(batch):
            if isinstance(judged, Left):
                done.leave(candidate, judged)
            else:
                deleted.append((candidate, judged))
        urgency = {candidate: at for at, candidate in enumerate(batch)}
        deleted.sort(key=lambda entry: urgency[entry[0]])
        while deleted:
            if self._room == 0:
                done.beyond_bound += len(deleted)
                return
            tried = deleted[: min(self._room, READ_AT_ONCE)]
            del deleted[: len(tried)]
            for (candidate, known), readable in in_parallel(self._readable, tried):
                if isinstance(readable, Left):
                    done.leave(candidate, readable)
                    if readable.detail == NOT_EXPECTED:
                        self.in_vain[candidate.bucket] += 1
                        if self.apply:  # no later turn reads it again
                            disproven_versions.note(self.records, candidate, known.copy.version_id, known.asked)
                else:
                    self._bring_back(done, candidate, readable)

    def _judged(self, batch: Sequence[Candidate]) -> Iterator[tuple[Candidate, Deleted | Left]]:
        by_bucket: Mapping[str, list[Candidate]] = defaultdict(list)
        for candidate in batch:
            by_bucket[candidate.bucket].append(candidate)
        for bucket, candidates in by_bucket.items():
            if bucket not in self.away:
                try:
                    yield from self._judged_in(bucket, candidates)
                    continue
                except PrintflowError as away:  # this bucket's trouble, and no other's
                    self.away[bucket] = away.sentence
            yield from ((candidate, Left(Why.UNJUDGED, self.away[bucket])) for candidate in candidates)

    def _judged_in(self, name: str, batch: Sequence[Candidate]) -> Iterator[tuple[Candidate, Deleted | Left]]:
        present, keys = Presence(self.settings.bucket_named(name)), [candidate.key for candidate in batch]
        self.present[name] = present
        policy = Policy.of(self.settings.files, present.now())
        references = references_to(self.catalog, self.paths, name, keys)
        before = file_heals.brought_back_by_itself(self.records, name, keys)
        ledger = file_heals.ledger(self.records, name, keys)
        disproven = disproven_versions.of_keys(self.records, name, keys)

        def judge(candidate: Candidate) -> Deleted | Left:
            key = candidate.key
            if erasure := self.erased.of(name, key):
                return Left(Why.ERASED, erasure.sentence)
            why = next((entry for entry in self.unjudged if entry.concerns(name, candidate.tenant)), None)
            if why is not None:
                return Left(Why.UNJUDGED, why.detail)
            try:
                history = present.history(key)
                known = {version: entry for (of, version), entry in ledger.items() if of == key}
                held = [version.version_id for version in history if not version.delete_marker]
                healed = before.get(key)
                healed_at = healed.at if healed is not None and healed.seen_in(held) else None
                judged = policy.judge(present.bucket, references.get(key, ()), history, known, healed_at)
                why_not = "" if isinstance(judged, Left) else _unwritable(present, _planned(candidate, judged), history)
                if isinstance(judged, Deleted) and (key, judged.copy.version_id, judged.asked) in disproven:
                    return Left(Why.UNPROVEN, NOT_EXPECTED)
                return Left(Why.FAILED, why_not) if why_not else judged
            except CouldNotTell as refused:
                return Left(Why.UNJUDGED, refused.sentence)

        yield from in_parallel(judge, batch)

    def _readable(self, entry: tuple[Candidate, Deleted]) -> Deleted | Left:
        """The same, if its bytes can be read now, and are what is expected where only they tell."""
        (bucket, key, *_), deleted = entry
        if self.failed[bucket] >= FAILED_AT_MOST:
            return Left(Why.FAILED, f'not tried, since {FAILED_AT_MOST} objects of bucket "{bucket}" failed before')
        try:
            there = self.present[bucket].head_of(key, deleted.copy.version_id)
            if there is None:
                return Left(Why.OTHERWISE, "its newest version went away meanwhile")
            if there.archived:
                return Left(Why.ARCHIVED, f"its version lies in {there.archived} and must be retrieved first")
            if not deleted.proven and self.in_vain[bucket] >= READ_IN_VAIN_AT_MOST:
                return Left(Why.UNPROVEN, f'not read, since {READ_IN_VAIN_AT_MOST} of bucket "{bucket}" were in vain')
            if not deleted.proven and not bytes_meet(key, deleted.copy, deleted.expected):
                return Left(Why.UNPROVEN, NOT_EXPECTED)
        except PrintflowError as refused:
            return Left(Why.UNJUDGED, refused.sentence)
        return deleted

    def _bring_back(self, done: HealingReport, candidate: Candidate, deleted: Deleted) -> None:
        action = _planned(candidate, deleted)
        if self.apply:
            action = carry_out(self.settings, self.records, action, automatic=True)
        if action.deed in (HealStatus.HEALED, HealStatus.PLANNED):
            self.back += 1
            done.brought_back.append(action)
        elif action.deed is HealStatus.THERE:
            done.leave(candidate, Left(Why.THERE, action.detail))
        elif action.deed is HealStatus.ERASED:
            done.leave(candidate, Left(Why.ERASED, action.detail))
        else:
            # What failed after it was written is an object more, and one that is not there holds nobody else up.
            self.back += _may_be_there(self.settings, candidate)
            self.failed[candidate.bucket] += 1
            done.leave(candidate, Left(Why.FAILED, action.detail))


def _begun(settings: Settings, records: psycopg.Connection[TupleRow], apply: bool) -> _Turn:
    """A turn, with what holds for all objects once the lock is held."""
    return _Turn(
        settings,
        records,
        apply,
        open_catalog(settings),
        BasePaths(tenancy(settings).tenants),
        erasures.in_force(records),
        file_heals.unjudged(records),
        back=file_heals.of_late(records),
    )


def _may_be_there(settings: Settings, candidate: Candidate) -> bool:
    try:
        return Presence(settings.bucket_named(candidate.bucket)).head(candidate.key) is not None
    except CouldNotTell:
        return True


def _planned(candidate: Candidate, deleted: Deleted) -> HealAction:
    copy = deleted.copy
    return HealAction(
        HealStatus.PLANNED,
        *candidate,
        f"bring version {copy.version_id} back, which a delete marker hides",
        source=candidate.bucket,
        version_id=copy.version_id,
        size=copy.size,
    )


def _unwritable(present: Presence, action: HealAction, history: Sequence[Version]) -> str:
    """Why an object cannot be written, as far as that is known without trying; empty if it can."""
    if not may_write(present.bucket):
        return f'bucket "{action.bucket}" has no heal_access_key_id in printflow.toml'
    return overwriting(present, action, {version.version_id for version in history if not version.delete_marker})
