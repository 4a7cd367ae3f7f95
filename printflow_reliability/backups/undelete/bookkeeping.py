"""Which version of backup.info and of archive.info is whole, and which of the whole ones a repository needs.

pgBackRest keeps each twice, and both may have been written over. A version is judged by what pgBackRest reads of it
(it has the passphrase) and by the checksum that the file carries.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.backups.undelete.history import Step, Way
from printflow_reliability.storage.version_listing import Entry
from printflow_reliability.text import counted, moment

SECTION = re.compile(r"\[(?P<name>[^]]+)\]")
CHECKSUM = "backrest-checksum"
CURRENT_BACKUPS = "backup:current"
CLUSTERS, CIPHER = "db:history", "cipher"
MOST_VERSIONS = 200
"""Of one file, newest first, that are looked at: each costs a download and a run of pgBackRest.

So many of all, and so many of those from before the moment: whoever writes a thousand new ones hides none of these.
"""
LARGEST = 64 * 1024**2
"""Bytes of a version that is looked at; thousands of backups make a file of some megabytes."""


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

    def continues(self, older: "Bookkeeping") -> bool:
        """Whether it goes on from another version: the same key, and at least the clusters that that one knew.

        Not so after `stanza-create` in an empty repository: it makes a new key, with which no older file can be read.
        """
        own, before = _sections(self.text), _sections(older.text)
        clusters = own.get(CLUSTERS, {})
        known = all(clusters.get(number) == cluster for number, cluster in before.get(CLUSTERS, {}).items())
        return known and own.get(CIPHER) == before.get(CIPHER)


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


def whole_versions(
    histories: Iterable[Sequence[Entry]], read: Callable[[Entry], str | None], before: datetime
) -> list[Bookkeeping]:
    """The whole versions of a file and of its copy, newest first.

    Args:
        histories: every entry of the file, and every entry of its copy.
        read: the text of a version; None where it cannot be decrypted.
        before: the moment whose listing is to come back.
    """
    entries = [e for history in histories for e in history if not e.marker and e.size <= LARGEST]
    entries.sort(key=lambda entry: entry.at, reverse=True)
    older = [entry for entry in entries if entry.at < before]
    found = []
    for entry in dict.fromkeys((*entries[:MOST_VERSIONS], *older[:MOST_VERSIONS])):
        text = read(entry)
        if text is not None and is_whole(text):
            found.append(Bookkeeping(entry, text))
    return found


def chosen(whole: Sequence[Bookkeeping], labels: frozenset[str], before: datetime) -> Bookkeeping | None:
    """The version that is to be current: the newest of those that know the most backups that are there, and no other.

    Of archive.info, which knows none, that is the newest: it alone knows the WAL of the newest major version. What does
    not go on from the version of then is left alone: without its key, nothing that comes back can be read.

    Args:
        whole: newest first.
        labels: the backups whose manifests will be there.
        before: the moment whose listing is to come back.
    """
    of_then = next((version for version in whole if version.version.at < before), None)
    fitting = [version for version in whole if of_then is None or version.continues(of_then)]
    # pgBackRest restores the newest backup that it knows, there or not.
    return max(fitting, key=lambda v: (len(v.backups & labels), -len(v.backups - labels)), default=None)


def shortcomings(name: str, choice: Bookkeeping, whole: Sequence[Bookkeeping], labels: frozenset[str]) -> list[str]:
    """What will be wrong although that version is current.

    Args:
        name: of the file, below the repository's path.
        choice: the version.
        whole: all whole versions, newest first.
        labels: the backups whose manifests will be there.
    """
    found = []
    if not whole[0].continues(choice):
        found.append(
            f"{name} was made anew by stanza-create at {moment(whole[0].version.at)}: what was stored with it since "
            "cannot be read with the older version, which comes back"
        )
    if gone := sorted(choice.backups - labels):
        found.append(
            f"{name} lists {counted(len(gone), 'backup')} without a manifest ({', '.join(gone[:3])}): deleted before "
            "that moment, or made since and deleted too; another --before would bring them back"
        )
    return found


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
