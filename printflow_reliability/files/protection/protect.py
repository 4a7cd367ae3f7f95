"""`files protect`: are the objects of the database protected from deletion, loss and strangers? Nothing is changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from printflow_reliability.acknowledged import acknowledge
from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.checks import CheckResult, Outcome, worst
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.protection import judgement
from printflow_reliability.files.protection.configuration import read_configuration
from printflow_reliability.files.protection.item import Item
from printflow_reliability.files.protection.lifecycle import lifecycle, longest_retention
from printflow_reliability.files.protection.public_access import public_access, public_access_block
from printflow_reliability.files.protection.replication import NO_SAMPLE, Sample, replication, take_sample
from printflow_reliability.platform.catalog import open_catalog
from printflow_reliability.platform.tenancy import tenancy
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.text import counted

CHECK = "files.protection"
ANSWERS = "answers"
"""The item of a bucket that does not answer: nothing else can be said of it."""
WORST_FIRST = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN)


@dataclass(frozen=True)
class BucketProtection:
    """One bucket: its items in the order of `items_of`, and how its sample of the replica came out."""

    name: str
    items: Sequence[Item]
    sample: Sample = NO_SAMPLE

    @property
    def outcome(self) -> Outcome:
        """The worst of its items."""
        return worst(item.counts_as for item in self.items)


@dataclass(frozen=True)
class ProtectionReport:
    """Every bucket that references point into, who may read the place of orphans, and the check's answer."""

    buckets: Sequence[BucketProtection]
    checks: tuple[CheckResult, ...]

    @property
    def worst_first(self) -> Sequence[tuple[str, Item]]:
        """Every item with its bucket's name, those that are not as they should be first."""
        every = [(bucket.name, item) for bucket in self.buckets for item in bucket.items]
        return sorted(every, key=lambda found: (*WORST_FIRST, Outcome.PASS).index(found[1].outcome))

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """How many buckets and items, and what the samples showed."""
        return _numbers(self.buckets)

    def as_json(self) -> dict[str, Any]:
        """As `files protect --json` shows it."""
        return {
            "ok": all(check.outcome is Outcome.PASS for check in self.checks),
            "buckets": [
                {"name": bucket.name, "checks": [item.as_json() for item in bucket.items]} for bucket in self.buckets
            ],
            "numbers": dict(self.numbers),
            "checks": [check.as_json() for check in self.checks],
        }


@operation("files protect")
def check_protection(settings: Settings) -> ProtectionReport:
    """Judge the protection of every bucket that references point into, and who may read `files.quarantine_bucket`.

    Raises:
        ConfigError: a query is refused by its database, or a bucket's settings cannot be used.
    """
    names, folders, trouble = _looked_at(settings)
    longest = longest_retention(settings)
    buckets = [_judged(settings, settings.bucket_named(name), folders, longest) for name in names]
    place = settings.files.quarantine_bucket
    if place is not None and place not in names:
        buckets.append(access(settings.bucket_named(place)))
    return report(settings, buckets, trouble)


def report(settings: Settings, buckets: Sequence[BucketProtection], trouble: str = "") -> ProtectionReport:
    """The check's answer on these buckets; `trouble` is why there may be others."""
    unwell = [
        (item.counts_as, f'bucket "{bucket.name}", {item.words}: {item.detail}', f"{bucket.name} {item.words}")
        for bucket in buckets
        for item in bucket.items
        if item.counts_as is not Outcome.PASS
    ]
    if trouble:
        unwell.append((Outcome.UNKNOWN, f"whether rows name other buckets is not known: {trouble}", ""))
    unwell.sort(key=lambda found: WORST_FIRST.index(found[0]))
    outcome = worst([Outcome.PASS, *(found for found, _, _ in unwell)])
    whole = f"{counted(len(buckets), 'bucket')}: versions outlive the backups, and strangers are kept out"
    answer = CheckResult(
        CHECK,
        outcome,
        "; ".join(sentence for _, sentence, _ in unwell) or whole,
        _numbers(buckets),
        about=tuple(about for found, _, about in unwell if found is Outcome.WARN),
    )
    return ProtectionReport(buckets, (acknowledge(answer, settings.acknowledged),))


def _looked_at(settings: Settings) -> tuple[Sequence[str], Sequence[str], str]:
    """The buckets, the tenants' folders, and why there may be more of either."""
    named = {reference.bucket for reference in settings.reference}
    try:
        named |= {*open_catalog(settings).buckets} & {bucket.name for bucket in settings.bucket}
        folders = [path for tenant in tenancy(settings).tenants for path in tenant.base_paths]
    except CouldNotTell as away:
        return sorted(named), (), away.what
    return sorted(named), folders, ""


def _judged(settings: Settings, bucket: BucketSettings, folders: Sequence[str], longest: int) -> BucketProtection:
    replica = settings.bucket_named(bucket.replica) if bucket.replica else None
    try:
        found = read_configuration(bucket)
    except CouldNotTell as away:
        return BucketProtection(bucket.name, (Item(ANSWERS, Outcome.UNKNOWN, away.what),))
    rules = found.replication.value.get("ReplicationConfiguration", {}).get("Rules", ())
    sample = take_sample(bucket, replica, folders) if replica or rules else NO_SAMPLE
    items = (
        judgement.versions(bucket, found),
        judgement.object_lock(bucket, found, longest),
        judgement.mfa_delete(bucket, found),
        lifecycle(bucket, found, longest),
        replication(bucket, replica, found, sample),
        public_access(bucket, found),
        public_access_block(bucket, found),
        judgement.encryption(bucket, found),
    )
    return BucketProtection(bucket.name, items, sample)


def access(bucket: BucketSettings) -> BucketProtection:
    """Who may read a bucket that customers' files are copied into: nothing else of it is the database's matter."""
    try:
        return BucketProtection(bucket.name, (public_access(bucket, read_configuration(bucket)),))
    except CouldNotTell as away:
        return BucketProtection(bucket.name, (Item(ANSWERS, Outcome.UNKNOWN, away.what),))


def _numbers(buckets: Sequence[BucketProtection]) -> dict[str, int | float]:
    outcomes = [item.outcome for bucket in buckets for item in bucket.items]
    return {
        "protected_buckets": sum(bucket.outcome is Outcome.PASS for bucket in buckets),
        "protections_failed": outcomes.count(Outcome.FAIL),
        "protections_unknown": outcomes.count(Outcome.UNKNOWN),
        "sampled_objects": sum(len(bucket.sample.objects) for bucket in buckets),
        "objects_not_replicated": sum(len(bucket.sample.missing) for bucket in buckets),
        "replication_lag_seconds": max((bucket.sample.lag_seconds for bucket in buckets), default=0.0),
    }
