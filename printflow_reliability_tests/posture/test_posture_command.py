"""`printflow posture`: exit codes, its document, the scoreboard, and bad input in a sentence."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.cli import run
from printflow_reliability.posture.action_plan import PLAN, Status, scoreboard
from printflow_reliability.posture.items import Item
from printflow_reliability.records.check_results import Answer
from printflow_reliability.register import REGISTER
from printflow_reliability_tests.platform_elsewhere import configured
from printflow_reliability_tests.posture.as_found import AS_FOUND
from printflow_reliability_tests.posture.platforms import judged, written
from printflow_reliability_tests.posture.secrets import INTERNAL, LIVE_STRIPE
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
        **dict.fromkeys(("tenant", "bucket", "key", "version_id", "reference")),
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
    assert "next: printflow backup window" in out


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


UNMEASURED = {planned.priority for planned in PLAN if planned.unmeasured}


def test_the_plan_of_a_well_kept_platform_is_done_but_for_what_nothing_measures(tmp_path: Path) -> None:
    found = statuses(judged(tmp_path, WELL_KEPT), answers(Outcome.PASS))
    assert {priority for priority, status in found.items() if status is not Status.DONE} == UNMEASURED
    assert {found[priority] for priority in UNMEASURED} == {Status.UNMEASURED}


def test_an_item_is_partly_done_where_the_source_is_well_and_production_is_not(tmp_path: Path) -> None:
    found = statuses(judged(tmp_path, WELL_KEPT), answers(Outcome.FAIL))
    assert found["P0-5"] is Status.PARTLY
    assert found["P0-1"] is Status.NOT


@pytest.mark.parametrize("recorded", [{}, answers(Outcome.UNKNOWN), answers(Outcome.PASS, NOW - timedelta(days=9))])
def test_what_no_recent_answer_says_cannot_be_measured(recorded: dict[str, Answer]) -> None:
    assert set(statuses([], recorded).values()) == {Status.UNMEASURED}


def test_every_check_of_the_plan_is_registered() -> None:
    assert {check for planned in PLAN for check in planned.checks} <= set(REGISTER)
