"""Which version of backup.info and of archive.info is whole, and which of the whole ones a repository needs.

pgBackRest keeps each twice, and both may have been written over. A version is judged by what pgBackRest reads of it
(it has the passphrase) and by the checksum that the file carries.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from printflow_reliability.backups.undelete.history import Entry, Step, Way

SECTION = re.compile(r"\[(?P<name>[^]]+)\]")
CHECKSUM = "backrest-checksum"
CURRENT_BACKUPS = "backup:current"
MOST_VERSIONS = 200
"""Of one file, newest first, that are looked at: each costs a download and a run of pgBackRest."""


@dataclass(frozen=True)
class Bookkeeping:
    """A whole version of one of the files.

    Attributes:
        version: its entry in the bucket.
        text: what it says, decrypted.
    """

    version: Entry
    text: str

    @property
    def backups(self) -> frozenset[str]:
        """The labels of the backups that it knows."""
        return frozenset(_sections(self.text).get(CURRENT_BACKUPS, {}))


def is_whole(text: str) -> bool:
    """Whether a file of pgBackRest carries the checksum of its own content."""
    sections = _sections(text)
    said = sections.get("backrest", {}).pop(CHECKSUM, None)
    parts = []
    for name, values in sections.items():
        if values:
            inner = ",".join(f"{json.dumps(key, ensure_ascii=False)}:{value}" for key, value in values.items())
            parts.append(f"{json.dumps(name, ensure_ascii=False)}:{{{inner}}}")
    found = hashlib.sha1(("{" + ",".join(parts) + "}").encode(), usedforsecurity=False).hexdigest()
    return said == json.dumps(found)


def whole_versions(histories: Iterable[Sequence[Entry]], read: Callable[[Entry], str | None]) -> list[Bookkeeping]:
    """The whole versions of a file and of its copy, newest first.

    Args:
        histories: every entry of the file, and every entry of its copy.
        read: the text of a version; None where it cannot be decrypted.
    """
    entries = [entry for history in histories for entry in history if not entry.marker]
    found = []
    for entry in sorted(entries, key=lambda entry: entry.at, reverse=True)[:MOST_VERSIONS]:
        text = read(entry)
        if text is not None and is_whole(text):
            found.append(Bookkeeping(entry, text))
    return found


def chosen(whole: Sequence[Bookkeeping], labels: frozenset[str]) -> Bookkeeping | None:
    """The version that is to be current: the newest of those that know the most backups that are there.

    Of archive.info, which knows none, that is the newest: it alone knows the WAL of the newest major version.

    Args:
        whole: newest first.
        labels: the backups whose manifests will be there.
    """
    return max(whole, key=lambda version: len(version.backups & labels), default=None)


def steps_to(choice: Bookkeeping, whole: Sequence[Bookkeeping], histories: Iterable[Sequence[Entry]]) -> list[Step]:
    """What makes the file and its copy be that version; nothing for what says the same already."""
    same = {version.version for version in whole if version.text == choice.text}
    steps = []
    for history in histories:
        if history[0] in same:
            continue
        below = next((entry for entry in history if not entry.marker), None)
        if below in same:
            markers = tuple(entry.version_id for entry in history[: history.index(below)])
            steps.append(Step(history[0].key, Way.REMOVE_MARKERS, below, markers))
        else:
            steps.append(Step(history[0].key, Way.COPY_VERSION, choice.version))
    return steps


def _sections(text: str) -> dict[str, dict[str, str]]:
    """Sections of pgBackRest's own format: a key, then a value in JSON."""
    found: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in text.splitlines():
        if match := SECTION.fullmatch(line):
            current = found.setdefault(match["name"], {})
        elif "=" in line:
            key, _, value = line.partition("=")
            current[key] = value
    return found
