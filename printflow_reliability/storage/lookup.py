"""Many keys of one bucket at once: what is there, told by listings where keys lie together and by HEAD elsewhere.

A listing of a folder answers for a thousand keys at a time, and for exactly these; `storage.single_keys` asks about
one at a time.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_errors
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.storage.pages import PAGE_KEYS, list_pages
from printflow_reliability.storage.single_keys import Found, SingleKeys, ambiguous, possible
from printflow_reliability.storage.workers import Workers

IN_FLIGHT = 16
WORTH_A_LISTING = 8
"""Keys of one folder from which on a listing is cheaper than as many HEADs."""
PAGES_FOR_EACH = 20
"""A listing is given up when it has read this many times as many objects as were asked for, and HEAD is used."""
UNVERSIONED = ""
"""The version id of an object that a listing told of: LIST does not say it."""


class By(StrEnum):
    """How it is found out what is there: SURE trusts listings for what they show, LISTING also for what they do not.

    A listing may lack an object that came meanwhile: what is concluded from that is to be asked again by HEAD.
    """

    LISTING = "listing"
    SURE = "sure"
    HEAD = "head"


def look_up(
    bucket: BucketSettings, keys: Iterable[str], by: By = By.SURE, *, single: SingleKeys | None = None
) -> Mapping[str, Found]:
    """What is there under each of these keys.

    Args:
        bucket: where.
        keys: exact keys.
        by: how it is found out.
        single: asks about single keys; what it listed for odd keys is used again, unless all is asked anew by HEAD.

    Raises:
        CouldNotTell: the bucket does not answer, or answers for no key.
    """
    wanted = set(keys)
    found: dict[str, Found] = {}
    with s3_errors(bucket):
        folders = {} if by is By.HEAD else _folders(wanted)
        with Workers(IN_FLIGHT) as pool:
            for shown, absent in pool.map(lambda folder: _listed(bucket, *folder), folders.items()):
                found.update(shown)
                if by is By.LISTING:
                    found.update(dict.fromkeys(absent))
            rest = sorted(wanted - found.keys())
            single = single or SingleKeys(bucket)
            if by is By.HEAD:
                single.forget()
            if rest:
                single.require_bucket()
            found.update(zip(rest, pool.map(single.ask, rest), strict=True))
    return found


def _folders(keys: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """The folders, the innermost first, that hold enough of these keys to be worth a listing.

    Keys that have a folder each, as orders have, are listed by the folder above.
    """
    grouped: dict[str, set[str]] = defaultdict(set)
    for key in keys:
        if possible(key) and not ambiguous(key):
            grouped[_folder_of(key)].add(key)
    worth: dict[str, frozenset[str]] = {}
    for depth in range(max((folder.count("/") for folder in grouped), default=0), 0, -1):
        for folder in [folder for folder in grouped if folder.count("/") == depth]:
            held = grouped.pop(folder)
            if len(held) >= WORTH_A_LISTING:
                worth[folder] = frozenset(held)
            else:
                grouped[_folder_of(folder[:-1])] |= held
    if len(grouped.get("", ())) >= WORTH_A_LISTING:
        worth[""] = frozenset(grouped[""])
    return worth


def _folder_of(key: str) -> str:
    return key[: key.rfind("/") + 1]


def _listed(bucket: BucketSettings, folder: str, keys: frozenset[str]) -> tuple[Mapping[str, Found], frozenset[str]]:
    """The objects that a listing of a folder shows, and the keys that are in none of it, if it was read to its end."""
    found: dict[str, Found] = {}
    most = max(PAGE_KEYS, PAGES_FOR_EACH * len(keys))
    seen = 0
    try:
        for page in list_pages(bucket, folder):
            for stored in page:
                if stored.key in keys:
                    found[stored.key] = ObjectHead(UNVERSIONED, stored.etag, stored.size, stored.modified_at)
            seen += len(page)
            if len(found) == len(keys) or seen >= most:
                return found, frozenset()
    except CouldNotTell:
        return found, frozenset()  # whoever asks for each key by itself sees whether it was the folder or the bucket
    return found, keys - found.keys()
