"""Deleting dumps whose time is over: a plan first; the newest of a database stays, and what nothing replaces."""

from collections.abc import Mapping

from printflow_reliability.dumps.dump import Clock, utc_now
from printflow_reliability.dumps.store import open_store
from printflow_reliability.dumps.stored import Stored, StoredDump, stored_in
from printflow_reliability.dumps.verifications import Verification, newest
from printflow_reliability.locked_objects.expiry import Expiry, ExpiryReport, carried_out, left_overs, whole_copy
from printflow_reliability.settings import Settings


def expire_dumps(settings: Settings, *, apply: bool, clock: Clock = utc_now) -> ExpiryReport:
    """Delete the dumps whose locks have ended, or plan it.

    Raises:
        ConfigError: no dumps are configured.
        CouldNotTell: the bucket or the records do not answer; nothing more is deleted.
    """
    store = open_store(settings)
    plan = plan_expiry(stored_in(store), newest(settings), clock)
    return ExpiryReport(carried_out(store, plan) if apply else plan, apply, "database")


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
            plan.append(whole_copy(dump, database, why))
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
