"""What a drill leaves behind: its numbers wherever they can be kept, no clone, and a person told of one that stays."""

import logging
import os
import signal

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability_tests.drills.fake_world import PLACE, FakeWorld
from printflow_reliability_tests.drills.whole_drill import WELL, answers_of, carried_out, recorded

AWAY = CouldNotTell("it does not answer", "start it")
ADDRESS = "s3://reports/drills/7/report.html"


def test_a_directory_that_cannot_be_made_is_nothing_to_tear_down_and_is_recorded() -> None:
    world = FakeWorld()
    world.plant("make", ConfigError("/drills/7 exists already", "name another directory"))
    with pytest.raises(ConfigError):
        carried_out(world)
    why = "not reached; find broke off: /drills/7 exists already. Next: name another directory"
    assert set(recorded(world).values()) == {(why, Outcome.UNKNOWN)}
    assert not {"remove", "give_up", "check_isolation"} & set(world.script.called)


def test_records_that_are_away_get_the_numbers_in_a_file() -> None:
    world = FakeWorld()
    world.plant("record", AWAY)
    report = carried_out(world)
    assert str(report.unrecorded) == "/drills/drill-7.unrecorded.json"
    assert report.exit_code == 1
    (document,) = world.records.in_file
    assert document["rto_seconds"] == report.numbers["rto_seconds"] == 8.0


def test_numbers_that_nobody_takes_are_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    world = FakeWorld()
    world.plant("record", AWAY)
    world.plant("keep_in_file", OSError("disk full"))
    with caplog.at_level(logging.ERROR):
        report = carried_out(world)
    assert report.unrecorded is None
    assert "nor can a file be written (disk full). Drill 7: {'id': 7" in caplog.text


def test_clones_that_cannot_be_removed_are_a_warning_that_names_where_they_are() -> None:
    world = FakeWorld()
    world.plant("remove", AWAY)
    told = answers_of(carried_out(world))
    detail = f"the clones are still in {PLACE}: it does not answer. Next: start it; drill.isolation is well"
    assert told == {**WELL, "drill.isolation": (detail, Outcome.WARN)}


def test_a_signal_that_comes_while_clones_are_removed_ends_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    world = FakeWorld()
    world.script.planted["remove"] = lambda: os.kill(os.getpid(), signal.SIGINT)
    report = carried_out(world)
    assert (answers_of(report), report.interrupted) == (WELL, None)
    assert "is being removed" in capfd.readouterr().err


def test_a_defect_in_the_tear_down_costs_the_check_of_isolation_alone() -> None:
    world = FakeWorld()
    world.plant("check_isolation", ValueError("is invalid"))
    told = answers_of(carried_out(world))
    assert told == {**WELL, "drill.isolation": ("unexpected ValueError: is invalid", Outcome.UNKNOWN)}
    assert not world.workspace.there


def test_a_page_that_is_kept_is_recorded_with_its_address_and_has_the_plan_to_heal_files() -> None:
    world = FakeWorld()
    world.records.address = ADDRESS
    report = carried_out(world)
    assert report.report == ADDRESS
    ((document, plan),) = world.records.pages
    assert document["report"] == world.records.recorded[-1][1]["report"] == ADDRESS
    assert len(plan) == 1
    assert '"kind": "missing_restorable"' in plan[0]


@pytest.mark.parametrize("error", [AWAY, ValueError("a defect")])
def test_a_page_that_cannot_be_kept_costs_no_number(error: Exception) -> None:
    world = FakeWorld()
    world.records.address = ADDRESS
    world.plant("keep_report", error)
    report = carried_out(world)
    assert report.report is None
    assert answers_of(report) == WELL == recorded(world)
