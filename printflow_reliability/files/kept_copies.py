"""What is left of a missing object, and which of it is what the database means.

A bucket keeps versions, its replica keeps more. Size, checksums and ETag that the platform knows tell them apart
without a byte being read; `files.choose` reads where they do not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from printflow_reliability.files.presence import Presence
from printflow_reliability.platform.catalog import Reference
from printflow_reliability.settings import BucketSettings


@dataclass(frozen=True)
class KeptCopy:
    """What a missing object can be brought back from.

    Attributes:
        size: in bytes.
        current: whether it is the replica's object of today, rather than a version.
        refuted: whether the database knows that its content should be another.
        may_be_archived: whether its bytes may have to be retrieved before they can be read; HEAD tells.
        archived: where they lie, once HEAD has told so.
    """

    bucket: BucketSettings
    version_id: str
    size: int
    modified_at: datetime
    etag: str
    current: bool = False
    refuted: bool = False
    may_be_archived: bool = False
    archived: str = ""


@dataclass(frozen=True)
class Expected:
    """What the database knows of an object's content: bytes, lower-case hex; None where it knows nothing."""

    size: int | None = None
    sha256: str | None = None
    md5: str | None = None
    etag: str | None = None

    @classmethod
    def by(cls, reference: Reference) -> "Expected":
        """What one reference knows."""
        return cls(reference.size, reference.sha256, reference.md5, reference.etag)

    @property
    def content(self) -> bool:
        """Whether more is known than the size."""
        return bool(self.sha256 or self.md5 or self.etag)

    def met_by(self, copy: KeptCopy) -> bool | None:
        """Whether a copy is what is expected; None where only its bytes can tell, or nothing is known."""
        if self.size is not None and self.size != copy.size:
            return False
        if copy.etag and copy.etag in (self.md5, self.etag):
            return True
        # Another ETag proves nothing: the same bytes have another one after a multipart or an encrypted upload.
        return None if self.content or self.size is None else True

    def met_by_bytes(self, sha256: str, md5: str) -> bool:
        """Whether bytes with these checksums are what is expected; an ETag is compared where it may be an MD5."""
        if self.sha256:
            return self.sha256 == sha256
        if self.md5:
            return self.md5 == md5
        return self.etag is None or self.etag == md5


def expected_by(references: Iterable[Reference]) -> tuple[Expected, ...]:
    """All that is known of one object by those who refer to it, each thing once."""
    known = dict.fromkeys(Expected.by(reference) for reference in references)
    return tuple(expectation for expectation in known if expectation != Expected())


def kept_copies(present: Presence, replica: Presence | None, key: str) -> list[KeptCopy]:
    """Everything that is left of a key without an object: versions, newest first, then the replica's object and its."""
    return [*_versions(present, key), *(_object_and_versions(replica, key) if replica else ())]


def whole(copies: Sequence[KeptCopy], expected: Sequence[Expected]) -> list[KeptCopy]:
    """Those copies that hold something: what is left of a broken upload is empty, and newer than the file it hides."""
    return [copy for copy in copies if copy.size or any(expectation.size == 0 for expectation in expected)]


def likely_copy(present: Presence, replica: Presence | None, key: str, expected: Sequence[Expected]) -> KeptCopy | None:
    """The copy that an object will probably be brought back from, told without reading any; None if none holds bytes.

    Where every copy is something else than the database knows, it is the newest, marked as refuted.
    """
    found = whole(kept_copies(present, replica, key), expected)
    proven = [copy for copy in found if expected and all(expectation.met_by(copy) for expectation in expected)]
    possible = [copy for copy in found if all(expectation.met_by(copy) is not False for expectation in expected)]
    if best := next(iter(proven or possible), None):
        return best
    return next((replace(copy, refuted=True) for copy in found), None)


def _object_and_versions(presence: Presence, key: str) -> list[KeptCopy]:
    now = presence.head(key)
    if now is None:
        return _versions(presence, key)
    current = KeptCopy(
        presence.bucket,
        now.version_id,
        now.size,
        now.modified_at,
        now.etag,
        current=True,
        may_be_archived=bool(now.archived),
    )
    return [current, *(version for version in _versions(presence, key) if version.version_id != now.version_id)]


def _versions(presence: Presence, key: str) -> list[KeptCopy]:
    return [
        KeptCopy(
            presence.bucket,
            prior.version_id,
            prior.size,
            prior.modified_at,
            prior.etag,
            may_be_archived=prior.may_be_archived,
        )
        for prior in presence.priors(key)
    ]
