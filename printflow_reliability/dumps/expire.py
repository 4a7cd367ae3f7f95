"""Deleting dumps whose time is over: a plan first; the newest of a database stays, and what nothing replaces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from printflow_reliability.backups.clusters import TROUBLE
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.dumps.dump import Clock, utc_now
from printflow_reliability.dumps.store import open_store, required
from printflow_reliability.dumps.stored import Stored, StoredDump, stored_in
from printflow_reliability.dumps.verifications import Verification, newest
from printflow_reliability.locked_objects.expiry import Expiry, ExpiryReport, carried_out, left_overs, whole_copy
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted, printable

CHECK = "dump.retention"


@dataclass(frozen=True)
class DumpExpiry(ExpiryReport):
    """The plan for dumps, and what of it was done.

    Attributes:
        late_before: what might have been deleted before this moment and is still there is overdue.
    """

    late_before: datetime

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
        return {**super().as_json(), "overdue": [expiry.key for expiry in self.overdue]}


@dataclass(frozen=True)
class Unjudged:
    """There is no plan, and the check says why."""

    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float] = field(default_factory=dict)
    plan: Sequence[Expiry] = ()

    def as_json(self) -> dict[str, Any]:
        """An empty plan."""
        return {"plan": [], "done": 0, "bytes": 0, "overdue": []}


def expire_dumps(settings: Settings, *, apply: bool, clock: Clock = utc_now) -> DumpExpiry:
    """Delete the dumps whose locks have ended, or plan it.

    Raises:
        ConfigError: no dumps are configured.
        CouldNotTell: the bucket or the records do not answer; nothing more is deleted.
    """
    store = open_store(settings)
    plan = plan_expiry(stored_in(store), newest(settings), clock)
    late_before = clock() - timedelta(days=required(settings).overdue_days)
    return DumpExpiry(carried_out(store, plan) if apply else plan, apply, "database", late_before)


def judged_expiry(settings: Settings, *, apply: bool) -> DumpExpiry | Unjudged:
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
            why = f"{manifest.retention}, its lock ended {manifest.locked_until:%F}"
            plan.append(whole_copy(dump, database, why, manifest.locked_until))
    return [*plan, *left_overs(stored.incomplete, now)]


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
