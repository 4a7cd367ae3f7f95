"""Choosing what a missing object is brought back from, or finding out that only a person can choose.

What the database knows of the content decides. Where it knows nothing, a PDF must open, and another file must be about
as large as its neighbours: an error page or half an upload is often the newest version, and the last before a deletion.
"""

import hashlib
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.kept_copies import Expected, KeptCopy, kept_copies, whole
from printflow_reliability.files.presence import Presence
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.storage.silence import chunks

SUSPICIOUS = 0.5
"""A newest version smaller than this part of the largest may be what is left of a broken upload."""
LIKE_ITS_NEIGHBOURS = 10
"""By what factor a file may be smaller or larger than the median of its folder."""
NEIGHBOURS_AT_LEAST = 3


@dataclass(frozen=True)
class Choice:
    """What to bring an object back from; without a copy, why nobody but a person can tell.

    `retrieve` is a copy that is archived, and must be retrieved before it can be judged or read; `there` is what HEAD
    says of it.
    """

    copy: KeptCopy | None
    reason: str = ""
    retrieve: KeptCopy | None = None
    there: ObjectHead | None = None


class Archived(Exception):
    """A copy whose bytes must be retrieved before they can be read."""

    def __init__(self, copy: KeptCopy, there: ObjectHead) -> None:
        super().__init__(copy.version_id)
        self.copy, self.there = copy, there


class Chooser:
    """Chooses for the keys of one bucket."""

    def __init__(self, present: Presence, replica: Presence | None, worker: InspectionWorker) -> None:
        """Args: the bucket, where it is copied to if anywhere, and what opens PDFs."""
        self.present, self.replica, self._worker = present, replica, worker

    def copies(self, key: str) -> Sequence[KeptCopy]:
        """Everything that is left of a key, the newest of its own bucket first."""
        return kept_copies(self.present, self.replica, key)

    def choose(self, key: str, copies: Sequence[KeptCopy], expected: Sequence[Expected]) -> Choice:
        """The copy that is what the database means.

        Raises:
            CouldNotTell: a copy cannot be read.
        """
        if not copies:
            return Choice(None, "its last copy went away meanwhile")
        try:
            choice = self._choose(key, copies, expected)
            if choice.copy is not None:
                choice = Choice(self.readable(key, choice.copy, copies))
        except Archived as found:
            return archived_choice(found)
        return choice

    def readable(self, key: str, copy: KeptCopy, copies: Sequence[KeptCopy]) -> KeptCopy:
        """The copy, or one with the same content, whose bytes can be read now.

        Raises:
            Archived: each of these lies in an archive.
            CouldNotTell: the store does not tell.
        """
        there = self._archived(key, copy)
        if there is None:
            return copy
        alike = (other for other in copies if other is not copy and (other.etag, other.size) == (copy.etag, copy.size))
        for other in alike:
            if self._archived(key, other) is None:
                return other
        raise Archived(copy, there)

    def _archived(self, key: str, copy: KeptCopy) -> ObjectHead | None:
        """What HEAD says of a copy whose bytes must be retrieved; None of one that can be read."""
        if not copy.may_be_archived:
            return None
        presence = self.present if copy.bucket.name == self.present.bucket.name or not self.replica else self.replica
        there = presence.head_of(key, copy.version_id)
        return there if there is not None and there.archived else None

    def _choose(self, key: str, copies: Sequence[KeptCopy], expected: Sequence[Expected]) -> Choice:
        found = whole(copies, expected)
        if not found:
            return Choice(None, "every version that is left of it is empty")
        if not expected:
            return self._by_content(key, found)
        possible = [copy for copy in found if all(expectation.met_by(copy) is not False for expectation in expected)]
        if not possible:
            sizes = " or ".join(f"{expectation.size:,}" for expectation in expected if expectation.size is not None)
            return Choice(None, f"the database knows it with {sizes} bytes, and no version has that size")
        if not any(expectation.content for expectation in expected):
            return self._by_content(key, possible)
        proven = next((copy for copy in possible if all(expectation.met_by(copy) for expectation in expected)), None)
        proven = proven or self._by_bytes(key, possible, copies, expected)
        return Choice(proven, "" if proven else "no version has the checksum or ETag that the database knows")

    def _by_bytes(
        self, key: str, possible: Sequence[KeptCopy], copies: Sequence[KeptCopy], expected: Sequence[Expected]
    ) -> KeptCopy | None:
        """The first copy whose bytes are what is expected; an archived one is read only where no other is it."""
        archived: Archived | None = None
        for copy in possible:
            try:
                if bytes_meet(key, self.readable(key, copy, copies), expected):
                    return copy
            except Archived as found:
                archived = archived or found
        if archived is not None:
            raise archived
        return None

    def _by_content(self, key: str, copies: Sequence[KeptCopy]) -> Choice:
        """The newest copy that looks like what its key says."""
        if key.lower().endswith(".pdf"):
            return self._by_inspection(key, copies)
        newest, largest = copies[0], max(copy.size for copy in copies)
        if newest.size >= SUSPICIOUS * largest:
            return Choice(newest)
        sizes = self.present.sizes_in(f"{key.rpartition('/')[0]}/") if "/" in key else ()
        if len(sizes) >= NEIGHBOURS_AT_LEAST:
            usual = statistics.median(sizes)
            alike = [copy for copy in copies if usual <= copy.size * LIKE_ITS_NEIGHBOURS <= usual * 100]
            if alike and (alike[0] is newest or newest not in alike):
                return Choice(alike[0])
        return Choice(None, f"its newest version has {newest.size:,} bytes, an earlier one {largest:,}")

    def _by_inspection(self, key: str, copies: Sequence[KeptCopy]) -> Choice:
        """The newest copy that opens; one that could not be judged is passed over by nobody but a person."""
        reasons: dict[tuple[str, int], str] = {}
        for copy in copies:
            if (copy.etag, copy.size) in reasons:
                continue
            with tempfile.NamedTemporaryFile(prefix="printflow-heal-") as file:
                fetch(key, self.readable(key, copy, copies), file)
                inspection = self._worker.inspect(Path(file.name))
            if inspection.verdict is Verdict.UNKNOWN:
                return Choice(None, f"whether its version {copy.version_id} is sound cannot be told")
            if inspection.verdict is not Verdict.UNUSABLE:
                return Choice(copy)
            reasons[copy.etag, copy.size] = inspection.reason
        versions = "the only version that is left" if len(reasons) == 1 else f"each of {len(reasons)} versions"
        return Choice(None, f"{versions} is unusable ({next(iter(reasons.values()))})")


def archived_choice(found: Archived) -> Choice:
    """That a copy must be retrieved first."""
    where = f"its version {found.copy.version_id} lies in {found.there.archived} and must be retrieved first"
    return Choice(None, where, found.copy, found.there)


def fetch(key: str, copy: KeptCopy, target: IO[bytes]) -> tuple[str, str]:
    """Write a copy's bytes to a file; their SHA-256 and MD5, lower-case hex.

    Raises:
        CouldNotTell: the store refuses, or does not send all of it.
    """
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with s3_errors(copy.bucket):
        # "null" is a version too: the one from before versioning, which a delete marker hides from a plain GET.
        answer = s3_client(copy.bucket).get_object(Bucket=copy.bucket.bucket, Key=key, VersionId=copy.version_id)
        for chunk in chunks(copy.bucket, answer["Body"]):
            sha256.update(chunk)
            md5.update(chunk)
            target.write(chunk)
            size += len(chunk)
    if size != copy.size:
        raise CouldNotTell(f'bucket "{copy.bucket.name}" sent {size:,} of {copy.size:,} bytes of {key!r}', "try again")
    target.flush()
    return sha256.hexdigest(), md5.hexdigest()


def bytes_meet(key: str, copy: KeptCopy, expected: Sequence[Expected]) -> bool:
    """Whether a copy, once its bytes are read, is all that is expected.

    Raises:
        CouldNotTell: as `fetch`.
    """
    with tempfile.TemporaryFile(prefix="printflow-heal-") as file:
        sha256, md5 = fetch(key, copy, file)
    return all(expectation.met_by(copy) or expectation.met_by_bytes(sha256, md5) for expectation in expected)
