"""Which object was an order's print file at the recovered moment: bucket and database are of one moment only by this.

The bucket is not restored, so that a file may have been overwritten or deleted since: then its version of then counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from printflow_reliability.files.presence import KeyRefused, Presence, in_parallel
from printflow_reliability.storage.objects import ObjectHead, Version

CLOCKS = timedelta(seconds=5)
"""By how much the clocks of a bucket and of a database may differ."""


@dataclass(frozen=True)
class FileThen:
    """One key at a moment.

    Attributes:
        head: the object, or the version, of then; None where there was none or nothing can be told.
        absent: whether there surely was none.
        refused: why it cannot be told; empty if it can.
    """

    head: ObjectHead | None = None
    absent: bool = False
    refused: str = ""

    @property
    def earlier(self) -> bool:
        """Whether it is not what the key holds now."""
        return self.head is not None and self.head.prior


@dataclass(frozen=True)
class Moment:
    """What the databases stand at.

    Attributes:
        at: the moment, UTC.
        exact: whether they stand exactly there; at the end of WAL they hold what was committed some time after it.
    """

    at: datetime
    exact: bool

    @classmethod
    def of(cls, moment: datetime | None, recovered_at: datetime | None) -> "Moment":
        """Of clones at a given moment, or at the end of WAL (None), where a newest moment may be proven."""
        return cls(moment or recovered_at or datetime.now(UTC), exact=moment is not None)


def files_then(present: Presence, keys: Iterable[str], moment: Moment) -> Mapping[str, FileThen]:
    """What each of these keys held at a moment.

    Raises:
        CouldNotTell: the bucket does not answer.
    """
    return dict(in_parallel(lambda key: _file_then(present, key, moment), keys))


def of_then(history: Iterable[Version], moment: Moment) -> Version | None:
    """The version that rows of a moment mean; None if there was no object.

    Args:
        history: every version and delete marker of a key, newest first.
        moment: S3 dates to the second, so that what was made in its very second was there then. An object is written
            before the row that names it is: the first one after the moment is meant as far as clocks differ, or the
            rows themselves are later.
    """
    every = tuple(history)
    then = next((version for version in every if version.modified_at <= moment.at), None)
    if then is not None and not then.delete_marker:
        return then
    limit = moment.at + CLOCKS
    after = [
        version
        for version in every
        if version.modified_at > moment.at
        and not version.delete_marker
        and (not moment.exact or version.modified_at <= limit)
    ]
    return after[-1] if after else None


def _file_then(present: Presence, key: str, moment: Moment) -> FileThen:
    try:
        now = present.head(key)
    except KeyRefused as refused:
        return FileThen(refused=refused.refusal.reason)
    if now is not None and now.modified_at <= moment.at:
        return FileThen(now)
    try:
        then = of_then(present.history(key), moment)
    except KeyRefused as refused:
        return FileThen(refused=f"its versions cannot be listed: {refused.refusal.reason}")
    if then is None:
        return FileThen(absent=True)
    if now is not None and then.version_id == now.version_id:
        return FileThen(now)
    try:
        head = present.head_of(key, then.version_id)
    except KeyRefused as refused:
        return FileThen(refused=f"its version of then cannot be asked about: {refused.refusal.reason}")
    return FileThen(absent=True) if head is None else FileThen(replace(head, prior=True))
