"""Whether the platform's delete of a file is undone without a person: judged by what is known, nothing is asked here.

Only a delete marker over a version that is what the database means is undone. Whatever else could be meant by it (the
first half of a replacement, the end of a retention, a second delete after ours) is left to a person, with the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from printflow_reliability.files.kept_copies import Expected, KeptCopy, expected_by
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.platform.catalog import Reference
from printflow_reliability.records.file_heals import LedgerEntry
from printflow_reliability.settings import BucketSettings, FilesSettings
from printflow_reliability.storage.objects import Version
from printflow_reliability.text import moment, seconds


class Why(StrEnum):
    """Why an object is left as it is."""

    AGAIN = "deleted_again"
    FAILED = "failed"
    UNJUDGED = "unjudged"
    YOUNG = "too_young"
    OLD = "too_old"
    UNPROVEN = "unproven"
    OTHERWISE = "otherwise_missing"
    ARCHIVED = "archived"
    ERASED = "erased"
    UNREFERENCED = "unreferenced"
    THERE = "there"


@dataclass(frozen=True)
class Left:
    """Why one object is left to a person, or to a later pass."""

    why: Why
    detail: str


@dataclass(frozen=True)
class Deleted:
    """An object that the policy may bring back: its copy, and what is known of its content."""

    copy: KeptCopy
    expected: Sequence[Expected]

    @property
    def proven(self) -> bool:
        """Whether size and ETag say so already; else its bytes must be read."""
        return all(expectation.met_by(self.copy) for expectation in self.expected)

    @property
    def asked(self) -> str:
        """What is expected, as a text that is another where anything else is expected."""
        return " and ".join(sorted(map(repr, self.expected)))


@dataclass(frozen=True)
class Policy:
    """What `[files]` allows, at a moment of the S3 server's own clock."""

    now: datetime
    after: timedelta
    retention: timedelta

    @classmethod
    def of(cls, settings: FilesSettings, now: datetime) -> "Policy":
        """The policy of printflow.toml."""
        return cls(now, timedelta(seconds=settings.heal_after_seconds), timedelta(days=settings.heal_retention_days))

    def judge(
        self,
        bucket: BucketSettings,
        references: Sequence[Reference],
        history: Sequence[Version],
        ledger: Mapping[str, LedgerEntry],
        healed_at: datetime | None,
    ) -> Deleted | Left:
        """Whether an object may be brought back without a person.

        Args:
            bucket: where it is missing.
            references: who refers to it, rightly.
            history: its versions and delete markers, newest first.
            ledger: what is known of its versions, by their ids.
            healed_at: when the policy brought it back before, if no person has done so since.
        """
        if history and not history[0].delete_marker:
            return Left(Why.THERE, "it is there again")
        version = next((version for version in history if not version.delete_marker), None)
        if version is None or not history:
            return Left(Why.OTHERWISE, "no delete marker hides a version of it: a person chooses a copy")
        marker = history[0]
        if healed_at is not None:
            return Left(
                Why.AGAIN,
                f"it was brought back at {moment(healed_at)} and deleted again at {moment(marker.modified_at)}",
            )
        if not any(not reference.soft_deleted for reference in references):
            return Left(Why.UNREFERENCED, "no row that counts refers to it any more")
        if (age := self.now - marker.modified_at) < self.after:
            ago = seconds(max(age.total_seconds(), 0.0))
            return Left(Why.YOUNG, f"it was deleted {ago} ago: the platform may be replacing it")
        if self.now - version.modified_at > self.retention:
            return Left(Why.OLD, f"it is of {moment(version.modified_at)}: its deletion may be the platform's own rule")
        return _meant(bucket, version, expected_by(references), ledger.get(version.version_id))


def _meant(
    bucket: BucketSettings, version: Version, by_rows: Sequence[Expected], known: LedgerEntry | None
) -> Deleted | Left:
    """The version right below the marker, if anything tells that it is what the database means."""
    copy = KeptCopy(bucket, version.version_id, version.size, version.modified_at, version.etag)
    expected = [*by_rows]
    if known is not None and known.etag == version.etag:
        if known.verdict == Verdict.UNUSABLE:
            return Left(Why.UNPROVEN, "its newest version was inspected, and is unusable")
        expected.append(Expected(size=version.size, sha256=known.sha256))
    if not expected:
        return Left(Why.UNPROVEN, "neither its row nor the ledger knows its size or checksum")
    if any(expectation.met_by(copy) is False for expectation in expected):
        return Left(Why.UNPROVEN, f"its newest version has {version.size:,} bytes, and its row knows another size")
    return Deleted(copy, expected)
