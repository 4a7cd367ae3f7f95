"""`printflow posture`: exit codes, its document, the scoreboard, and bad input in a sentence."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.cli import run
from printflow_reliability.posture.action_plan import Status, scoreboard
from printflow_reliability.posture.items import Item
from printflow_reliability.posture.plan_items import PLAN, measured_by
from printflow_reliability.recency import recent_within
from printflow_reliability.records.check_results import Answer
from printflow_reliability.register import REGISTER
from printflow_reliability_tests.commands import COMMANDS
from printflow_reliability_tests.platform_elsewhere import configured
from printflow_reliability_tests.posture.as_found import AS_FOUND
from printflow_reliability_tests.posture.platforms import judged, written
from printflow_reliability_tests.posture.secrets import APP_KEY, INTERNAL, LIVE_AWS, LIVE_STRIPE
from printflow_reliability_tests.posture.well_kept import WELL_KEPT

NOW = datetime(2026, 11, 29, 9, 0, tzinfo=UTC)


def posture(config: Path, *arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = run(["--config", str(config), "posture", *arguments])
    streams = capsys.readouterr()
    for never in ("Traceback", "defect", INTERNAL, LIVE_STRIPE):
        assert never not in streams.out + streams.err
    return code, streams.out


def document(config: Path, *arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    code, out = posture(config, *arguments, "--json", capsys=capsys)
    return code, json.loads(out)


def test_the_platform_as_it_was_found_exits_1_with_every_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = written(tmp_path / "source", AS_FOUND)
    code, said = document(configured(tmp_path), "--source", str(source), capsys=capsys)
    assert (code, said["ok"], said["source"]) == (1, False, str(source))
    (debug,) = [finding for finding in said["findings"] if finding["kind"] == "app_debug"]
    assert debug == {
        **dict.fromkeys(("tenant", "bucket", "key", "version_id", "reference", "bytes", "written_at", "superseded_by")),
        "kind": "app_debug",
        "severity": "critical",
        "owner": "APP_DEBUG",
        "detail": "backend/.env:3: APP_DEBUG is true. It should be: APP_DEBUG is false. A page of an error shows "
        "customers the platform's secrets.",
        "action": "Change it at backend/.env:3: APP_DEBUG is false.",
        "check": "posture.environment",
        "plan": ["P2-4"],
        "outcome": "fail",
        "subject": "APP_DEBUG",
        "file": "backend/.env",
        "line": 3,
        "found": "APP_DEBUG is true",
        "expected": "APP_DEBUG is false",
        "why": "A page of an error shows customers the platform's secrets.",
    }
    assert {row["priority"]: row["status"] for row in said["plan"]}["P0-4"] == "not"


def test_a_well_kept_platform_exits_0_without_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path / "source", WELL_KEPT)
    code, said = document(configured(tmp_path), "--source", str(source), capsys=capsys)
    assert (code, said["ok"], said["findings"], said["not_read"]) == (0, True, [], [])


def test_what_cannot_be_seen_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path / "source", WELL_KEPT)
    (source / ".env").unlink()
    code, out = posture(configured(tmp_path), "--source", str(source), capsys=capsys)
    assert code == 2
    assert out.startswith("COULD NOT TELL: ")
    assert "UNKNOWN  .env  the environment of the Laravel application in the root is not there" in out


def test_a_person_reads_file_and_line_and_what_should_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path / "source", AS_FOUND)
    code, out = posture(configured(tmp_path), "--source", str(source), capsys=capsys)
    assert code == 1
    assert out.startswith("FAIL: ")
    assert "WRONG  backend/.env:6  QUEUE_CONNECTION is sync\n    should be: QUEUE_CONNECTION is redis." in out


def test_the_plan_shows_every_item_with_status_evidence_and_next_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = written(tmp_path / "source", AS_FOUND)
    code, out = posture(configured(tmp_path), "--source", str(source), "--plan", capsys=capsys)
    assert code == 1
    lines = out.splitlines()
    for planned in PLAN:
        assert any(line.startswith(f"{planned.priority} ") for line in lines)
    assert "P0-5  not     " in out
    assert "next: printflow backup list" in out
    assert "next: backend/.env:6: QUEUE_CONNECTION is redis" in out


def test_the_configured_source_is_judged_where_none_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "source", WELL_KEPT)
    config = configured(tmp_path)
    config.write_text(config.read_text() + '[posture]\nsource = "source"\n')
    code, said = document(config, capsys=capsys)
    assert (code, {check.get("scope") for check in said["checks"]}) == (0, {None})
    written(tmp_path / "other", WELL_KEPT)
    code, said = document(config, "--source", str(tmp_path / "other"), capsys=capsys)
    assert {check.get("scope") for check in said["checks"]} == {f"source {tmp_path / 'other'}"}


@pytest.mark.parametrize("source", [None, "absent", "printflow.toml", "."])
def test_no_checkout_exits_2_with_what_to_do(
    source: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [] if source is None else ["--source", str(tmp_path / source)]
    code, said = document(configured(tmp_path), *arguments, capsys=capsys)
    assert code == 2
    assert "checkout" in said["error"]["what"]
    assert "printflow posture --source DIR" in said["error"]["next"]


def answers(outcome: Outcome, at: datetime = NOW) -> dict[str, Answer]:
    return {name: Answer(CheckResult(name, outcome, "so"), at) for name in REGISTER}


def statuses(items: list[Item], recorded: dict[str, Answer]) -> dict[str, Status]:
    return {row.priority: row.status for row in scoreboard(items, recorded, NOW)}


UNMEASURED = {planned.priority for planned in PLAN if planned.unmeasured or planned.some}


def test_the_plan_of_a_well_kept_platform_is_done_but_for_what_nothing_measures(tmp_path: Path) -> None:
    found = statuses(judged(tmp_path, WELL_KEPT), answers(Outcome.PASS))
    assert {priority for priority, status in found.items() if status is not Status.DONE} == UNMEASURED
    assert {found[priority] for priority in UNMEASURED} == {Status.UNMEASURED}


def test_an_item_is_partly_done_where_the_source_is_well_and_production_is_not(tmp_path: Path) -> None:
    found = statuses(judged(tmp_path, WELL_KEPT), answers(Outcome.FAIL))
    assert found["P0-5"] is Status.PARTLY
    assert found["P0-1"] is Status.NOT


MEASURED = ("queues.age", "queues.workers", "redis.durability", "files.protection", "ready.storage")


@pytest.mark.parametrize("check", MEASURED)
def test_an_item_hangs_on_what_its_servers_answered_lately(check: str, tmp_path: Path) -> None:
    items = judged(tmp_path, WELL_KEPT)
    (planned,) = [planned for planned in PLAN if check in planned.checks]
    expected = {Outcome.PASS: Status.DONE, Outcome.FAIL: Status.PARTLY, Outcome.UNKNOWN: Status.UNMEASURED}
    for outcome, status in expected.items():
        recorded = answers(Outcome.PASS) | {
            check: Answer(CheckResult(check, outcome, "so"), NOW - timedelta(minutes=2))
        }
        (row,) = [row for row in scoreboard(items, recorded, NOW) if row.priority == planned.priority]
        assert row.status is status
        assert f"{check}: {outcome}, 2 min ago" in row.evidence
        assert row.next_step == ("" if outcome is Outcome.PASS else planned.command)


@pytest.mark.parametrize("check", MEASURED)
def test_an_answer_that_is_missing_or_old_is_not_known_and_its_command_is_the_next_step(
    check: str, tmp_path: Path
) -> None:
    items = judged(tmp_path, WELL_KEPT)
    (planned,) = [planned for planned in PLAN if check in planned.checks]
    old = Answer(CheckResult(check, Outcome.FAIL, "so"), NOW - recent_within(check) - timedelta(minutes=1))
    missing = answers(Outcome.PASS)
    del missing[check]
    for recorded in (missing, answers(Outcome.PASS) | {check: old}):
        (row,) = [row for row in scoreboard(items, recorded, NOW) if row.priority == planned.priority]
        assert (row.status, row.next_step) == (Status.UNMEASURED, measured_by(check))
        (said,) = [said for said in row.evidence if said.startswith(f"{check}: ")]
        assert said.endswith(f"; to measure it: {measured_by(check)}")


def test_a_standby_is_done_where_there_is_one_that_could_be_promoted() -> None:
    recorded = answers(Outcome.PASS)
    assert statuses([], recorded)["P2-5"] is Status.UNMEASURED
    for outcome, status in {Outcome.PASS: Status.DONE, Outcome.FAIL: Status.PARTLY}.items():
        recorded["ready.standby"] = Answer(CheckResult("ready.standby", outcome, "so", {"standbys": 1}), NOW)
        assert statuses([], recorded)["P2-5"] is status


def test_every_command_that_measures_is_there() -> None:
    for planned in PLAN:
        for command in (planned.command, *map(measured_by, planned.checks)):
            words = command.removeprefix("printflow ").partition(" --")[0]
            assert words in COMMANDS, command


def test_the_page_has_each_item_of_the_plan_and_each_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = written(tmp_path / "source", {**AS_FOUND, "backend/app/<script>.php": "<?php class {"})
    page = tmp_path / "page.html"
    code, out = posture(configured(tmp_path), "--source", str(source), "--html", str(page), capsys=capsys)
    assert code == 1
    assert f"{page}: the action plan" in out
    text = page.read_text(encoding="utf-8")
    for planned in PLAN:
        assert f'<tr id="{planned.priority}">' in text
    assert "backend/.env:6" in text
    assert "QUEUE_CONNECTION is sync" in text
    assert "Next: <code>printflow backup list</code>" in text
    assert "&lt;script&gt;.php" in text
    assert "<script" not in text
    assert not [secret for secret in (APP_KEY, INTERNAL, LIVE_STRIPE, LIVE_AWS) if secret in text]
    assert re.findall(r"(?:src|href)=|url\(|@import", text) == []


@pytest.mark.parametrize("name", ["absent/page.html", "source"])
def test_a_page_that_cannot_be_written_is_told_and_nothing_is_left(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = written(tmp_path / "source", WELL_KEPT)
    config = configured(tmp_path)
    before = sorted(tmp_path.iterdir())
    code, said = document(config, "--source", str(source), "--html", str(tmp_path / name), capsys=capsys)
    assert (code, said["error"]["next"]) == (2, "name another file with --html")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("recorded", [{}, answers(Outcome.UNKNOWN), answers(Outcome.PASS, NOW - timedelta(days=10))])
def test_what_no_recent_answer_says_cannot_be_measured(recorded: dict[str, Answer]) -> None:
    assert set(statuses([], recorded).values()) == {Status.UNMEASURED}


def test_every_check_of_the_plan_is_registered() -> None:
    assert {check for planned in PLAN for check in planned.checks} <= set(REGISTER)
