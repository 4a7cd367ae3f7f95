"""The objects of the buckets, as far as they fit, so that any text can be looked up in them.

A column may hold a whole key, its end (the rest is computed from an id), its folder, or all but its extension.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.lookup import look_up
from printflow_reliability.storage.pages import list_pages
from printflow_reliability.storage.single_keys import Refusal

MOST_OBJECTS = 50_000
"""So many of a bucket's objects are listed; of a larger one, single keys are asked for beside."""
PREFIXES_LISTED = 50
COMMON = 50
"""A file name that more objects than this end in tells nothing about any of them."""
FEW = 5
ID_LENGTH = 16

Key = tuple[str, str]
"""A bucket's name in printflow.toml, and a key in it."""


@dataclass
class ObjectIndex:
    """What was listed; `partial` names the buckets that hold more, `unread` those that refused, with the reason."""

    partial: set[str] = field(default_factory=set)
    unread: dict[str, str] = field(default_factory=dict)
    _buckets_of: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _named: dict[str, list[Key]] = field(default_factory=lambda: defaultdict(list))
    _stems: dict[str, list[Key]] = field(default_factory=lambda: defaultdict(list))
    _sorted: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, buckets: Iterable[BucketSettings], base_paths: Iterable[str]) -> "ObjectIndex":
        """List the buckets; of one too large for it the beginning, and the beginning of some base paths."""
        index, paths = cls(), list(base_paths)[:PREFIXES_LISTED]
        for bucket in buckets:
            try:
                seen = 0
                for page in list_pages(bucket):
                    index._add(bucket.name, [stored.key for stored in page])
                    seen += len(page)
                    if seen >= MOST_OBJECTS:
                        index.partial.add(bucket.name)
                        break
                for path in paths if bucket.name in index.partial else ():
                    index._add(bucket.name, [stored.key for stored in next(list_pages(bucket, path), [])])
            except CouldNotTell as refused:
                index.unread[bucket.name] = refused.sentence
        index._sorted = sorted(index._buckets_of)
        return index

    def ask(self, bucket: BucketSettings, keys: Iterable[str]) -> None:
        """Ask a bucket that is not wholly listed for exact keys."""
        unknown = [key for key in keys if bucket.name not in self._buckets_of.get(key, ())]
        found: Mapping[str, object] = look_up(bucket, unknown)
        self._add(bucket.name, [key for key, there in found.items() if there and not isinstance(there, Refusal)])

    def exactly(self, text: str) -> tuple[Key, ...]:
        """The objects of just this key."""
        return tuple((bucket, text) for bucket in self._buckets_of.get(text, ()))

    def named_by(self, text: str, base_paths: Iterable[str]) -> tuple[Key, ...]:
        """The objects that a text may stand for by its end, its folder or its stem; none if there are too many."""
        plain = text.strip("/")
        name = plain.rpartition("/")[2]
        ends = [
            (bucket, key)
            for bucket, key in self._named.get(name, ())
            if f"/{key}".endswith(f"/{plain}") or f"/{plain}".endswith(f"/{key}")
        ]
        if ends:
            return tuple(ends) if len(ends) <= COMMON else ()
        if "/" in plain:
            if any(path.startswith(f"{plain}/") for path in base_paths):
                return ()  # a base path, or what lies above it, names no object
            return (*self._beginning(f"{plain}/"), *self._beginning(f"{plain}."))
        if len(plain) >= ID_LENGTH and any(char.isdigit() for char in plain):
            return tuple(self._stems.get(plain, ()))
        return ()

    def _beginning(self, prefix: str) -> tuple[Key, ...]:
        first = bisect_left(self._sorted, prefix)
        keys = [key for key in self._sorted[first : first + FEW] if key.startswith(prefix)]
        return tuple((bucket, key) for key in keys for bucket in self._buckets_of[key])

    def _add(self, bucket: str, keys: Iterable[str]) -> None:
        for key in keys:
            if bucket in self._buckets_of.get(key, ()):
                continue
            self._buckets_of[key].append(bucket)
            name = key.rstrip("/").rpartition("/")[2]
            if len(self._named[name]) <= COMMON:
                self._named[name].append((bucket, key))
            stem = name.partition(".")[0]
            if len(stem) >= ID_LENGTH and len(self._stems[stem]) < FEW:
                self._stems[stem].append((bucket, key))
