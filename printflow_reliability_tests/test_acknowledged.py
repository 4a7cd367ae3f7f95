"""Warnings that a platform has on purpose: accepted one by one, with a reason, and never what is worse."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from printflow_reliability.acknowledged import acknowledge
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills import objectives
from printflow_reliability.settings import AcknowledgedSettings, DrillsSettings

SHOP = AcknowledgedSettings(check="drill.checksums", about="shop", reason="the storage has checksums")
ADMIN = AcknowledgedSettings(check="drill.checksums", about="admin", reason="so does this")


def warned(*about: str, outcome: Outcome = Outcome.WARN) -> CheckResult:
    return CheckResult("drill.checksums", outcome, "no page checksums", {"pages": 0}, about)


def test_an_accepted_warning_is_a_pass_that_says_why() -> None:
    accepted = acknowledge(warned("shop"), [SHOP])
    assert accepted.outcome is Outcome.PASS
    assert accepted.detail == "no page checksums. Acknowledged in printflow.toml: shop (the storage has checksums)"
    assert accepted.numbers == {"pages": 0}


def test_a_second_warning_stays_one_and_says_how_to_accept_it() -> None:
    left = acknowledge(warned("shop", "admin"), [SHOP])
    assert left.outcome is Outcome.WARN
    assert '[[acknowledged]] with check = "drill.checksums", about = "admin"' in left.detail
    assert acknowledge(warned("shop", "admin"), [SHOP, ADMIN]).outcome is Outcome.PASS


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.UNKNOWN])
def test_what_is_worse_than_a_warning_is_never_accepted(outcome: Outcome) -> None:
    assert acknowledge(warned("shop", outcome=outcome), [SHOP]) == warned("shop", outcome=outcome)


def test_a_warning_about_nothing_that_has_a_name_and_another_checks_are_not_accepted() -> None:
    assert acknowledge(warned(), [SHOP]).outcome is Outcome.WARN
    other = AcknowledgedSettings(check="drill.fence", about="shop", reason="another check")
    assert acknowledge(warned("shop"), [other]).outcome is Outcome.WARN


def test_a_check_that_does_not_exist_cannot_be_accepted() -> None:
    with pytest.raises(ValidationError, match=r'did you mean "drill\.checksums"'):
        AcknowledgedSettings(check="drill.checksum", about="shop", reason="why")


def test_records_in_the_protected_cluster_can_be_accepted_but_not_a_target_that_will_be_missed() -> None:
    drill = {"finished_at": "2026-11-02T14:00:00+00:00", "passed": True, "rto_seconds": 60.0, "rpo_seconds": 1.0}
    drill |= {"numbers": {"fetched_bytes": 1}, "phases": {"fetch": 50.0}}
    now = datetime(2026, 11, 3, 14, tzinfo=UTC)
    (housed,) = objectives.check_objectives([drill], DrillsSettings(), now, ["shop"]).checks
    assert (housed.outcome, housed.about) == (Outcome.WARN, ("shop",))
    (late,) = objectives.check_objectives([drill], DrillsSettings(rto_target_seconds=70), now, ["shop"]).checks
    assert (late.outcome, late.about) == (Outcome.WARN, ())
