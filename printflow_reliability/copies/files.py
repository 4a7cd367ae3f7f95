"""3-2-1-1-0 for print files: each bucket that references point into, its replicas, and what is locked of them.

A random sample of what the database refers to is looked for in each of them now: a listing of a million objects would
say no more of whether the replica keeps up. Versions lie where their object lies, and are no copies of their own.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from printflow_reliability.acknowledged import acknowledge
from printflow_reliability.backups.clusters import TROUBLE, ClusterVerdict, answer
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.copies.evidence import place_of_bucket
from printflow_reliability.copies.rules import Copy, Digit, digits
from printflow_reliability.copies.sampled_files import SampledFile, Verdict, replica_verdict, source_verdict
from printflow_reliability.errors import PrintflowError
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.parallel import run_parallel
from printflow_reliability.platform.catalog import Catalog, Reference, open_catalog
from printflow_reliability.platform.connect import connect
from printflow_reliability.platform.queries import Connection
from printflow_reliability.records import check_results
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import BucketSettings, ClusterSettings, Settings
from printflow_reliability.storage.clients import s3_client
from printflow_reliability.storage.lookup import By, look_up
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.storage.single_keys import Found
from printflow_reliability.text import seconds

CHECK = "copies.files"
SAMPLE, LOCKS = 48, 8
"""Files of each query that are looked for in a bucket and in its replicas, and of how many files the lock is asked."""
QUERY_SECONDS = 120
"""How long a database may take to choose the sample."""
REGENERABLE = ("derived",)
"""Kinds of references whose objects are made anew from others."""
RECONCILED = ("files.missing", "files.content")
RECONCILED_WITHIN = timedelta(hours=36)
"""How old the last reconciliation may be; one runs every night."""
There: TypeAlias = Mapping[str, Found] | PrintflowError
"""What lies under each key of the sample in one place; why that could not be asked."""


@dataclass(frozen=True)
class Sample:
    """References chosen at random, and what lies under their keys in a bucket and in its replicas, in this order."""

    places: tuple[BucketSettings, ...]
    references: tuple[Reference, ...]
    there: tuple[There, ...]


@dataclass(frozen=True)
class FileCopies:
    """The copies of a bucket's print files, and the digits of the rule for them."""

    bucket: str
    copies: tuple[Copy, ...]
    digits: tuple[Digit, ...]

    @property
    def broken(self) -> tuple[Copy, ...]:
        """Those that do not hold what they must."""
        return tuple(copy for copy in self.copies if copy.state is Outcome.FAIL)


def file_copies(settings: Settings, lock: Verdict, now: datetime) -> tuple[FileCopies, ...]:
    """What there is of the print files of every bucket that references point into.

    Args:
        settings: of the installation.
        lock: what came of trying the lock of the bucket of dumps.
        now: the time.

    Raises:
        ConfigError: a query of the catalog is refused.
        CouldNotTell: a cluster is unreachable.
    """

    def connected(cluster: ClusterSettings, database: str | None) -> AbstractContextManager[Connection]:
        return connect(cluster, database=database, statement_seconds=QUERY_SECONDS)

    catalog = open_catalog(settings, connect_with=connected)
    buckets = {
        bucket: None for entry in catalog.entries if entry.settings.kind not in REGENERABLE for bucket in entry.buckets
    }
    errors = reconciled(settings, now)
    return tuple(_of_bucket(settings, catalog, settings.bucket_named(name), lock, errors, now) for name in buckets)


def files_answer(found: Sequence[FileCopies], settings: Settings) -> CheckResult:
    """The answer of copies.files.

    A copy that does not hold what it must, a bucket without any replica and an error are failures. Where all that
    there is was verified, a digit that it does not reach is a warning, which printflow.toml may acknowledge.
    """
    verdicts = [verdict for each in found for verdict in _verdicts(each)]
    about = tuple(
        about_of(each, digit)
        for each in found
        for digit in each.digits
        if digit.outcome is Outcome.FAIL and not _fails(each, digit)
    )
    if not found:
        return CheckResult(CHECK, Outcome.PASS, "no query refers to files that could not be made anew from others")
    verified = [sum(copy.state is Outcome.PASS for copy in each.copies) for each in found]
    numbers = {"verified_file_copies": min(verified)}
    nothing_wrong = "; ".join(f"{digit.cluster}: {digit.evidence}" for each in found for digit in each.digits)
    result = answer(CHECK, verdicts, numbers, nothing_wrong=nothing_wrong, clusters=None)
    return acknowledge(replace(result, about=about), settings.acknowledged)


def about_of(found: FileCopies, digit: Digit) -> str:
    """What printflow.toml calls a digit that a bucket does not reach."""
    return f"{found.bucket}: {digit.name}"


def reconciled(settings: Settings, now: datetime) -> list[Verdict]:
    """What the last reconciliation of all references said, if it was lately."""
    try:
        with open_records(settings.records) as records:
            newest = {entry.result.check: entry for entry in check_results.newest(records) if not entry.result.scope}
    except TROUBLE as away:
        return [(Outcome.UNKNOWN, f"what the last reconciliation found is not known: {away.what}")]
    said: list[Verdict] = []
    for check in RECONCILED:
        entry = newest.get(check)
        if entry is None:
            said.append((Outcome.UNKNOWN, f"nothing has answered {check} yet: printflow files reconcile"))
            continue
        age = now - entry.answered_at
        outcome = Outcome.PASS if entry.result.outcome is Outcome.WARN else entry.result.outcome
        if outcome is Outcome.PASS and age > RECONCILED_WITHIN:
            late = f"{check} passed {seconds(age.total_seconds())} ago, and nothing has answered it since"
            said.append((Outcome.UNKNOWN, f"{late}: printflow files reconcile"))
        elif outcome is Outcome.PASS:
            said.append((outcome, f"{check} passed {seconds(max(age.total_seconds(), 0))} ago"))
        else:
            said.append((outcome, f"{check}: {entry.result.detail}; printflow files reconcile"))
    return said


def _verdicts(found: FileCopies) -> Iterator[ClusterVerdict]:
    subject = found.digits[0].cluster
    for digit in found.digits:
        outcome = digit.outcome
        if outcome is Outcome.FAIL and not _fails(found, digit):
            outcome = Outcome.WARN
        yield ClusterVerdict(outcome, f"{subject}: {digit.evidence}")
    for copy in found.broken:
        yield ClusterVerdict(Outcome.FAIL, f"{subject}: {copy.name} does not count: {copy.evidence}")


def _fails(found: FileCopies, digit: Digit) -> bool:
    """Whether a digit that does not hold is more than a decision of who set this up."""
    return digit.name == "errors" or len(found.copies) < 2


def _of_bucket(
    settings: Settings,
    catalog: Catalog,
    bucket: BucketSettings,
    lock: Verdict,
    errors: Sequence[Verdict],
    now: datetime,
) -> FileCopies:
    subject = f'print files of bucket "{bucket.name}"'
    places = [bucket, *replicas(settings, bucket)]
    try:
        sample = sampled(catalog, places)
        copies = [_copy(subject, sample, number, now) for number in range(len(places))]
    except TROUBLE as trouble:
        copies = [_unknown(subject, place, number, trouble) for number, place in enumerate(places)]
    tried = _lock_there(settings, copies, lock)
    return FileCopies(bucket.name, tuple(copies), digits(subject, copies, copies[0].place, tried, errors))


def replicas(settings: Settings, bucket: BucketSettings) -> list[BucketSettings]:
    """The replica of a bucket, the replica's own, and so on; each once."""
    found = [bucket]
    while (name := found[-1].replica) is not None and all(name != known.name for known in found):
        found.append(settings.bucket_named(name))
    return found[1:]


def sampled(catalog: Catalog, places: Sequence[BucketSettings]) -> Sample:
    """A random sample of a bucket's references, and what lies under their keys in it and in its replicas.

    Raises:
        ConfigError: a query fails on the data.
        CouldNotTell: a cluster is unreachable.
    """
    bucket = places[0].name
    references = {found.key: found for found in catalog.sample(bucket, SAMPLE, but=REGENERABLE)}
    there = [_looked_up(place, references) for place in places]
    if doubtful := [found for found in references.values() if _doubtful(found, there)]:
        # What was changed or deleted between the first look at the database and the last at a store is no fault.
        known = {(found.entry, found.key) for found in doubtful}
        again = {
            found.key: found
            for found in catalog.look_up(bucket, [found.key for found in doubtful])
            if (found.entry, found.key) in known and not found.soft_deleted
        }
        references = {key: found for key, found in references.items() if found not in doubtful} | again
        there = [_renewed(place, seen, again) for place, seen in zip(places, there, strict=True)]
    return Sample(tuple(places), tuple(references.values()), tuple(there))


def _doubtful(found: Reference, there: Sequence[There]) -> bool:
    """Whether anything is wrong with a file in any place, so that it is looked at again before it counts."""
    if isinstance(there[0], PrintflowError):
        return False
    source = there[0][found.key]
    copies = [place[found.key] for place in there if not isinstance(place, PrintflowError)]
    return any(SampledFile(found, source, copy).wrong for copy in copies)


def _renewed(place: BucketSettings, seen: There, references: Mapping[str, Reference]) -> There:
    if isinstance(seen, PrintflowError) or not references:
        return seen
    now = _looked_up(place, references)
    return now if isinstance(now, PrintflowError) else {**seen, **now}


def _looked_up(place: BucketSettings, keys: Collection[str]) -> There:
    try:
        return look_up(place, keys, By.HEAD)
    except TROUBLE as away:
        return away


def _copy(subject: str, sample: Sample, number: int, now: datetime) -> Copy:
    """What the sample proves of one of its places."""
    source, own, place = sample.there[0], sample.there[number], sample.places[number]
    if isinstance(own, PrintflowError):
        return _unknown(subject, place, number, own)
    if isinstance(source, PrintflowError):
        return _unknown(subject, place, number, source)
    heads = [(found.key, head) for found in sample.references if isinstance(head := own[found.key], ObjectHead)]
    files = [SampledFile(found, source[found.key], own[found.key]) for found in sample.references]
    state, evidence = replica_verdict(files, now) if number else source_verdict(files)
    return Copy(subject, _name(place, number), place_of_bucket(place), state, evidence, locked_of(place, heads, now))


def _unknown(subject: str, place: BucketSettings, number: int, trouble: PrintflowError) -> Copy:
    return Copy(subject, _name(place, number), place_of_bucket(place), Outcome.UNKNOWN, trouble.sentence, locked=None)


def _name(place: BucketSettings, number: int) -> str:
    return f'replica "{place.name}"' if number else "the bucket itself"


def locked_of(bucket: BucketSettings, heads: Sequence[tuple[str, ObjectHead]], now: datetime) -> bool | None:
    """Whether nobody can delete the files of the sample now, of which some are asked; None where that is not told."""
    store = LockedStore(bucket, s3_client(bucket))
    try:
        if not store.can_lock():
            return False
        asked = heads[:LOCKS]
        until = run_parallel([partial(store.locked_until, key, head.version_id) for key, head in asked])
    except TROUBLE:
        return None
    return all(moment is not None and moment > now for moment in until) if until else None


def _lock_there(settings: Settings, copies: Sequence[Copy], lock: Verdict) -> Verdict:
    """What is known of the lock of the servers that locked copies are on: one alone is tried, that of the dumps."""
    if settings.dumps is not None:
        tried = place_of_bucket(settings.bucket_named(settings.dumps.bucket)).endpoint
        if any(copy.locked and copy.place.endpoint == tried for copy in copies):
            return lock
    return Outcome.UNKNOWN, "whether its store keeps that lock was not tried: only the lock of the bucket of dumps is"
