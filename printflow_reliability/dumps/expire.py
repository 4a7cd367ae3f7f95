"""Deleting dumps whose time is over: a plan first; the newest of a database stays, and so does what nothing replaces.

Object Lock decides, not this plan: the bucket refuses to delete what it still keeps. The manifest goes first, so that
what an interruption leaves no longer looks like a dump; the next run removes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from printflow_reliability.backups.clusters import TROUBLE
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.dumps.dump import Clock, utc_now
from printflow_reliability.dumps.store import open_store, required
from printflow_reliability.dumps.stored import Stored, StoredDump, stored_in
from printflow_reliability.dumps.verifications import Verification, newest
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.locked_objects.versions import StoredVersion
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted, printable

CHECK = "dump.retention"

LEFT_ALONE = timedelta(days=1)
"""How old what is no whole dump must be to be deleted: a younger one may be on its way."""
LOCKED = ("AccessDenied", "ObjectLocked", "InvalidRequest")
"""What stores say of a version that they keep."""


@dataclass(frozen=True)
class Expiry:
    """What is to become of one dump, or of what is left of one.

    Attributes:
        key, database: which; without a database it is no whole dump.
        versions: (key, version) of each object to delete, in order; empty for what stays.
        bytes: how much that is.
        reason: why, in a few words.
        since: from when on it might have been deleted; None for what stays.
        deleted: whether that was done; None where it was not tried.
    """

    key: str
    database: str
    versions: tuple[tuple[str, str], ...]
    bytes: int
    reason: str
    since: datetime | None = None
    deleted: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """As `dump expire --json` shows it."""
        return {
            "key": self.key,
            "database": self.database,
            "action": "delete" if self.versions else "keep",
            "bytes": self.bytes,
            "reason": self.reason,
            "deleted": self.deleted,
        }


@dataclass(frozen=True)
class ExpiryReport:
    """The plan, and what of it was done.

    Attributes:
        late_before: what might have been deleted before this moment and is still there is overdue.
    """

    plan: Sequence[Expiry]
    applied: bool
    late_before: datetime

    @property
    def refused(self) -> Sequence[Expiry]:
        """What was to be deleted and is still there."""
        return [expiry for expiry in self.plan if expiry.deleted is False]

    @property
    def overdue(self) -> Sequence[Expiry]:
        """What should be gone for long."""
        return [each for each in self.plan if not each.deleted and each.since and each.since < self.late_before]

    @property
    def numbers(self) -> dict[str, int | float]:
        """Counts and sizes of what the plan is about."""
        expiring = [each for each in self.plan if each.versions and not each.deleted]
        return {
            "kept_dumps": sum(1 for each in self.plan if not each.versions),
            "expiring_dumps": len(expiring),
            "expiring_bytes": sum(each.bytes for each in expiring),
            "overdue_dumps": len(self.overdue),
            "deleted_dumps": sum(1 for each in self.plan if each.deleted),
        }

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        """The answer of dump.retention."""
        if self.refused:
            refused = f"the bucket refuses to delete {counted(len(self.refused), 'dump')}, the first is "
            said = f"{refused}{printable(self.refused[0].key)}; may its key delete versions?"
            return (CheckResult(CHECK, Outcome.FAIL, said, self.numbers),)
        if self.overdue:
            late = f"{counted(len(self.overdue), 'dump')} should have been deleted long ago, the first is "
            said = f"{late}{printable(self.overdue[0].key)}; printflow dump expire --apply"
            return (CheckResult(CHECK, Outcome.FAIL, said, self.numbers),)
        kept, expiring = self.numbers["kept_dumps"], self.numbers["expiring_dumps"]
        said = f"{counted(int(kept), 'dump')} kept; {expiring} to delete, none of them for long"
        return (CheckResult(CHECK, Outcome.PASS, said, self.numbers),)

    def as_json(self) -> dict[str, Any]:
        """The document of `dump expire --json`."""
        done = [expiry for expiry in self.plan if expiry.deleted]
        return {
            "plan": [expiry.as_json() for expiry in self.plan],
            "done": len(done),
            "bytes": sum(expiry.bytes for expiry in (done if self.applied else self.plan) if expiry.versions),
            "overdue": [expiry.key for expiry in self.overdue],
        }


@dataclass(frozen=True)
class Unjudged:
    """There is no plan, and the check says why."""

    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float] = field(default_factory=dict)
    plan: Sequence[Expiry] = ()

    def as_json(self) -> dict[str, Any]:
        """An empty plan."""
        return {"plan": [], "done": 0, "bytes": 0, "overdue": []}


def expire_dumps(settings: Settings, *, apply: bool, clock: Clock = utc_now) -> ExpiryReport:
    """Delete the dumps whose locks have ended, or plan it.

    Raises:
        ConfigError: no dumps are configured.
        CouldNotTell: the bucket or the records do not answer; nothing more is deleted.
    """
    store = open_store(settings)
    plan = plan_expiry(stored_in(store), newest(settings), clock)
    late_before = clock() - timedelta(days=required(settings).overdue_days)
    if not apply:
        return ExpiryReport(plan, False, late_before)
    done = [_done(store, expiry) if expiry.versions else expiry for expiry in plan]
    return ExpiryReport(done, True, late_before)


def judged_expiry(settings: Settings, *, apply: bool) -> ExpiryReport | Unjudged:
    """As `expire_dumps`; what cannot be told is the check's answer, so that nobody takes silence for order."""
    try:
        return expire_dumps(settings, apply=apply)
    except TROUBLE as trouble:
        return Unjudged((CheckResult(CHECK, Outcome.UNKNOWN, trouble.sentence),))


def plan_expiry(
    stored: Stored, verified: Mapping[tuple[str, str], Verification], clock: Clock = utc_now
) -> list[Expiry]:
    """What is to become of everything in the bucket, oldest first.

    Args:
        stored: what lies there.
        verified: the newest verification of each database, by cluster and database.
        clock: the time by which locks have ended.
    """
    now = clock()
    plan = []
    for dump in stored.dumps:
        manifest = dump.manifest
        database = f"{manifest.cluster}/{manifest.database}"
        stays = _stays(dump, stored, verified.get((manifest.cluster, manifest.database)))
        if manifest.locked_until > now:
            plan.append(Expiry(manifest.key, database, (), manifest.bytes, f"locked until {manifest.locked_until:%F}"))
        elif stays:
            plan.append(Expiry(manifest.key, database, (), manifest.bytes, stays))
        else:
            versions = ((manifest.manifest_key, dump.manifest_version), (manifest.key, manifest.version_id))
            why = f"{manifest.retention}, its lock ended {manifest.locked_until:%F}"
            plan.append(Expiry(manifest.key, database, versions, manifest.bytes, why, manifest.locked_until))
    for version in stored.incomplete:
        if now - version.modified_at > LEFT_ALONE:
            plan.append(_incomplete(version))
    return plan


def _stays(dump: StoredDump, stored: Stored, verified: Verification | None) -> str:
    """Why a dump stays although its lock has ended; empty if it does not."""
    manifest = dump.manifest
    newer = [
        other for other in stored.of(manifest.cluster, manifest.database) if other.manifest.taken_at > manifest.taken_at
    ]
    if not newer:
        return "the newest of its database"
    if verified is None or not verified.good or verified.taken_at <= manifest.taken_at:
        return "no newer dump of its database was verified and found good"
    return ""


def _incomplete(version: StoredVersion) -> Expiry:
    versions = ((version.key, version.version_id),)
    why = "no whole dump: its upload was interrupted, or it was added"
    return Expiry(version.key, "", versions, version.size, why, version.modified_at + LEFT_ALONE)


def _done(store: LockedStore, expiry: Expiry) -> Expiry:
    with store.errors():
        for key, version in expiry.versions:
            try:
                store.client.delete_object(Bucket=store.bucket.bucket, Key=key, VersionId=version)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in LOCKED:
                    raise
                return replace(expiry, deleted=False, reason=f"{expiry.reason}; the bucket refuses to delete it")
    return replace(expiry, deleted=True)
