"""Objectives of every tier: met, missed, or not measured, and what to run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.tiers import (
    EVIDENCE,
    TierObjectives,
    database_objectives,
    tier_objectives,
    tiers_answer,
)
from printflow_reliability.records.check_results import Answer
from printflow_reliability.settings import DrillsSettings, ObjectiveSettings

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = 86400.0


def judged(answers: list[Answer], **objective: Any) -> TierObjectives:
    (tier,) = tier_objectives([ObjectiveSettings.model_validate(objective)], answers, NOW)
    return tier


def answered(outcome: Outcome, *, hours_ago: float = 1, scope: str = "", **numbers: float) -> list[Answer]:
    result = CheckResult("dump.recent", outcome, "so", numbers, scope=scope)
    return [Answer(result, NOW - timedelta(hours=hours_ago))]


def test_the_age_of_a_copy_grows_after_its_check_has_answered() -> None:
    answers = answered(Outcome.PASS, hours_ago=2, newest_dump_seconds=3 * 3600)
    tier = judged(answers, tier="dumps", rpo_seconds=DAY)
    assert (tier.rpo_seconds, tier.outcome) == (5 * 3600, Outcome.PASS)


def test_evidence_that_nobody_renews_misses_the_objective() -> None:
    tier = judged(answered(Outcome.PASS, hours_ago=30, newest_dump_seconds=1), tier="dumps", rpo_seconds=DAY)
    assert tier.outcome is Outcome.FAIL
    assert "missed; printflow dump list" in tier.detail


@pytest.mark.parametrize(
    ("answers", "outcome", "said"),
    [
        ([], Outcome.UNKNOWN, "nothing has answered dump.recent yet"),
        (
            answered(Outcome.PASS, scope="cluster live_db", newest_dump_seconds=1),
            Outcome.UNKNOWN,
            "nothing has answered",
        ),
        (answered(Outcome.UNKNOWN, newest_dump_seconds=1), Outcome.UNKNOWN, "dump.recent could not tell"),
        (answered(Outcome.PASS), Outcome.UNKNOWN, "dump.recent could not tell"),
        (answered(Outcome.FAIL, newest_dump_seconds=1), Outcome.FAIL, "dump.recent failed"),
        (answered(Outcome.WARN, newest_dump_seconds=1), Outcome.PASS, "RPO 1 h, target 24 h"),
    ],
)
def test_without_a_measurement_it_is_unknown_and_a_failed_check_is_no_copy(
    answers: list[Answer], outcome: Outcome, said: str
) -> None:
    tier = judged(answers, tier="dumps", rpo_seconds=DAY)
    assert (tier.outcome, said in tier.detail) == (outcome, True), tier


def test_a_recovery_time_is_what_a_game_day_took() -> None:
    assert judged([], tier="files", rto_seconds=3600).outcome is Outcome.UNKNOWN
    assert judged([], tier="files", rto_seconds=3600, timed_seconds=3600).outcome is Outcome.PASS
    assert judged([], tier="files", rto_seconds=3600, timed_seconds=3601).outcome is Outcome.FAIL


def test_a_tier_without_targets_is_best_effort() -> None:
    tier = judged([], tier="derived")
    assert (tier.outcome, tier.detail) == (Outcome.PASS, "best effort")


def test_the_answer_says_what_is_missed_before_what_is_not_known() -> None:
    tiers = tier_objectives(
        [
            ObjectiveSettings(tier="queues", rpo_seconds=DAY),
            ObjectiveSettings(tier="dumps", rpo_seconds=DAY),
            ObjectiveSettings(tier="derived"),
        ],
        answered(Outcome.PASS, newest_dump_seconds=2 * DAY),
        NOW,
    )
    found = tiers_answer(tiers)
    assert found.outcome is Outcome.FAIL
    assert found.detail.index("dumps: RPO") < found.detail.index("queues: RPO not known")
    assert "derived" not in found.detail
    assert found.numbers == {"dumps_rpo_seconds": 2 * DAY + 3600}


def test_without_an_objective_nothing_is_promised_and_that_is_said() -> None:
    found = tiers_answer(())
    assert (found.outcome, "[[objective]]" in found.detail) == (Outcome.PASS, True)


def test_the_database_is_measured_by_drills() -> None:
    known = database_objectives({"rto_seconds": 60.0, "rpo_seconds": 2.0}, DrillsSettings(), Outcome.PASS)
    assert (known.rto_seconds, known.rto_target_seconds, known.rpo_target_seconds) == (60.0, 3600, 300)
    assert database_objectives({}, DrillsSettings(), Outcome.FAIL).detail == "no drill measured it"


def test_every_tier_has_something_that_measures_it() -> None:
    for tier in EVIDENCE:
        ObjectiveSettings.model_validate({"tier": tier})
    with pytest.raises(ValidationError):
        ObjectiveSettings.model_validate({"tier": "feelings"})
