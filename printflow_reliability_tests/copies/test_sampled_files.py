"""What a sample of print files proves: what is absent or different is found; what no ETag tells is not the same."""

from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.copies.sampled_files import SampledFile, replica_verdict, source_verdict
from printflow_reliability.platform.catalog import Reference
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.storage.single_keys import Found, Refusal

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ONE, OTHER = "a" * 32, "b" * 32
PARTS, SEALED = "c" * 32 + "-3", "d" * 32
PASS, FAIL, UNKNOWN = Outcome.PASS, Outcome.FAIL, Outcome.UNKNOWN
REFUSED = Refusal("403")


def reference(size: int | None = None, md5: str | None = None) -> Reference:
    return Reference("t/1.pdf", 0, None, None, "files", size, None, False, md5)


def head(etag: str = ONE, size: int = 5, *, days_old: float = 3, opaque: bool = False) -> ObjectHead:
    return ObjectHead("v1", etag, size, NOW - timedelta(days=days_old), opaque)


@pytest.mark.parametrize(
    ("known", "source", "expected", "said"),
    [
        (reference(), head(), PASS, "1 file taken at random: each is there"),
        (reference(5, ONE), head(), PASS, ""),
        (reference(), None, FAIL, "t/1.pdf is not there"),
        (reference(6), head(), FAIL, "has another size than the database says"),
        (reference(5, OTHER), head(), FAIL, "has another md5 than the database says"),
        (reference(5, OTHER), head(opaque=True), PASS, ""),
        (reference(5, OTHER), head(PARTS), PASS, ""),
        (reference(), head(size=0), FAIL, "is empty"),
        (reference(0), head(size=0), PASS, ""),
        (reference(), REFUSED, UNKNOWN, "the store refuses to tell of 1"),
    ],
)
def test_a_bucket_holds_what_the_database_refers_to(
    known: Reference, source: Found, expected: Outcome, said: str
) -> None:
    outcome, evidence = source_verdict([SampledFile(known, source)])
    assert (outcome, said in evidence) == (expected, True), evidence


@pytest.mark.parametrize(
    ("source", "copy", "expected", "said"),
    [
        (head(), head(), PASS, "each is there"),
        (head(PARTS), head(PARTS), PASS, ""),
        (head(days_old=0.01), head(days_old=0.01), PASS, ""),
        (head(), None, FAIL, "t/1.pdf is not there"),
        (head(), head(size=6), FAIL, "has another size"),
        (head(), head(OTHER), FAIL, "has another content"),
        (head(days_old=0.01), None, UNKNOWN, "written just now"),
        (head(days_old=0.01), head(OTHER), UNKNOWN, "written just now"),
        (head(days_old=0.05), None, FAIL, "is not there"),
        (head(), head(PARTS), UNKNOWN, "no ETag tells"),
        (head(), head(SEALED, opaque=True), UNKNOWN, "no ETag tells"),
        (head(), REFUSED, UNKNOWN, "the store refuses"),
        (None, head(), UNKNOWN, "no file could be looked for"),
        (REFUSED, head(), UNKNOWN, "no file could be looked for"),
    ],
)
def test_a_replica_holds_what_the_bucket_holds(source: Found, copy: Found, expected: Outcome, said: str) -> None:
    outcome, evidence = replica_verdict([SampledFile(reference(), source, copy)], NOW)
    assert (outcome, said in evidence) == (expected, True), evidence


def test_without_a_sample_nothing_is_proven() -> None:
    assert source_verdict([])[0] is UNKNOWN
    assert replica_verdict([], NOW)[0] is UNKNOWN


def test_what_is_certainly_wrong_outranks_what_is_refused_and_what_was_not_compared_is_said() -> None:
    same, lost = SampledFile(reference(), head(), head()), SampledFile(reference(), head(), None)
    sealed, refused = SampledFile(reference(), head(), head(PARTS)), SampledFile(reference(), head(), REFUSED)
    assert replica_verdict([same, lost, refused], NOW)[0] is FAIL
    assert replica_verdict([same, refused], NOW)[0] is UNKNOWN
    outcome, evidence = replica_verdict([same, sealed], NOW)
    assert (outcome, "the ETags of 1 tell nothing" in evidence) == (PASS, True)
