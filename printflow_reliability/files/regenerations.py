"""Files that were generated again: an object that nothing names, beside a newer one that a row does name.

One folder holds the files of one order and version; in it, two files with the same ending are the same file, made
twice. Both streams are in the order of their keys, so that only the folders above the present key are kept.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from printflow_reliability.storage.pages import StoredObject


class Named(NamedTuple):
    """An object that a row names, and whose it is ("order 10482")."""

    key: str
    owner: str | None
    modified_at: datetime


@dataclass
class _Folder:
    """A folder while its objects still come: the newest named object of each ending, and the endings of the others."""

    path: str
    named: dict[str, Named] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)


@dataclass
class Regenerations:
    """What was made again, of each folder that holds objects without a name beside named ones."""

    _newest: dict[tuple[str, str], Named] = field(default_factory=dict)
    _open: list[_Folder] = field(default_factory=list)

    def named(self, stored: StoredObject, owner: str | None) -> None:
        """An object that a row names; each call's key is behind the last one's, or the same."""
        folder, ending = self._at(stored.key), ending_of(stored.key)
        known = folder.named.get(ending)
        if known is None or known.modified_at < stored.modified_at:
            folder.named[ending] = Named(stored.key, owner, stored.modified_at)

    def alone(self, stored: StoredObject) -> None:
        """An object that nothing names."""
        self._at(stored.key).alone.add(ending_of(stored.key))

    def end(self) -> None:
        """Nothing comes any more."""
        while self._open:
            self._close()

    def superseding(self, key: str, modified_at: datetime) -> Named | None:
        """The newer file that took an object's place; None where there is none."""
        newest = self._newest.get((folder_of(key), ending_of(key)))
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
        for ending in folder.alone & folder.named.keys():
            self._newest[folder.path, ending] = folder.named[ending]


def folder_of(key: str) -> str:
    """What precedes the name, with its slash."""
    return key[: key.rfind("/") + 1]


def ending_of(key: str) -> str:
    """The ending of a name, in lower case: ".pdf"; empty where it has none."""
    name = key[key.rfind("/") + 1 :]
    return name[dot:].lower() if (dot := name.rfind(".")) >= 0 else ""
