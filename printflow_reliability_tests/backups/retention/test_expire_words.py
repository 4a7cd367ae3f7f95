"""What a person reads of a plan, and the exit code's outcome behind it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.backups.clusters import ClusterVerdict
from printflow_reliability.backups.retention import command
from printflow_reliability.backups.retention.gfs import Policy, Soundness, StoredBackup, decide
from printflow_reliability.backups.retention.report import ExpireReport, RepositoryRetention
from printflow_reliability.checks import Outcome
from printflow_reliability.findings import Finding, Severity

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
OLD, NEW = (StoredBackup(f"2026112{day}-120000F", True, NOW - timedelta(days=9 - day)) for day in (8, 9))
RETENTION = decide([OLD, NEW], Policy(1, 0, 0), NOW)
PLAN = RepositoryRetention(
    "shop", 2, ClusterVerdict(Outcome.PASS, "shop repo2: 1 backup kept, 1 to expire"), RETENTION, 1
)
CONFLICT = Finding(
    kind="retention_conflict", severity=Severity.WARNING, detail="repo2-retention-full=2", action="set it"
)


def shown(capsys: pytest.CaptureFixture[str], found: RepositoryRetention, *, applied: bool) -> str:
    command._show(ExpireReport((found,), Policy(1, 0, 0), applied))
    return capsys.readouterr().out


def test_a_plan_names_each_backup_with_its_reason_and_says_that_nothing_was_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = shown(capsys, PLAN, applied=False)
    assert f"{OLD.label}  2026-11-28 12:00:00  EXPIRE  no day, week or month needs it" in said
    assert f"{NEW.label}  2026-11-29 12:00:00  keep    day 2026-11-29" in said
    assert "OK: shop repo2: 1 backup kept, 1 to expire" in said
    assert f"WAL is kept from {NEW.label} on" in said
    assert "Nothing was changed; 1 backup would expire. Add --apply to do it." in said


def test_what_was_done_is_said_as_done(capsys: pytest.CaptureFixture[str]) -> None:
    said = shown(capsys, replace(PLAN, done=(OLD.label,)), applied=True)
    assert "expired" in said
    assert "Nothing was changed" not in said


def test_a_setting_that_contradicts_the_policy_is_a_warning_with_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = replace(PLAN, findings=(CONFLICT,))
    assert ExpireReport((found,), Policy(), False).outcome is Outcome.WARN
    said = shown(capsys, found, applied=False)
    assert "WARN: shop repo2" in said
    assert "repo2-retention-full=2; set it" in said


def test_the_document_has_the_plan_and_what_was_done() -> None:
    document = ExpireReport((replace(PLAN, done=(OLD.label,)),), Policy(), True).as_json()
    assert [(entry["label"], entry["action"]) for entry in document["plan"]] == [
        (OLD.label, "expire"),
        (NEW.label, "keep"),
    ]
    assert document["done"] == [{"cluster": "shop", "repo": 2, "label": OLD.label}]
    assert (document["ok"], document["policy"]["daily"]) == (True, 14)


def answer(found: RepositoryRetention) -> tuple[Outcome, str]:
    (check,) = ExpireReport((found,), Policy(1, 0, 0), False).checks
    assert check.check == "backup.retention"
    return check.outcome, check.detail


def test_what_expires_now_and_did_not_for_long_is_in_order() -> None:
    assert answer(PLAN) == (Outcome.PASS, "1 backup kept; 1 to expire, none of them for long")


def test_what_should_have_expired_long_ago_rings_until_it_is_done() -> None:
    late = replace(PLAN, overdue=frozenset({OLD.label}))
    assert answer(late)[0] is Outcome.FAIL
    assert "1 backup should have expired long ago; printflow backup expire shop --apply" in answer(late)[1]
    assert answer(replace(late, done=(OLD.label,)))[0] is Outcome.PASS


def test_what_only_waits_for_a_verification_is_in_order_until_it_waits_for_long() -> None:
    unread = replace(
        PLAN,
        verdict=ClusterVerdict(Outcome.UNKNOWN, "shop repo2: would expire if the newer ones were verified"),
        retention=decide([OLD, replace(NEW, soundness=Soundness.UNVERIFIED)], Policy(1, 0, 0), NOW),
    )
    assert answer(unread)[0] is Outcome.PASS
    assert answer(replace(unread, overdue=frozenset({OLD.label})))[0] is Outcome.UNKNOWN


def test_a_plan_that_was_broken_off_could_not_tell() -> None:
    broken = replace(PLAN, verdict=ClusterVerdict(Outcome.UNKNOWN, "shop repo2: a lock"), broken_off=True)
    assert answer(broken) == (Outcome.UNKNOWN, "shop repo2: a lock")


def test_settings_of_pgbackrest_that_expire_what_the_policy_keeps_are_a_warning_of_the_check_too() -> None:
    outcome, said = answer(replace(PLAN, findings=(CONFLICT,)))
    assert (outcome, "repo2-retention-full=2; set it" in said) == (Outcome.WARN, True)
