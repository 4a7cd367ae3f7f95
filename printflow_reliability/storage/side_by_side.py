"""LIST over many prefixes side by side, given out in the order of one listing.

A listing that does not end within a few pages is divided by the names one level below it, which a listing with a
delimiter tells, and each part likewise. Parts are told apart by how their keys begin, never by where a listing is to
go on: so a store that lists out of order still shows each object in exactly one part.
"""

import itertools
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from printflow_reliability.storage.objects import UNWRITABLE
from printflow_reliability.storage.pages import Page, StoredObject, circle
from printflow_reliability.storage.workers import Workers

PAGES_ALONE = 4
"""A listing of no more pages than this stays one."""
WORTH_A_FOLDER = 2
"""Objects for each name below a prefix, on average, from which on its names are worth asking for."""
DEEPEST = 32
"""Parts of parts; more of them only a name made on purpose would need."""
DELIMITER = "/"
TOLD_OTHERWISE = re.compile(f"{UNWRITABLE.pattern}|\ufffd")
ODD = re.compile(r"(^|/)(\.{0,2})/")
"""Names that some stores take for file paths, and then look for elsewhere: with `//`, `./` or `../`."""

Fetch: TypeAlias = Callable[[str, str, str | None], Page]
"""One answer of LIST by prefix, delimiter ("" for none) and continuation token."""


class OrderBroken(Exception):
    """The store listed a key that sorts before the one it listed last, or shows nothing below a name that it told."""


@dataclass(frozen=True)
class Part:
    """Everything that begins with a prefix; `names` is what is known to lie below it."""

    prefix: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Begun:
    """The first pages of a part; `token` leads on, None means that they are all."""

    pages: Sequence[list[StoredObject]]
    token: str | None


@dataclass(frozen=True)
class _Name:
    """A folder or an object one level below a prefix; `whole` unless its end is listed as it is not."""

    text: str
    stored: StoredObject | None = None
    whole: bool = True


class SideBySide:
    """One listing in several requests at a time. It holds a few pages for each of them."""

    def __init__(self, name: str, fetch: Fetch, pool: Workers, requests: int, pages_alone: int | None = None) -> None:
        """Make it.

        Args:
            name: of the bucket, in printflow.toml.
            fetch: asks the store.
            pool: the threads that do.
            requests: how many there are at a time.
            pages_alone: a listing of no more pages stays one; PAGES_ALONE if not said.
        """
        self._name = name
        self._fetch = fetch
        self._pool = pool
        self._requests = requests
        self._pages_alone = pages_alone or PAGES_ALONE

    def pages(self, prefix: str) -> Iterator[list[StoredObject]]:
        """The objects below a prefix; in the byte order of their keys, if that is how the store lists each part.

        Raises:
            OrderBroken: the names by which it was divided came out of order, or do not hold what they should.
        """
        yield from self._in_turn(iter([Part(prefix)]), 0)

    def _in_turn(self, parts: Iterator[Part | StoredObject], depth: int) -> Iterator[list[StoredObject]]:
        """The pages of each part, while the next ones are already asked for."""
        ahead: deque[tuple[Part, Future[_Begun]] | StoredObject] = deque()
        for part in parts:
            ahead.append(
                part if isinstance(part, StoredObject) else (part, self._pool.submit(partial(self._begin, part)))
            )
            if len(ahead) >= self._requests:
                yield from self._pages_of(ahead.popleft(), depth)
        while ahead:
            yield from self._pages_of(ahead.popleft(), depth)

    def _pages_of(self, part: tuple[Part, Future[_Begun]] | StoredObject, depth: int) -> Iterator[list[StoredObject]]:
        if isinstance(part, StoredObject):
            yield [part]
            return
        begun = part[1].result()
        divided = None
        if begun.token is not None and depth < DEEPEST:
            divided = self._divided(part[0].prefix, begun)
        if divided is None:
            yield from begun.pages
            if begun.token is not None:
                yield from (page.objects for page in self._chain(part[0].prefix, "", begun.token))
        else:
            del begun, part  # its pages come again, by part
            yield from self._in_turn(divided, depth + 1)

    def _begin(self, part: Part) -> _Begun:
        pages: list[list[StoredObject]] = []
        token: str | None = None
        seen: set[str] = set()
        while len(pages) < self._pages_alone:
            page = self._fetch(part.prefix, "", token)
            pages.append(page.objects)
            token = page.token
            if token is None:
                break
            if token in seen:
                raise circle(self._name)
            seen.add(token)
        if token is None:
            odd = [name for name in part.names if ODD.search(name)]
            if odd and not all(any(stored.key.startswith(name) for page in pages for stored in page) for name in odd):
                raise OrderBroken(odd[0])
        return _Begun(pages, token)

    def _chain(self, prefix: str, delimiter: str, token: str | None) -> Iterator[Page]:
        """One answer after the other; the next is fetched while the caller works on one."""
        seen: set[int] = set()
        coming = self._pool.submit(partial(self._fetch, prefix, delimiter, token))
        while True:
            page = coming.result()
            if page.token is not None:
                if hash(page.token) in seen:
                    raise circle(self._name)
                seen.add(hash(page.token))
                coming = self._pool.submit(partial(self._fetch, prefix, delimiter, page.token))
            yield page
            if page.token is None:
                return

    def _divided(self, prefix: str, begun: _Begun) -> Iterator[Part | StoredObject] | None:
        """The parts of what begins so; None where its objects lie side by side, and asking for names gains nothing."""
        keys = [stored.key for page in begun.pages for stored in page]
        while True:
            children = {_child(key, prefix) for key in keys}
            if len(keys) < WORTH_A_FOLDER * len(children):
                return None
            answers = self._chain(prefix, DELIMITER, None)
            first = next(answers)
            if first.token is not None or first.objects or len(first.folders) != 1 or first.folders[0] == prefix:
                break
            if TOLD_OTHERWISE.search(first.folders[0]):
                return None
            prefix = first.folders[0]  # all of it lies in one folder
        most = max(1, self._pages_alone * max(map(len, begun.pages)) * len(children) // len(keys))
        if any(not name.whole and name.text == prefix for name in _names(first)):
            return None
        return divide(prefix, _all_names(first, answers), most)


def divide(prefix: str, pages: Iterator[list[_Name]], most: int) -> Iterator[Part | StoredObject]:
    """Parts of at most so many names where that can be, in order: each name is in one, and begins no other part.

    Args:
        prefix: what all names begin with; every part's is longer.
        pages: the names, in the byte order of pages; they are read as parts are asked for.
        most: names in a part.

    Raises:
        OrderBroken: the names of a page sort before those of an earlier one.
    """
    waiting: list[_Name] = []
    given, newest = prefix, ""
    for page in pages:
        if not page:
            continue
        if min(name.text for name in page) < newest and all(name.whole for name in page):
            raise OrderBroken(newest)
        newest = max(newest, *(name.text for name in page))
        folders = {name.text: name for name in (*waiting, *page) if name.stored is None}
        objects = [name for name in (*waiting, *page) if name.stored is not None]
        waiting = sorted((*folders.values(), *objects), key=lambda name: name.text)
        groups = list(_groups(waiting, given, most))
        for group in groups[:-1]:  # what comes next may belong to the last
            yield _part_of(group, given)
            given = max(given, group[-1].text)
        waiting = groups[-1]
    if waiting:
        yield _part_of(waiting, given)


def _groups(names: Sequence[_Name], given: str, most: int, depth: int = 0) -> Iterator[list[_Name]]:
    """The names, sorted, in groups that begin alike, and otherwise than what was given out before."""
    common = _common(names[0].text, names[-1].text)
    apart = not given.startswith(common)
    told_otherwise = any(not name.whole and name.text == common for name in names)
    if apart and (len(names) <= most or told_otherwise or depth == DEEPEST):
        yield list(names)
        return
    at = 0
    while at < len(names):
        text = names[at].text
        if len(text) == len(common):
            if names[at].stored is None or not names[at].whole:
                raise OrderBroken(text)
            yield [names[at]]
            at += 1
            continue
        begin, end = text[: len(common) + 1], at
        while end < len(names) and names[end].text.startswith(begin):
            end += 1
        below = names[at:end]
        if len(below) == 1 and not given.startswith(below[0].text):
            yield list(below)
        else:
            yield from _groups(below, given, most, depth + 1)
        at = end


def _part_of(group: Sequence[_Name], given: str) -> Part | StoredObject:
    if len(group) == 1 and group[0].stored is not None:
        return group[0].stored
    common = _common(group[0].text, group[-1].text)
    if given.startswith(common):
        raise OrderBroken(common)
    return Part(common, tuple(name.text for name in group if name.whole))


def _all_names(first: Page, answers: Iterator[Page]) -> Iterator[list[_Name]]:
    yield _names(first)
    yield from map(_names, answers)


def _names(page: Page) -> list[_Name]:
    return [
        *(_name(folder) for folder in page.folders),
        *(_name(stored.key, stored) for stored in page.objects),
    ]


def _name(text: str, stored: StoredObject | None = None) -> _Name:
    """A name as far as it is listed as it is."""
    told_otherwise = TOLD_OTHERWISE.search(text)
    return _Name(text, stored) if told_otherwise is None else _Name(text[: told_otherwise.start()], None, whole=False)


def _child(key: str, prefix: str) -> str:
    end = key.find(DELIMITER, len(prefix))
    return key if end < 0 else key[: end + 1]


def _common(first: str, last: str) -> str:
    """What two texts, and all that sort between them, begin with."""
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(char for char, _ in alike)
