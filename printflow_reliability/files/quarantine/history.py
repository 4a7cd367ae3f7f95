"""What a key's versions tell: its newest content, what a delete marker hides, and whether a copy would be older."""

from collections.abc import Sequence
from datetime import timedelta

from printflow_reliability.files.new_objects import NULL_VERSION
from printflow_reliability.records.quarantine import Quarantined
from printflow_reliability.storage.objects import Version
from printflow_reliability.text import shell_word

CLOCKS = timedelta(minutes=15)
"""How far the clocks of a store and of the records may differ: S3 refuses requests whose time is off by more."""


def content(history: Sequence[Version]) -> Version | None:
    """The newest version that holds bytes."""
    return next((version for version in history if not version.delete_marker), None)


def is_own(version: Version, row: Quarantined) -> bool:
    """Whether it is what was copied; a version "null" may have been written over in place."""
    same = version.version_id == row.version_id
    return same and (version.version_id != NULL_VERSION or version.etag == row.etag)


def is_newest(row: Quarantined, history: Sequence[Version]) -> bool:
    """Whether no content of the key is newer than what was moved aside.

    Where its own version is gone, what was there before it is older: a bucket whose versioning was suspended in the
    moment of the marker has destroyed the version "null".
    """
    shown = content(history)
    if shown is None or is_own(shown, row):
        return True
    gone = not any(is_own(version, row) for version in history if not version.delete_marker)
    return gone and shown.modified_at < row.begun_at - CLOCKS


def hidden(row: Quarantined, shown: Version) -> str:
    """What to tell of a file that somebody wrote and that a marker, perhaps ours, hides."""
    return (
        f"a delete marker, perhaps ours, hides version {shown.version_id}, which somebody wrote since: if a row names "
        f"it, printflow files heal --key {shell_word(row.key)} --apply; if nobody deleted it, remove that marker"
    )
