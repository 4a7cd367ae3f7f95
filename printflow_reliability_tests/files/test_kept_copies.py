"""What the platform knows tells versions apart; an ETag is believed only where it can be an MD5 or is the same."""

import hashlib
from datetime import UTC, datetime

import pytest

from printflow_reliability.files.kept_copies import Expected, KeptCopy, whole
from printflow_reliability.settings import BucketSettings

BODY = b"%PDF-1.7 whole"
MD5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
SHA256 = hashlib.sha256(BODY).hexdigest()
MULTIPART = f"{MD5}-2"


def copy(etag: str = MD5, size: int = len(BODY)) -> KeptCopy:
    bucket = BucketSettings(name="files", bucket="files")
    return KeptCopy(bucket, "v1", size, datetime(2026, 1, 1, tzinfo=UTC), etag)


@pytest.mark.parametrize(
    ("expected", "etag", "met"),
    [
        (Expected(), MD5, None),
        (Expected(size=len(BODY)), MD5, True),
        (Expected(size=7, md5=MD5), MD5, False),
        (Expected(md5=MD5), MD5, True),
        (Expected(md5=MD5), MULTIPART, None),
        (Expected(etag=MULTIPART), MULTIPART, True),
        (Expected(etag=MD5), MULTIPART, None),
        (Expected(sha256=SHA256), MD5, None),
        (Expected(size=len(BODY), sha256=SHA256), MD5, None),
    ],
)
def test_what_is_known_without_reading(expected: Expected, etag: str, met: bool | None) -> None:
    assert expected.met_by(copy(etag)) is met


@pytest.mark.parametrize(
    ("expected", "met"),
    [
        (Expected(sha256=SHA256, md5="0" * 32), True),
        (Expected(sha256="0" * 64), False),
        (Expected(md5=MD5), True),
        (Expected(etag=MD5), True),
        (Expected(etag=MULTIPART), False),
    ],
)
def test_what_bytes_tell(expected: Expected, met: bool) -> None:
    assert expected.met_by_bytes(SHA256, MD5) is met


def test_an_empty_version_is_none_unless_an_empty_file_is_expected() -> None:
    empty, full = copy(size=0), copy()
    assert whole([empty, full], [Expected(md5=MD5)]) == [full]
    assert whole([empty, full], [Expected(size=0)]) == [empty, full]
