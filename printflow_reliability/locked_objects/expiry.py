"""Deleting copies whose time is over: a plan first, and what of it the bucket let happen.

Object Lock decides, not the plan: the bucket refuses to delete what it still keeps. The manifest goes first, so that
what an interruption leaves no longer looks like a copy; the next run removes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.locked_objects.versions import Said, StoredCopy, StoredVersion

LEFT_ALONE = timedelta(days=1)
"""How old what is no whole copy must be to be deleted: a younger one may be on its way."""
LOCKED = ("AccessDenied", "ObjectLocked", "InvalidRequest")
"""What stores say of a version that they keep."""
NO_COPY = "no whole copy: its upload was interrupted, or it was added"


@dataclass(frozen=True)
class Expiry:
    """What is to become of one copy, or of what is left of one.

    Attributes:
        key, of: which, and whose; what is no whole copy is nobody's.
        versions: (key, version) of each object to delete, in order; empty for what stays.
        bytes: how much that is.
        reason: why, in a few words.
        since: from when on it might have been deleted; None for what stays.
        deleted: whether that was done; None where it was not tried.
    """

    key: str
    of: str
    versions: tuple[tuple[str, str], ...]
    bytes: int
    reason: str
    since: datetime | None = None
    deleted: bool | None = None


@dataclass(frozen=True)
class ExpiryReport:
    """The plan, and what of it was done; `owner` is what its document calls whose a copy is."""

    plan: Sequence[Expiry]
    applied: bool
    owner: str

    @property
    def refused(self) -> Sequence[Expiry]:
        """What was to be deleted and is still there."""
        return [expiry for expiry in self.plan if expiry.deleted is False]

    def as_json(self) -> dict[str, Any]:
        """The document of `dump expire --json` and `config expire --json`."""
        done = [expiry for expiry in self.plan if expiry.deleted]
        return {
            "plan": [
                {
                    "key": expiry.key,
                    self.owner: expiry.of,
                    "action": "delete" if expiry.versions else "keep",
                    "bytes": expiry.bytes,
                    "reason": expiry.reason,
                    "deleted": expiry.deleted,
                }
                for expiry in self.plan
            ],
            "done": len(done),
            "bytes": sum(expiry.bytes for expiry in (done if self.applied else self.plan) if expiry.versions),
        }


def whole_copy(copy: StoredCopy[Said], of: str, reason: str, since: datetime) -> Expiry:
    """A copy that is to be deleted, its manifest first."""
    manifest = copy.manifest
    versions = ((manifest.manifest_key, copy.manifest_version), (manifest.key, manifest.version_id))
    return Expiry(manifest.key, of, versions, manifest.bytes, reason, since)


def left_overs(versions: Sequence[StoredVersion], now: datetime) -> list[Expiry]:
    """What is no whole copy, and was not put there just now."""
    return [
        Expiry(
            version.key,
            "",
            ((version.key, version.version_id),),
            version.size,
            NO_COPY,
            version.modified_at + LEFT_ALONE,
        )
        for version in versions
        if now - version.modified_at > LEFT_ALONE
    ]


def carried_out(store: LockedStore, plan: Sequence[Expiry]) -> list[Expiry]:
    """The plan after everything in it was deleted that the bucket lets go.

    Raises:
        CouldNotTell: the bucket does not answer; nothing more is deleted.
    """
    return [_done(store, expiry) if expiry.versions else expiry for expiry in plan]


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
