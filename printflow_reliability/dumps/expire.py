"""Deleting dumps whose time is over: a plan first; the newest of a database stays, and so does what nothing replaces.

Object Lock decides, not this plan: the bucket refuses to delete what it still keeps. The manifest goes first, so that
what an interruption leaves no longer looks like a dump; the next run removes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from printflow_reliability.dumps.dump import Clock, utc_now
from printflow_reliability.dumps.store import open_store
from printflow_reliability.dumps.stored import Stored, StoredDump, stored_in
from printflow_reliability.dumps.verifications import Verification, newest
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.locked_objects.versions import StoredVersion
from printflow_reliability.settings import Settings

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
        deleted: whether that was done; None where it was not tried.
    """

    key: str
    database: str
    versions: tuple[tuple[str, str], ...]
    bytes: int
    reason: str
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
    """The plan, and what of it was done."""

    plan: Sequence[Expiry]
    applied: bool

    @property
    def refused(self) -> Sequence[Expiry]:
        """What was to be deleted and is still there."""
        return [expiry for expiry in self.plan if expiry.deleted is False]

    def as_json(self) -> dict[str, Any]:
        """The document of `dump expire --json`."""
        done = [expiry for expiry in self.plan if expiry.deleted]
        return {
            "plan": [expiry.as_json() for expiry in self.plan],
            "done": len(done),
            "bytes": sum(expiry.bytes for expiry in (done if self.applied else self.plan) if expiry.versions),
        }


def expire_dumps(settings: Settings, *, apply: bool, clock: Clock = utc_now) -> ExpiryReport:
    """Delete the dumps whose locks have ended, or plan it.

    Raises:
        ConfigError: no dumps are configured.
        CouldNotTell: the bucket or the records do not answer; nothing more is deleted.
    """
    store = open_store(settings)
    plan = plan_expiry(stored_in(store), newest(settings), clock)
    if not apply:
        return ExpiryReport(plan, False)
    return ExpiryReport([_done(store, expiry) if expiry.versions else expiry for expiry in plan], True)


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
            plan.append(Expiry(manifest.key, database, versions, manifest.bytes, why))
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
    return Expiry(version.key, "", versions, version.size, "no whole dump: its upload was interrupted, or it was added")


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
