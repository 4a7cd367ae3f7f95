"""What a random sample of print files proves of a bucket and of its replica. Plain data: nothing is asked here.

Two objects are the same where size and ETag are. Another ETag refutes only what is an MD5 on both sides: that of an
upload in parts, or with a key of its own, says nothing of the bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from printflow_reliability.checks import Outcome
from printflow_reliability.files.content import MD5, difference
from printflow_reliability.platform.catalog import Reference
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.storage.single_keys import Found, Refusal
from printflow_reliability.text import counted, printable

ON_ITS_WAY = timedelta(hours=1)
"""How long after a write a replica may lack it, or hold what was there before."""
Verdict = tuple[Outcome, str]
"""An outcome and its evidence in a sentence."""


@dataclass(frozen=True)
class SampledFile:
    """A reference of the sample, what lies under its key in the bucket, and what in a replica that is compared."""

    reference: Reference
    source: Found
    copy: Found = None

    @property
    def key(self) -> str:
        """Its key, as sentences show it."""
        return printable(self.reference.key)

    @property
    def wrong(self) -> bool:
        """Whether the bucket has it otherwise than the database says, or the replica otherwise than the bucket."""
        return bool(_source_trouble(self) or _replica_trouble(self))


def source_verdict(sample: Sequence[SampledFile]) -> Verdict:
    """Whether a bucket holds the files of the sample, each as the database knows it."""
    wrong = [(found, why) for found in sample if (why := _source_trouble(found))]
    return _verdict(sample, wrong, [found for found in sample if isinstance(found.source, Refusal)], len(sample))


def replica_verdict(sample: Sequence[SampledFile], now: datetime) -> Verdict:
    """Whether a replica holds what the bucket holds; what was written just before `now` may be on its way."""
    compared: list[SampledFile] = []
    wrong: list[tuple[SampledFile, str]] = []
    same = 0
    for found in sample:
        if not isinstance(found.source, ObjectHead):
            continue
        why = _replica_trouble(found)
        if why and now - found.source.modified_at < ON_ITS_WAY:
            continue
        compared.append(found)
        wrong += [(found, why)] if why else []
        same += isinstance(found.copy, ObjectHead) and _same(found.source, found.copy)
    return _verdict(compared, wrong, [found for found in compared if isinstance(found.copy, Refusal)], same)


def _verdict(
    sample: Sequence[SampledFile], wrong: Sequence[tuple[SampledFile, str]], refused: Sequence[SampledFile], same: int
) -> Verdict:
    of = f"{counted(len(sample), 'file')} taken at random"
    if wrong:
        first, why = wrong[0]
        return Outcome.FAIL, f"of {of}, {len(wrong)} not as it must be: {first.key} {why}"
    if refused:
        return Outcome.UNKNOWN, f"of {of}, the store refuses to tell of {len(refused)}, such as {refused[0].key}"
    if not sample:
        return Outcome.UNKNOWN, "no file could be looked for: none is referenced, or all were written just now"
    if not same:
        return Outcome.UNKNOWN, f"of {of}, each has its size, and no ETag tells whether it has its content"
    left = len(sample) - same
    alike = f"{of}: each is there" + (f"; the ETags of {left} tell nothing of their content" if left else "")
    return Outcome.PASS, alike


def _source_trouble(found: SampledFile) -> str:
    if isinstance(found.source, Refusal):
        return ""
    if found.source is None:
        return "is not there"
    if found.source.size == 0 and found.reference.size != 0:
        return "is empty"
    differs = difference(found.reference, found.source.size, found.source.etag, None)
    if differs is None or (differs.by_etag and found.source.etag_opaque):
        return ""
    return f"has another {differs.column} than the database says"


def _replica_trouble(found: SampledFile) -> str:
    source, copy = found.source, found.copy
    if not isinstance(source, ObjectHead) or isinstance(copy, Refusal):
        return ""
    if copy is None:
        return "is not there"
    if copy.size != source.size:
        return "has another size"
    return "has another content" if _is_md5(source) and _is_md5(copy) and source.etag != copy.etag else ""


def _is_md5(head: ObjectHead) -> bool:
    return MD5.fullmatch(head.etag) is not None and not head.etag_opaque


def _same(source: ObjectHead, copy: ObjectHead) -> bool:
    return (source.size, source.etag) == (copy.size, copy.etag)
