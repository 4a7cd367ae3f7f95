"""The merge join of references and objects: two sorted streams in, what matches and what does not out.

Pure and in constant memory: it holds one reference, one object and the prefixes that are open at the moment.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from printflow_reliability.platform.catalog import Reference
from printflow_reliability.storage.pages import StoredObject, folder_marker

Pair: TypeAlias = tuple[Reference | None, StoredObject | None]
"""A reference with its object; a reference without one; or an object without a reference."""


@dataclass
class _Prefix:
    """A reference to everything below a path, while objects below it may still come."""

    reference: Reference
    first: StoredObject | None = None


def _never(_: str) -> bool:
    return False


def merge(
    references: Iterable[Reference],
    objects: Iterable[StoredObject],
    too_wide: Callable[[str], bool] = _never,
) -> Iterator[Pair]:
    """Join both by key; each stream must be in the byte order of its keys, and no object may come twice.

    Every reference comes out exactly once, also where several name one object. One that ends in a slash covers all
    objects below it and comes with the first of them that is no folder marker; where it is too wide, it covers nothing
    and comes without one. An object comes alone only if nothing names or covers it.
    """
    waiting = iter(references)
    reference = next(waiting, None)
    prefixes: list[_Prefix] = []
    for stored in objects:
        key = stored.key
        named = False
        while reference is not None and reference.key <= key:
            if reference.key.endswith("/") and too_wide(reference.key):
                named = named or reference.key == key
                yield reference, None
            elif reference.key.endswith("/"):
                if prefixes:
                    yield from _closed(prefixes, reference.key)
                prefixes.append(_Prefix(reference))
            elif reference.key == key:
                named = True
                yield reference, stored
            else:
                yield reference, None
            reference = next(waiting, None)
        if prefixes:
            yield from _closed(prefixes, key)
        if prefixes:
            _cover(prefixes, stored)
        elif not named:
            yield None, stored
    yield from ((prefix.reference, prefix.first) for prefix in reversed(prefixes))
    while reference is not None:
        yield reference, None
        reference = next(waiting, None)


def _closed(prefixes: list[_Prefix], key: str) -> Iterator[Pair]:
    """Take away the prefixes that end before this key: in byte order nothing below them can follow."""
    while prefixes and not key.startswith(prefixes[-1].reference.key):
        ended = prefixes.pop()
        yield ended.reference, ended.first


def _cover(prefixes: list[_Prefix], stored: StoredObject) -> None:
    """Note the first object of every open prefix; where an inner one has its first, the outer ones have theirs."""
    if folder_marker(stored.key, stored.size):
        return
    for prefix in reversed(prefixes):
        if prefix.first is not None:
            return
        prefix.first = stored
