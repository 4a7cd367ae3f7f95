"""What a platform does without is not missed, and what printflow.toml calls for is."""

from datetime import UTC, datetime

import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.readiness.probe import Verdict
from printflow_reliability.readiness.queues_seen import is_due, is_watched, queues_verdict
from printflow_reliability.records.check_results import Answer
from printflow_reliability.register import REGISTER
from printflow_reliability_tests.checkout.configured import CHECKOUT
from printflow_reliability_tests.minimal_settings import minimal_settings

QUEUES = '[[redis]]\nname = "jobs"\nurl = "redis://127.0.0.1:1/0"\n[posture]\nsource = "/srv/shop"\n'


def missing(sections: str) -> set[str]:
    settings = minimal_settings(sections)
    left_out = {check for check in REGISTER if not is_watched(settings, check)}
    areas = {check.partition(".")[0] for check in REGISTER}
    whole = {area for area in areas if {check for check in REGISTER if check.startswith(f"{area}.")} <= left_out}
    return whole | {check for check in left_out if check.partition(".")[0] not in whole}


def test_checks_of_sections_that_are_not_there_are_not_watched() -> None:
    assert missing("") == {"queues", "redis", "dump", "config", "posture", "checkout", "files.deletions"}


def test_checks_of_sections_that_are_there_are() -> None:
    assert missing(QUEUES) == {"queues", "dump", "config", "checkout", "files.deletions"}


def test_a_checkout_that_people_start_by_hand_is_neither_watched_nor_due() -> None:
    by_hand = minimal_settings(CHECKOUT)
    scheduled = minimal_settings(
        CHECKOUT.replace("[checkout.test_mode]", 'schedule = "5 * * * *"\n[checkout.test_mode]')
    )
    for settings, wanted in ((by_hand, False), (scheduled, True)):
        assert is_due(settings, "checkout.journey") is wanted
        assert is_watched(settings, "checkout.journey") is wanted
    assert is_due(by_hand, "backup.recent")


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.WARN])
def test_an_answer_on_queues_that_grew_old_says_nothing_of_now(outcome: Outcome) -> None:
    settings = minimal_settings('[[redis]]\nname = "jobs"\nurl = "redis://127.0.0.1:1/0"\n')

    def judged(age: float) -> Verdict:
        result = CheckResult("redis.durability", outcome, "a cache lies in the same database")
        return queues_verdict(settings, {("redis.durability", ""): Answer(result, datetime.now(UTC), age)})

    assert judged(60).outcome is Outcome.PASS
    old = judged(3 * 86400)
    assert old.outcome is Outcome.UNKNOWN
    assert old.sentence == "redis.durability last answered 3 days ago"
