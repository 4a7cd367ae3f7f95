"""What a key's versions tell: its newest content, and what a delete marker hides."""

from collections.abc import Iterable

from printflow_reliability.records.quarantine import Quarantined
from printflow_reliability.storage.objects import Version
from printflow_reliability.text import shell_word


def content(history: Iterable[Version]) -> Version | None:
    """The newest version that holds bytes."""
    return next((version for version in history if not version.delete_marker), None)


def hidden(row: Quarantined, shown: Version) -> str:
    """What to tell of a file that somebody wrote and that a marker, perhaps ours, hides."""
    return (
        f"a delete marker, perhaps ours, hides version {shown.version_id}, which somebody wrote since: if a row names "
        f"it, printflow files heal --key {shell_word(row.key)} --apply; if nobody deleted it, remove that marker"
    )
