"""Is the newest copy recent, can nobody delete it, was it read whole? Judged alike, whatever it is a copy of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from printflow_reliability.backups.clusters import ClusterVerdict
from printflow_reliability.checks import Outcome
from printflow_reliability.locked_objects.store import CLOCK_SECONDS, LockedStore
from printflow_reliability.locked_objects.versions import Said, StoredCopy
from printflow_reliability.text import seconds


@dataclass(frozen=True)
class Promise:
    """How old something may be.

    Attributes:
        most_seconds: allowed age.
        now: the time.
        again: the command that renews it.
    """

    most_seconds: float
    now: datetime
    again: str


class Verified(Protocol):
    """What the records know of a verification that came to an answer."""

    @property
    def verified_at(self) -> datetime: ...

    @property
    def good(self) -> bool: ...

    @property
    def detail(self) -> str: ...


def age_trouble(taken_at: datetime, promise: Promise, *, what: str) -> ClusterVerdict | None:
    """What is wrong with the age of the newest copy; None where it is recent. `what` names it in the sentence."""
    age = (promise.now - taken_at).total_seconds()
    if age < -CLOCK_SECONDS:
        ahead = f"{what} was taken {seconds(-age)} from now: a clock is wrong, here or there"
        return ClusterVerdict(Outcome.UNKNOWN, ahead)
    if age > promise.most_seconds:
        old = f"{what} is {seconds(age)} old, allowed are {seconds(promise.most_seconds)}"
        return ClusterVerdict(Outcome.FAIL, f"{old}; {promise.again}")
    return None


def lock_trouble(store: LockedStore, copy: StoredCopy[Said], now: datetime, *, what: str) -> ClusterVerdict | None:
    """What is wrong with the lock of a copy; None where nobody can delete or hide it. `what` names it.

    Raises:
        CouldNotTell: the store does not answer.
    """
    manifest = copy.manifest
    until = store.locked_until(manifest.key, manifest.version_id)
    if until is None or until <= now:
        return ClusterVerdict(Outcome.FAIL, f"{what}, {manifest.key}, is not locked: whoever can write can delete it")
    if copy.hidden:
        return ClusterVerdict(
            Outcome.WARN,
            f"{what}, {manifest.key}, was deleted or overwritten; its locked version {manifest.version_id} is still "
            "there. Find out who did that, and change that key",
        )
    return None


def never_verified(since: datetime, promise: Promise, *, subject: str = "", what: str) -> ClusterVerdict:
    """The verdict where no verification came to an answer: unknown at first, and red once there was time for it.

    Args:
        since: when there was first something to verify.
        promise: how long ago a verification may have been, and the command that verifies.
        subject: what the sentence begins with.
        what: names the copies in it, in the plural.
    """
    late = (promise.now - since).total_seconds() > promise.most_seconds
    never = f"{subject}none of {what} has been verified yet; {promise.again}"
    return ClusterVerdict(Outcome.FAIL if late else Outcome.UNKNOWN, never)


def verification_trouble(
    found: Verified, promise: Promise, *, subject: str = "", what: str, another: str
) -> ClusterVerdict | None:
    """What is wrong with the newest verification; None where it was good, and made in time.

    Args:
        found: the newest verification that came to an answer.
        promise, subject, what: as of `never_verified`.
        another: the command that takes another copy.
    """
    if not found.good:
        return ClusterVerdict(Outcome.FAIL, f"{subject}{found.detail}; take another: {another}")
    age = (promise.now - found.verified_at).total_seconds()
    if age < -CLOCK_SECONDS:
        ahead = f"{subject}{what} were verified {seconds(-age)} from now: a clock is wrong, here or the records'"
        return ClusterVerdict(Outcome.UNKNOWN, ahead)
    if age > promise.most_seconds:
        allowed = seconds(promise.most_seconds)
        return ClusterVerdict(
            Outcome.FAIL,
            f"{subject}{what} were last verified {seconds(age)} ago, allowed are {allowed}; {promise.again}",
        )
    return None
