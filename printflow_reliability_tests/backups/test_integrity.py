"""Every report here is what pgBackRest 2.45 really printed of a repository with that damage; its exit code was 0."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from printflow_reliability.backups.info import StanzaInfo, parse_info
from printflow_reliability.backups.repository_verdict import VerifiedRepository, verdict_on_report
from printflow_reliability.backups.verification import Verification, verification_of
from printflow_reliability.backups.verify_report import parse_verify
from printflow_reliability.checks import Outcome

RESOURCES = Path(__file__).parent / "resources"


def info() -> StanzaInfo:
    return parse_info((RESOURCES / "info.json").read_text(), "lab")


def verified(name: str) -> VerifiedRepository:
    report = (RESOURCES / "verify" / f"{name}.txt").read_text()
    log = (RESOURCES / "verify" / f"{name}.log").read_text()
    return verdict_on_report("lab", 1, parse_verify(report, log, "lab"), info(), info())


def test_a_healthy_repository_passes() -> None:
    found = verified("healthy")

    assert found.verdict.outcome is Outcome.PASS
    assert found.files_checked == 11 + 969 + 969
    assert found.findings == ()


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("flipped_file", "20261124-041759F/pg_data/base/5/16385.zst"),
        ("flipped_bundle", "20261124-041759F/pg_data/base/4/2658.zst"),
        ("missing_file", "20261124-041759F/pg_data/base/5/16385.zst"),
        ("missing_manifest", "20261124-041759F/backup.manifest"),
        ("flipped_manifest", "20261124-041759F/backup.manifest"),
        ("newest_without_manifest", "20261124-041759F_20261124-041805I/backup.manifest"),
        ("missing_both_manifests", "backup 20261124-041759F"),
        ("flipped_wal", "15-1/0000000100000000/000000010000000000000006-55d8a957b6d614737bcdd2e6073aa4047c0f33d8.zst"),
        (
            "truncated_wal",
            "15-1/0000000100000000/000000010000000000000006-55d8a957b6d614737bcdd2e6073aa4047c0f33d8.zst",
        ),
        ("doubled_wal", "000000010000000000000006"),
        ("truncated_bundle", "backup 20261124-041759F"),
        ("missing_archive_info", "archive.info"),
        ("missing_archive_folder", "archive 15-1"),
        ("unknown_backup", "backup 20261120-041759F"),
    ],
)
def test_damage_is_found_by_name(damage: str, named: str) -> None:
    found = verified(damage)

    assert found.verdict.outcome is Outcome.FAIL
    assert named in [finding.key for finding in found.findings]
    assert all(finding.bucket == "repo1" for finding in found.findings)


def test_hundreds_of_damaged_files_are_some_and_a_count() -> None:
    keys = [finding.key or "" for finding in verified("truncated_bundle").findings]

    assert len(keys) < 30
    assert any(key.endswith("more files") for key in keys)


def test_a_backup_that_is_being_taken_is_not_an_unknown_one() -> None:
    text = (RESOURCES / "info.json").read_text()
    running = parse_info(text.replace('"held":false', '"held":true'), "lab")
    report = (RESOURCES / "verify" / "unknown_backup.txt").read_text()

    assert verdict_on_report("lab", 1, parse_verify(report, "", "lab"), running, info()).verdict.outcome is Outcome.PASS


def test_what_is_left_of_a_backup_that_was_broken_off_is_not_damage() -> None:
    assert verified("aborted_backup").verdict.outcome is Outcome.PASS


def test_a_backup_that_was_not_verified_fails() -> None:
    lines = (RESOURCES / "verify" / "healthy.txt").read_text().splitlines()

    found = verdict_on_report("lab", 1, parse_verify("\n".join(lines[:-2]), "", "lab"), info(), info())

    assert found.verdict.outcome is Outcome.FAIL
    assert "was not verified" in found.findings[0].detail


@pytest.mark.parametrize(
    "report", ["", "stanza: lab", "stanza: other\nstatus: ok", "stanza: lab\nstatus: ok\n  backup: new words"]
)
def test_a_report_that_is_not_understood_is_unknown(report: str) -> None:
    assert (
        verdict_on_report("lab", 1, parse_verify(report, "", "lab"), info(), info()).verdict.outcome is Outcome.UNKNOWN
    )


def test_a_file_that_could_not_be_fetched_is_unknown_and_not_damage() -> None:
    report = (RESOURCES / "verify" / "truncated_wal.txt").read_text()
    log = (RESOURCES / "verify" / "truncated_wal.log").read_text()
    unfetched = log.replace("[95] raised from local-1 protocol: unable to flush", "[49] unable to connect")

    assert (
        verdict_on_report("lab", 1, parse_verify(report, unfetched, "lab"), info(), info()).verdict.outcome
        is Outcome.UNKNOWN
    )


def test_damage_that_is_certain_is_not_hidden_by_a_file_that_cannot_be_fetched() -> None:
    report = (RESOURCES / "verify" / "flipped_file.txt").read_text()
    log = (RESOURCES / "verify" / "flipped_file.log").read_text()
    log += "INFO: invalid result 20261124-041759F/pg_data/base/5/1.zst: [39] HTTP request failed with 503\n"

    found = verdict_on_report("lab", 1, parse_verify(report, log, "lab"), info(), info())

    assert found.verdict.outcome is Outcome.FAIL
    assert [finding.key for finding in found.findings] == ["20261124-041759F/pg_data/base/5/16385.zst"]
    assert "besides, not known: 20261124-041759F/pg_data/base/5/1.zst could not be read" in found.verdict.sentence


FULL, INCREMENTAL = "20261124-041759F", "20261124-041759F_20261124-041805I"
AT = datetime(2026, 11, 29, 5, tzinfo=UTC)


def known_by(name: str, more: str = "") -> Verification:
    report = (RESOURCES / "verify" / f"{name}.txt").read_text()
    log = (RESOURCES / "verify" / f"{name}.log").read_text() + more
    labels = [backup.label for backup in info().in_repository(1)]
    return verification_of(parse_verify(report, log, "lab"), labels, AT)


def test_a_healthy_repository_is_known_to_be_sound_backup_by_backup() -> None:
    assert known_by("healthy") == Verification(AT, sound=frozenset({FULL, INCREMENTAL}))


@pytest.mark.parametrize(
    ("damage", "damaged"),
    [
        ("flipped_file", {FULL}),  # verify calls the incremental on it valid
        ("missing_manifest", {FULL}),  # of which there is still a copy
        ("missing_both_manifests", {FULL}),
        ("newest_without_manifest", {INCREMENTAL}),
        ("flipped_wal", set()),
        ("aborted_backup", set()),
    ],
)
def test_damage_is_known_of_the_backup_that_has_it(damage: str, damaged: set[str]) -> None:
    found = known_by(damage)
    assert found.damaged == damaged
    assert found.sound == {FULL, INCREMENTAL} - damaged


@pytest.mark.parametrize("damage", ["flipped_wal", "truncated_wal", "doubled_wal"])
def test_damaged_wal_is_known_by_its_segment(damage: str) -> None:
    found = known_by(damage)
    assert found.damaged_wal == {"000000010000000000000006"}
    assert found.wal_whole


def test_an_archive_without_its_bookkeeping_is_not_whole() -> None:
    assert not known_by("missing_archive_info").wal_whole


def test_of_what_could_not_be_fetched_only_damage_is_known() -> None:
    away = "INFO: invalid result 15-1/0000000100000000/x: [49] unable to connect\n"
    doubt, hurt = known_by("healthy", away), known_by("flipped_file", away)
    assert (doubt.partial, doubt.sound, doubt.damaged) == (True, frozenset(), frozenset())
    assert (hurt.partial, hurt.sound, hurt.damaged) == (True, frozenset(), frozenset({FULL}))
