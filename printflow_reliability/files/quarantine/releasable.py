"""Whether a release would really bring a key's newest content back: the manifest may be older than a lifecycle."""

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.files.presence import KeyRefused, Presence
from printflow_reliability.files.quarantine.history import content, is_newest, is_own
from printflow_reliability.records.quarantine import Quarantined
from printflow_reliability.settings import Settings
from printflow_reliability.storage.single_keys import Refusal


def releasable(settings: Settings, present: Presence, row: Quarantined) -> bool | Refusal:
    """Whether the version of a row, or its copy, is there, and nothing newer; or why that is not known.

    Args:
        settings: the whole file.
        present: the bucket of the row.
        row: of a key that shows no object now.
    """
    try:
        history = present.history(row.key)
        shown = content(history)
        if not is_newest(row, history):  # what was written since is newer than what was moved aside
            return False
        if shown is not None and is_own(shown, row):
            return True
        place = Presence(settings.bucket_named(row.place))
        return row.place_version is not None and place.head_of(row.place_key, row.place_version) is not None
    except KeyRefused as refused:
        return refused.refusal
    except (ConfigError, CouldNotTell) as away:
        return Refusal(f"whether its copy in quarantine is still there is not known: {away.what}")
