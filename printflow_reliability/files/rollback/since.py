"""What became of each object of a bucket since a moment. Plain data: no server is asked.

A key that did not exist then is left alone. One that did, and holds other content now or none, is a step: a version of
then that is to be copied over what is current, which stays as a version.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any

from printflow_reliability.storage.objects import ARCHIVED
from printflow_reliability.storage.version_listing import Entry


class Fate(StrEnum):
    """What became of a key since the moment."""

    UNCHANGED = "unchanged"
    OVERWRITTEN = "overwritten"
    DELETED = "deleted"
    NEWER = "newer"
    GONE_AGAIN = "gone_again"
    NEVER = "never"


BROUGHT_BACK = (Fate.OVERWRITTEN, Fate.DELETED)


@dataclass(frozen=True)
class Step:
    """One object that is to be as it was.

    Attributes:
        bucket: its name in printflow.toml.
        key: exact.
        fate: why it is not as it was.
        version_id: the version of then, which is copied.
        size, etag: of that version; the etag is no checksum where it came in parts.
        before: the version that is current now, or the delete marker.
        older: whether the key held other bytes since: whoever ordered with these would get the older ones.
        tenant: under whose base path it lies; None for nobody's.
        archived: the storage class that keeps it from being copied; empty if none does.
    """

    bucket: str
    key: str
    fate: Fate
    version_id: str
    size: int
    etag: str
    before: str
    older: bool
    tenant: str | None = None
    archived: str = ""

    def as_json(self) -> dict[str, Any]:
        """As a line of a plan or a manifest has it."""
        return {**vars(self), "fate": str(self.fate)}

    @classmethod
    def of_json(cls, line: dict[str, Any]) -> "Step":
        """The step of such a line."""
        return cls(**{**line, "fate": Fate(line["fate"])})


def histories(entries: Iterable[Entry]) -> Iterator[tuple[Entry, ...]]:
    """The versions and markers of one key after the other, newest first."""
    for _, history in groupby(entries, key=lambda entry: entry.key):
        yield tuple(history)


def fate_of(history: tuple[Entry, ...], moment: datetime) -> tuple[Fate, Entry | None]:
    """What became of a key since a moment, and the version that was current then, if any was.

    Args:
        history: its versions and markers, newest first.
        moment: what was made until its very second was there then: S3 tells no more than the second.
    """
    now = history[0]
    then = next((entry for entry in history if entry.at <= moment), None)
    if then is None or then.marker:
        if not now.marker:
            return Fate.NEWER, None
        made_since = any(not entry.marker and entry.at > moment for entry in history)
        return (Fate.GONE_AGAIN if made_since else Fate.NEVER), None
    if now.marker:
        return Fate.DELETED, then
    same = now is then or (now.size, now.etag) == (then.size, then.etag)
    return (Fate.UNCHANGED if same else Fate.OVERWRITTEN), then


def step_of(bucket: str, history: tuple[Entry, ...], moment: datetime, tenant: str | None) -> Step | None:
    """What brings a key back to what it was at a moment; None where nothing has to be done."""
    fate, then = fate_of(history, moment)
    if then is None or fate not in BROUGHT_BACK:
        return None
    older = any(not entry.marker for entry in history[: history.index(then)])
    archived = then.storage_class if then.storage_class in ARCHIVED else ""
    of_then = (then.version_id, then.size, then.etag)
    return Step(bucket, then.key, fate, *of_then, history[0].version_id, older, tenant, archived)
