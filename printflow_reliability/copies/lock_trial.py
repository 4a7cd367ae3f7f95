"""Trying whether a lock holds: what a store says of Object Lock is believed once it has refused to break one.

The trial needs an object that is locked: it is put at a key of its own for a day, and used again until that has ended.
A refusal proves a lock only where the same credentials may delete what is not locked; otherwise they lack the right.
"""

from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.locked_objects.store import MODE, LockedStore

LOCKED_FOR = timedelta(days=1)
USED_UNTIL = timedelta(hours=1)
"""How long a lock must still last to be tried again: it must not end in mid-trial."""
REFUSALS = ("AccessDenied", "InvalidRequest", "MethodNotAllowed", "ObjectLocked", "InvalidRetentionPeriod")
BODY = b"Whether this object can be deleted before its time is tried every day. It is nothing else.\n"


def try_lock(store: LockedStore, key: str, now: datetime) -> tuple[Outcome, str]:
    """Try to delete a locked object, and to shorten its lock; both must be refused.

    Args:
        store: the bucket.
        key: of the object that is tried; another object beside it is made and deleted.
        now: as of the store's clock.

    Returns:
        Whether the lock holds, and a sentence; unknown where it could not be tried.

    Raises:
        CouldNotTell: the store does not answer.
    """
    name = store.bucket.bucket
    if not _may_delete(store, f"{key}.unlocked"):
        return (
            Outcome.UNKNOWN,
            f'the lock of bucket "{store.bucket.name}" could not be tried: its key may not delete versions at all, so '
            "that a refusal proves nothing",
        )
    version = _canary(store, key, now)
    if not _refused(store, lambda: store.client.delete_object(Bucket=name, Key=key, VersionId=version)):
        return Outcome.FAIL, f'a version under Object Lock in bucket "{store.bucket.name}" could be deleted'
    shorter: Any = {"Mode": MODE, "RetainUntilDate": now + timedelta(minutes=1)}

    def shorten() -> object:
        return store.client.put_object_retention(Bucket=name, Key=key, VersionId=version, Retention=shorter)

    if not _refused(store, shorten):
        return Outcome.FAIL, f'a lock in COMPLIANCE mode in bucket "{store.bucket.name}" could be shortened'
    if store.locked_until(key, version) is None:
        return Outcome.FAIL, f'bucket "{store.bucket.name}" refused to break a lock, and it is gone all the same'
    return Outcome.PASS, f'bucket "{store.bucket.name}" refused to delete a locked version, and to shorten its lock'


def _canary(store: LockedStore, key: str, now: datetime) -> str:
    """A version that is locked for some time yet."""
    with store.errors():
        listed = store.client.list_object_versions(Bucket=store.bucket.bucket, Prefix=key).get("Versions", ())
    for found in listed:
        if found["Key"] == key:
            until = store.locked_until(key, found["VersionId"])
            if until is not None and until - now > USED_UNTIL:
                return found["VersionId"]
    until = (now + LOCKED_FOR).replace(microsecond=0)
    with store.errors():
        answer = store.client.put_object(
            Bucket=store.bucket.bucket, Key=key, Body=BODY, ObjectLockMode=MODE, ObjectLockRetainUntilDate=until
        )
    store.require_locked(key, answer["VersionId"], until)
    return answer["VersionId"]


def _may_delete(store: LockedStore, key: str) -> bool:
    """Whether these credentials may delete a version that is not locked: a delete marker, which none ever is."""
    name = store.bucket.bucket
    with store.errors():
        try:
            marker = store.client.delete_object(Bucket=name, Key=key).get("VersionId")
            if marker is None:
                raise CouldNotTell(f'bucket "{store.bucket.name}" keeps no versions', "see whether it has Object Lock")
            store.client.delete_object(Bucket=name, Key=key, VersionId=marker)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in REFUSALS:
                return False
            raise
        left = store.client.list_object_versions(Bucket=name, Prefix=key).get("DeleteMarkers", ())
    return not any(found["VersionId"] == marker for found in left)


def _refused(store: LockedStore, attempt: Any) -> bool:
    with store.errors():
        try:
            attempt()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in REFUSALS:
                return True
            raise
    return False
