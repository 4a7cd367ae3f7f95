"""The policy of `files.heal_automatically`: what the platform deleted although rows refer to it comes back by itself.

It follows a complete pass and its findings in the records. So many objects are brought back in a turn and no more; what
was deleted again after that is never brought back again by itself, and pages.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.errors import CouldNotTell, PrintflowError
from printflow_reliability.files.choose import bytes_meet
from printflow_reliability.files.deleted import Deleted, Left, Policy, Why
from printflow_reliability.files.heal import LOCK
from printflow_reliability.files.heal_plan import references_to
from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.files.heal_write import carry_out, overwriting
from printflow_reliability.files.healing_report import HealingReport
from printflow_reliability.files.new_objects import may_write
from printflow_reliability.files.presence import Presence, in_parallel
from printflow_reliability.files.report import ReconcileReport
from printflow_reliability.platform.catalog import Catalog, open_catalog
from printflow_reliability.platform.tenancy import BasePaths, tenancy
from printflow_reliability.records import erasures, file_heals
from printflow_reliability.records.database import exclusive, open_records
from printflow_reliability.records.erasures import Erasures
from printflow_reliability.records.file_heals import Candidate, Unjudged
from printflow_reliability.settings import Settings

JUDGED_AT_MOST = 10_000
"""Objects that one turn looks at; of a deletion by the million, the most urgent."""
AT_A_TIME = 200
INCOMPLETE = "nothing is brought back after a pass that did not go through to its end"
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
                with exclusive(records, LOCK):
                    _Turn.begin(settings, records, apply).take(done, tenants)
            else:
                _Turn.begin(settings, records, apply).take(done, tenants)
    except PrintflowError as refused:
        done.not_done = refused.sentence
    return done


@dataclass
class _Turn:
    """What one turn works with."""

    settings: Settings
    records: psycopg.Connection[TupleRow]
    apply: bool
    catalog: Catalog
    paths: BasePaths
    erased: Erasures
    unjudged: Sequence[Unjudged]

    @classmethod
    def begin(cls, settings: Settings, records: psycopg.Connection[TupleRow], apply: bool) -> "_Turn":
        """Read what holds for all objects, once the lock is held."""
        paths = BasePaths(tenancy(settings).tenants)
        return cls(
            settings,
            records,
            apply,
            open_catalog(settings),
            paths,
            erasures.in_force(records),
            file_heals.unjudged(records),
        )

    def take(self, done: HealingReport, tenants: Sequence[str] | None) -> None:
        """Judge the candidates, the most urgent first, and bring back as many as the bound allows."""
        found, number = file_heals.candidates(self.records, tenants, JUDGED_AT_MOST)
        done.beyond_bound = number - len(found)
        most = self.settings.files.heal_at_most
        coming = iter(found)
        while batch := list(itertools.islice(coming, AT_A_TIME)):
            for candidate, judged in self._judged(batch):
                if isinstance(judged, Left):
                    done.leave(candidate, judged)
                elif len(done.brought_back) + done.reasons[Why.FAILED] >= most:
                    done.beyond_bound += 1
                else:
                    self._bring_back(done, candidate, judged)

    def _judged(self, batch: Sequence[Candidate]) -> Iterator[tuple[Candidate, Deleted | Left]]:
        by_bucket: Mapping[str, list[Candidate]] = defaultdict(list)
        for candidate in batch:
            by_bucket[candidate.bucket].append(candidate)
        for bucket, candidates in by_bucket.items():
            try:
                yield from self._judged_in(bucket, candidates)
            except PrintflowError as away:  # this bucket's trouble, and no other's
                yield from ((candidate, Left(Why.UNJUDGED, away.sentence)) for candidate in candidates)

    def _judged_in(self, name: str, batch: Sequence[Candidate]) -> Iterator[tuple[Candidate, Deleted | Left]]:
        present, keys = Presence(self.settings.bucket_named(name)), [candidate.key for candidate in batch]
        policy = Policy.of(self.settings.files, present.now())
        references = references_to(self.catalog, self.paths, name, keys)
        before = file_heals.brought_back_by_itself(self.records, name, keys)
        ledger = file_heals.ledger(self.records, name, keys)

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
                judged = policy.judge(present.bucket, references.get(key, ()), history, known, before.get(key))
                return judged if isinstance(judged, Left) else self._readable(present, key, judged)
            except CouldNotTell as refused:
                return Left(Why.UNJUDGED, refused.sentence)

        yield from in_parallel(judge, batch)

    def _readable(self, present: Presence, key: str, deleted: Deleted) -> Deleted | Left:
        """The same, if its bytes can be read now, and are what is expected where only they tell."""
        there = present.head_of(key, deleted.copy.version_id)
        if there is None:
            return Left(Why.OTHERWISE, "its newest version went away meanwhile")
        if there.archived:
            return Left(Why.ARCHIVED, f"its version lies in {there.archived} and must be retrieved first")
        if not deleted.proven and not bytes_meet(key, deleted.copy, deleted.expected):
            return Left(Why.UNPROVEN, "the bytes of its newest version are not what its row or the ledger knows")
        return deleted

    def _bring_back(self, done: HealingReport, candidate: Candidate, deleted: Deleted) -> None:
        copy = deleted.copy
        where = (candidate.bucket, candidate.key, candidate.tenant, candidate.owner)
        detail = f"bring version {copy.version_id} back, which a delete marker hides"
        action = HealAction(
            HealStatus.PLANNED, *where, detail, source=candidate.bucket, version_id=copy.version_id, size=copy.size
        )
        if self.apply and not may_write(copy.bucket):
            lacking = f'bucket "{candidate.bucket}" has no heal_access_key_id in printflow.toml'
            done.leave(candidate, Left(Why.FAILED, lacking))
            return
        if self.apply:
            action = carry_out(self.settings, self.records, action, automatic=True)
        else:
            present = Presence(copy.bucket)
            if why := overwriting(present, action, {copy.version_id}):
                done.leave(candidate, Left(Why.FAILED, why))
                return
        if action.deed in (HealStatus.HEALED, HealStatus.PLANNED):
            done.brought_back.append(action)
        elif action.deed is HealStatus.THERE:
            done.leave(candidate, Left(Why.THERE, action.detail))
        elif action.deed is HealStatus.ERASED:
            done.leave(candidate, Left(Why.ERASED, action.detail))
        else:
            done.leave(candidate, Left(Why.FAILED, action.detail))
