"""Files that were generated again: an object that nothing names, beside a newer one that a row does name.

Two files are the same file, made twice, if they lie in one folder, the folder's path names the order that the newer one
belongs to, and their names differ by nothing but the number or time at their ends ("card.pdf", "card-2.pdf",
"card-1764441600.pdf"). Where rows name two such files the numbers count pages, not tries. Both streams are in the order
of their keys, so that only the folders above the present key are kept.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias

from printflow_reliability.storage.pages import StoredObject

TRY = re.compile(
    r"(?:(?<![a-z\d])(?:[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|\d{4}-?\d\d-?\d\d[t_ ]?[\d:.-]*z?|v?\d+|\(\d+\))|\d+)"
    r"$",
    re.IGNORECASE,
)
"""What tells one try from the next at the end of a name: a UUID, a time, a version, a number."""
PARTS = re.compile(r"[\W_]+")
LONGEST = 64
"""Characters at the end of a name in which that is looked for."""


class Named(NamedTuple):
    """An object that a row names, and whose it is ("order 10482")."""

    key: str
    owner: str | None
    modified_at: datetime


Name: TypeAlias = tuple[str, str]
"""A file's name without what tells one try from the next, and its ending: "card" and ".pdf"."""


@dataclass
class _Folder:
    """A folder while its objects still come: what rows name, of each name, and the names of the others."""

    path: str
    owners: dict[str | None, bool] = field(default_factory=dict)
    named: dict[Name, list[Named]] = field(default_factory=dict)
    alone: set[Name] = field(default_factory=set)

    def is_of(self, owner: str | None) -> bool:
        """Whether the path names that owner; one answer is kept, since a folder's files are mostly of one owner."""
        if owner not in self.owners:
            self.owners = {owner: _names(self.path, owner)}
        return self.owners[owner]


@dataclass
class Regenerations:
    """What was made again, of each folder that holds objects without a name beside named ones."""

    _newest: dict[tuple[str, Name], Named] = field(default_factory=dict)
    _open: list[_Folder] = field(default_factory=list)

    def named(self, stored: StoredObject, owner: str | None) -> None:
        """An object that a row names; each call's key is behind the last one's, or the same."""
        folder = self._at(stored.key)
        if not folder.is_of(owner):
            return
        known = folder.named.setdefault(name_of(stored.key), [])
        # Two are as good as many: which of them took an object's place cannot be told.
        if len(known) < 2 and all(other.key != stored.key for other in known):
            known.append(Named(stored.key, owner, stored.modified_at))

    def alone(self, stored: StoredObject) -> None:
        """An object that nothing names."""
        self._at(stored.key).alone.add(name_of(stored.key))

    def end(self) -> None:
        """Nothing comes any more."""
        while self._open:
            self._close()

    def superseding(self, key: str, modified_at: datetime) -> Named | None:
        """The newer file that took an object's place; None where there is none."""
        newest = self._newest.get((folder_of(key), name_of(key)))
        return newest if newest is not None and newest.modified_at > modified_at else None

    def _at(self, key: str) -> _Folder:
        path = folder_of(key)
        while self._open and not path.startswith(self._open[-1].path):
            self._close()
        if not self._open or self._open[-1].path != path:
            self._open.append(_Folder(path))
        return self._open[-1]

    def _close(self) -> None:
        folder = self._open.pop()
        for name in folder.alone & folder.named.keys():
            if len(folder.named[name]) == 1:
                self._newest[folder.path, name] = folder.named[name][0]


def folder_of(key: str) -> str:
    """What precedes the name, with its slash."""
    return key[: key.rfind("/") + 1]


def name_of(key: str) -> Name:
    """The file's name without what tells one try from the next, and its ending in lower case, empty without one."""
    name = key[key.rfind("/") + 1 :]
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    start, tail = stem[:-LONGEST], stem[-LONGEST:]
    return start + TRY.sub("", tail).rstrip("-_. "), dot + ending.lower()


def _names(path: str, owner: str | None) -> bool:
    """Whether a path names an owner: "orders/7/v2/" names "order 7", "orders/70/" does not."""
    sought = [part for part in PARTS.split((owner or "").partition(" ")[2]) if part]
    found = PARTS.split(path)
    return bool(sought) and any(found[at : at + len(sought)] == sought for at in range(len(found)))
