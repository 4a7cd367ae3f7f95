"""Which verification counts: the newest copy's that has one and is still there, and only while it is young enough."""

from dataclasses import replace
from datetime import timedelta

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.config_backup.content import KnownContent, content_answer, content_verdict
from printflow_reliability.config_backup.manifest import Copies, Manifest
from printflow_reliability.config_backup.verifications import Verification
from printflow_reliability.settings import ConfigBackupSettings
from printflow_reliability_tests.config_backup.copies import ENV, NOON, copies, manifest

SECTION = ConfigBackupSettings(fingerprint_secret="a secret of the tests")
OLD, YESTERDAY, TODAY = (manifest(ENV, age_hours=hours) for hours in (24 * 60, 30, 6))
THREE = copies([OLD, YESTERDAY, TODAY])


def verified(hours_ago: float, *, good: bool = True) -> Verification:
    return Verification(NOON - timedelta(hours=hours_ago), good, "40 files" if good else "a path lacks")


def known(found: Copies, *said: tuple[Manifest, Verification]) -> KnownContent:
    return KnownContent(SECTION, found, {(copy.key, copy.version_id): answer for copy, answer in said}, NOON)


@pytest.mark.parametrize(
    ("said", "outcome", "words"),
    [
        (((TODAY, verified(1)),), Outcome.PASS, "40 files"),
        (((YESTERDAY, verified(20)),), Outcome.PASS, "40 files"),
        (((YESTERDAY, verified(27)),), Outcome.FAIL, "were last verified 27 h ago, allowed are 26 h"),
        (((OLD, verified(1)), (YESTERDAY, verified(27))), Outcome.FAIL, "were last verified 27 h ago"),
        (((TODAY, verified(1, good=False)),), Outcome.FAIL, "a path lacks; take another: printflow config backup"),
        (((YESTERDAY, verified(20, good=False)),), Outcome.FAIL, "a path lacks"),
        (((YESTERDAY, verified(20, good=False)), (TODAY, verified(1))), Outcome.PASS, "40 files"),
        (((YESTERDAY, verified(2)), (TODAY, verified(3, good=False))), Outcome.FAIL, "a path lacks"),
        (((TODAY, verified(-2)),), Outcome.UNKNOWN, "a clock is wrong"),
        ((), Outcome.FAIL, "none of the copies of the configuration has been verified yet"),
    ],
    ids=[
        *("newest", "the one before", "too long ago", "an old one renews nothing", "damaged", "one before damaged"),
        *("replaced by a good one", "newest damaged", "in the future", "never"),
    ],
)
def test_the_newest_verified_copy_decides(
    said: tuple[tuple[Manifest, Verification], ...], outcome: Outcome, words: str
) -> None:
    found = content_verdict(known(THREE, *said))
    assert (found.outcome, words in found.sentence) == (outcome, True), found


def test_what_was_never_verified_is_unknown_until_there_was_time_for_it() -> None:
    found = content_verdict(known(copies([TODAY])))
    assert (found.outcome, "on the machine that has the identity" in found.sentence) == (Outcome.UNKNOWN, True)
    assert content_verdict(known(copies([YESTERDAY]))).outcome is Outcome.FAIL


def test_without_a_copy_nothing_can_be_told_of_its_content() -> None:
    assert content_verdict(known(copies([]))).outcome is Outcome.UNKNOWN


def test_a_verified_copy_that_is_gone_or_is_another_version_proves_nothing() -> None:
    gone = copies([YESTERDAY, TODAY])
    gone = replace(gone, copies=(gone.copies[0], replace(gone.copies[1], present=False)))
    assert content_verdict(known(gone, (TODAY, verified(1)))).outcome is Outcome.FAIL
    another = replace(TODAY, version_id="2")
    assert content_verdict(known(copies([TODAY]), (another, verified(1)))).outcome is Outcome.UNKNOWN


def test_the_answer_has_the_age_of_what_was_verified() -> None:
    judged = known(THREE, (TODAY, verified(1)))
    answer = content_answer([content_verdict(judged)], judged)
    assert (answer.check, answer.outcome) == ("config.content", Outcome.PASS)
    assert answer.numbers == {"verified_config_seconds": 3600.0}
