"""Whether an object is what the database knows of it: by size, ETag, and the checksums that the ledger knows.

An ETag is an MD5 only of an object that was written at once and not with a key of its own: that of a multipart or an
encrypted upload says nothing of the bytes, and is not compared.
"""

import re
from typing import NamedTuple

from printflow_reliability.platform.catalog import Reference

MD5 = re.compile("[0-9a-f]{32}")


class Difference(NamedTuple):
    """In what an object differs: the column of the reference, its value, and what the object has instead."""

    column: str
    known: str | int
    found: str | int

    @property
    def by_etag(self) -> bool:
        """Whether an ETag tells, which only seems to be an MD5 where the object is encrypted with a key of its own."""
        return self.column in ("md5", "etag")


def difference(reference: Reference, size: int, etag: str, sha256: str | None) -> Difference | None:
    """In what an object is not what a reference says of it; None where nothing tells them apart.

    Args:
        reference: what the database knows.
        size: of the object, in bytes.
        etag: of the object, without quotes; empty where it is not known.
        sha256: of the object, lower-case hex, where it was read before.
    """
    for column, known, found in (
        ("size", reference.size, size),
        ("sha256", reference.sha256, sha256),
        *((column, known, etag) for column, known in _by_etag(reference, etag)),
    ):
        if known is not None and found is not None and known != found:
            return Difference(column, known, found)
    return None


def compared(reference: Reference, etag: str, sha256: str | None) -> bool:
    """Whether any checksum that a reference has could be compared; also where it has none."""
    has = (reference.sha256, reference.md5, reference.etag)
    return has == (None, None, None) or bool((reference.sha256 and sha256) or _by_etag(reference, etag))


def _by_etag(reference: Reference, etag: str) -> list[tuple[str, str]]:
    """What a reference has that can be compared with an ETag: the same ETag, whatever it is made of, or an MD5."""
    columns = (("md5", reference.md5), ("etag", reference.etag))
    if not etag:
        return []
    return [
        (column, known)
        for column, known in columns
        if known and (known == etag or (MD5.fullmatch(known) and MD5.fullmatch(etag)))
    ]
