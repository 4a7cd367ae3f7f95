"""An object differs where size, a checksum that was read or an MD5 says so; an ETag that is no MD5 says nothing."""

import hashlib

import pytest

from printflow_reliability.files.content import Difference, compared, difference
from printflow_reliability.platform.catalog import Reference

BODY, OTHER = b"%PDF-1.7 whole", b"%PDF-1.7 other"
MD5, OTHER_MD5 = (hashlib.md5(body, usedforsecurity=False).hexdigest() for body in (BODY, OTHER))
SHA256, OTHER_SHA256 = (hashlib.sha256(body).hexdigest() for body in (BODY, OTHER))
IN_PARTS, OTHER_IN_PARTS = f"{MD5}-2", f"{OTHER_MD5}-3"
SIZE = len(BODY)


def reference(**known: int | str | None) -> Reference:
    nothing = Reference("a", 0, "1", "order 1", "print-files", None, None, False)
    return nothing._replace(**known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "etag", "sha256", "column"),
    [
        ({}, MD5, SHA256, None),
        ({"size": SIZE}, MD5, None, None),
        ({"size": SIZE + 1}, MD5, None, "size"),
        ({"size": 0}, MD5, None, "size"),
        ({"sha256": SHA256}, MD5, SHA256, None),
        ({"sha256": SHA256}, MD5, OTHER_SHA256, "sha256"),
        ({"md5": MD5}, MD5, None, None),
        ({"md5": MD5}, OTHER_MD5, None, "md5"),
        ({"etag": MD5}, OTHER_MD5, None, "etag"),
        ({"etag": IN_PARTS}, IN_PARTS, None, None),
        ({"size": SIZE, "md5": OTHER_MD5, "etag": MD5}, MD5, None, "md5"),
        ({"size": 1, "md5": OTHER_MD5}, MD5, None, "size"),
    ],
)
def test_what_differs_is_told_by_its_column(
    known: dict[str, int | str], etag: str, sha256: str | None, column: str | None
) -> None:
    found = difference(reference(**known), SIZE, etag, sha256)
    assert (found.column if found else None) == column
    assert compared(reference(**known), etag, sha256)


@pytest.mark.parametrize(
    ("known", "etag"),
    [
        ({"sha256": SHA256}, MD5),  # never read
        ({"md5": MD5}, OTHER_IN_PARTS),
        ({"etag": MD5}, IN_PARTS),
        ({"etag": IN_PARTS}, OTHER_IN_PARTS),
        ({"etag": IN_PARTS}, MD5),
        ({"md5": "kAFQmDzST7DWlj99KOF/cg=="}, MD5),
        ({"md5": "0" * 31}, MD5),
        ({"md5": "0" * 40}, MD5),
        ({"etag": "CNjx9e/Ujf8CEAE="}, MD5),
        ({"md5": MD5}, ""),
        ({"etag": MD5}, "CNjx9e/Ujf8CEAE="),
    ],
)
def test_what_cannot_be_compared_is_no_difference_and_is_counted(known: dict[str, str], etag: str) -> None:
    assert difference(reference(**known), SIZE, etag, None) is None
    assert not compared(reference(**known), etag, None)


def test_only_what_an_etag_tells_may_be_told_wrongly() -> None:
    assert Difference("md5", MD5, OTHER_MD5).by_etag
    assert not Difference("sha256", SHA256, OTHER_SHA256).by_etag
