"""What a backup tells of itself: who asked for it and why, what it copied, and how far it was compressed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from printflow_reliability.backups.clusters import ClusterVerdict
from printflow_reliability.backups.info import Backup, parse_damaged_files
from printflow_reliability.backups.taken import NOTE_CHARACTERS, BackupRequest, TakenBackup
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_backup_says_who_asked_for_it_and_why() -> None:
    request = BackupRequest(by=" schedule weekly_full_backup ", reason="weekly")
    assert request.annotations == {"by": "schedule weekly_full_backup", "reason": "weekly"}


def test_what_nobody_said_is_no_annotation() -> None:
    assert BackupRequest(by="  ", reason="").annotations == {}


def test_a_note_is_one_short_line_whatever_somebody_writes() -> None:
    notes = BackupRequest(by="eve\n[backup]\x1b[2J", reason="x" * 5000).annotations
    assert notes["by"] == "eve\\n[backup]\\x1b[2J"
    assert len(notes["reason"]) == NOTE_CHARACTERS


def test_the_ratio_is_what_was_copied_by_what_is_stored() -> None:
    backup = Backup("F", "full", 1, "15-1", NOON, NOON, 900, 200, False, copied_bytes=900)
    assert backup.ratio == 4.5
    assert replace(backup, copied_bytes=0).ratio is None
    assert replace(backup, repository_bytes=0).ratio is None


def test_an_attempt_without_a_backup_has_no_figures() -> None:
    attempt = TakenBackup("live_db", 1, "incr", 0.5, None, ClusterVerdict(Outcome.UNKNOWN, "busy"), busy=True)
    document = attempt.as_json()
    assert {document[key] for key in ("label", "bytes", "database_bytes", "ratio", "wal_start", "wal_stop")} == {None}
    assert document["busy"] is True


def test_files_with_bad_pages_are_those_that_info_lists() -> None:
    told = '[{"backup": [{"label": "F", "error": true, "error-list": ["base/5/1234", "base/5/99"]}]}]'
    assert parse_damaged_files(told, "F") == ("base/5/1234", "base/5/99")
    assert parse_damaged_files('[{"backup": [{"label": "F", "error": false}]}]', "F") == ()


@pytest.mark.parametrize(
    "told", ["", "[]", '[{"backup": [{"label": "other"}]}]', '[{"backup": [{"label": "F", "error-list": 5}]}]']
)
def test_an_answer_about_something_else_is_no_answer(told: str) -> None:
    with pytest.raises(CouldNotTell):
        parse_damaged_files(told, "F")
