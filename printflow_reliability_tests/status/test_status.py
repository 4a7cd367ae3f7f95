"""The screen at 3 a.m.: worst first, never green for what nobody saw lately, and each command there is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.backups.wal import CONTINUITY, repository_scope
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.orders.holds import Hold
from printflow_reliability.overview.facts import Drill, Facts, Watcher
from printflow_reliability.readiness.dagster_seen import DAGSTER, SEEN_BY_ITSELF
from printflow_reliability.readiness.queues_seen import is_watched
from printflow_reliability.records.check_results import Answer
from printflow_reliability.register import REGISTER
from printflow_reliability.status.checks import TOLD_OTHERWISE, check_lines
from printflow_reliability.status.commands import LONGEST_TEXT, shortened
from printflow_reliability.status.line import Line, command_of, worst_lines_first
from printflow_reliability.status.recorded import recorded_lines
from printflow_reliability_tests.commands import ARGUMENTS, COMMANDS
from printflow_reliability_tests.minimal_settings import minimal_settings

SETTINGS = minimal_settings()
NOW = datetime(2026, 11, 2, 14, 5, tzinfo=UTC)
MINUTE, DAY = 60.0, 86400.0
REPOSITORY = repository_scope("live_db", 1)
MOMENTS = {
    "recoverable_from_timestamp_seconds": (NOW - timedelta(days=7)).timestamp(),
    "recoverable_until_timestamp_seconds": NOW.timestamp(),
}


def answer(check: str, outcome: Outcome = Outcome.PASS, *, age: float = MINUTE, scope: str = "") -> Answer:
    numbers = MOMENTS if scope == REPOSITORY else {}
    result = CheckResult(check, outcome, f"what {check} found", numbers, scope=scope)
    return Answer(result, NOW - timedelta(seconds=age), age)


ALL = (
    *(answer(check) for check in REGISTER),
    answer(CONTINUITY, scope=REPOSITORY),
    answer(DAGSTER, scope=SEEN_BY_ITSELF),
)
WELL = Facts(
    at=NOW,
    answers=ALL,
    holds=(),
    drills={"newest": Drill(1, NOW, "pass", 60.0, 2.0), "passed": Drill(1, NOW, "pass", 60.0, 2.0)},
    open_alerts={},
    waiting=0,
    waiting_since=None,
    watchers=(Watcher("Dagster on a", NOW, NOW, True, True),),
)


def lines_of(facts: Facts) -> tuple[Line, ...]:
    return worst_lines_first([*recorded_lines(SETTINGS, facts), *check_lines(SETTINGS, facts)])


def unwell(facts: Facts) -> dict[str, Line]:
    return {line.text: line for line in lines_of(facts) if line.outcome is not Outcome.PASS}


def with_answers(*changed: Answer, without: tuple[tuple[str, str], ...] = ()) -> Facts:
    kept = {(known.result.check, known.result.scope): known for known in ALL}
    kept |= {(other.result.check, other.result.scope): other for other in changed}
    return replace(WELL, answers=tuple(known for name, known in kept.items() if name not in without))


def test_where_all_is_well_every_line_is_green_and_the_newest_of_everything_is_told() -> None:
    assert unwell(WELL) == {}
    told = " ".join(line.text for line in lines_of(WELL))
    for part in (
        "recoverable from",
        "drill 1 passed",
        "backup.recent found",
        "dump.recent found",
        "files.missing found",
    ):
        assert part in told
    assert "Dagster on a judges paid orders" in told


def test_every_check_of_the_register_leads_to_a_command_that_there_is() -> None:
    for check in REGISTER:
        words = command_of(check).removeprefix("printflow ").split()
        found = [command for command in COMMANDS if words[: len(command.split())] == command.split()]
        assert found, (check, words)
        needed = ARGUMENTS.get(found[0], ())
        assert not needed or "--help" in words, (check, words)


@pytest.mark.parametrize("check", REGISTER)
def test_an_answer_that_is_overdue_is_not_known_whatever_it_was(check: str) -> None:
    wrong = unwell(with_answers(answer(check, age=30 * DAY)))
    if check in TOLD_OTHERWISE:
        assert wrong == {}
    else:
        (line,) = wrong.values()
        assert line.outcome is Outcome.UNKNOWN, line
        assert "30 days" in line.text


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN])
@pytest.mark.parametrize("check", REGISTER)
def test_every_check_that_does_not_pass_has_its_line(check: str, outcome: Outcome) -> None:
    wrong = unwell(with_answers(answer(check, outcome)))
    assert [line.outcome for line in wrong.values()] == ([] if check in TOLD_OTHERWISE else [outcome])


@pytest.mark.parametrize("check", REGISTER)
def test_a_check_that_never_answered_is_not_known(check: str) -> None:
    wrong = unwell(with_answers(without=((check, ""),)))
    expected = check not in TOLD_OTHERWISE and is_watched(SETTINGS, check)
    assert [line.outcome for line in wrong.values()] == ([Outcome.UNKNOWN] if expected else [])


def test_what_was_found_of_a_part_counts_only_if_it_is_newer_than_the_whole() -> None:
    older = answer("backup.recent", Outcome.FAIL, age=2 * MINUTE, scope="cluster live_db")
    newer = answer("backup.recent", Outcome.FAIL, age=1.0, scope="cluster live_db")

    assert unwell(with_answers(older)) == {}
    assert [line.outcome for line in unwell(with_answers(newer)).values()] == [Outcome.FAIL]


def test_held_orders_come_first_each_with_the_plan_of_its_next_step() -> None:
    actions = {
        "1": "printflow orders repair 1",
        "2": "printflow files heal --tenant t --apply",
        "3": "generate the print file again from its design, then: printflow orders check 3",
        "4": "",
        "5": "printflow orders repair 5",
        "6": "printflow orders repair 6",
        **{str(number): f"printflow orders repair {number}" for number in range(7, 34)},
    }
    holds = tuple(
        Hold(order, "t", NOW, "its file is\nmissing", ({"key": "k", "problem": "p", "action": action},), NOW)
        for order, action in actions.items()
    )
    lines = lines_of(replace(with_answers(answer("files.missing", Outcome.FAIL)), holds=holds))

    assert [line.command for line in lines[:6]] == [
        "printflow orders repair 1",
        "printflow files heal --tenant t",
        "printflow orders check 3",
        "printflow orders check 4",
        "printflow orders repair 5",
        "printflow orders repair 6",
    ]
    assert lines[10].command == "printflow orders held"
    assert lines[10].text.startswith("23 more orders are held: 11, 12, 13, ")
    assert lines[10].text.endswith(", 29, 30 and 3 others")
    assert all("\n" not in line.text for line in lines)


def test_nobody_who_watches_is_a_failure_and_one_that_fell_silent_a_warning() -> None:
    silent = Watcher("printflow watch on b", NOW, NOW, False, False)
    nobody = unwell(replace(WELL, watchers=(silent,)))
    other = unwell(replace(WELL, watchers=(*WELL.watchers, silent)))

    assert {line.outcome for line in nobody.values()} == {Outcome.FAIL, Outcome.WARN}
    assert [line.outcome for line in other.values()] == [Outcome.WARN]


def test_a_repository_whose_verification_is_old_or_was_never_made_is_not_known() -> None:
    old = unwell(with_answers(answer(CONTINUITY, age=DAY, scope=REPOSITORY)))
    never = unwell(with_answers(without=((CONTINUITY, REPOSITORY),)))
    broken = unwell(with_answers(answer(CONTINUITY, Outcome.FAIL, scope=REPOSITORY)))

    assert [line.outcome for line in old.values()] == [Outcome.UNKNOWN]
    assert [line.outcome for line in never.values()] == [Outcome.UNKNOWN]
    assert [line.outcome for line in broken.values()] == [Outcome.FAIL]


def test_dagster_that_is_silent_or_was_never_heard_of_is_said() -> None:
    silent = unwell(with_answers(answer(DAGSTER, age=DAY, scope=SEEN_BY_ITSELF)))
    never = unwell(with_answers(without=((DAGSTER, SEEN_BY_ITSELF),)))

    assert [line.outcome for line in silent.values()] == [Outcome.FAIL]
    assert [line.outcome for line in never.values()] == [Outcome.UNKNOWN]


def test_each_command_of_what_never_answered_has_a_line_of_its_own_with_the_checks_that_it_answers() -> None:
    never = ("files.missing", "files.content", "files.protection", "backup.window", "copies.media", "copies.files")
    wrong = unwell(with_answers(without=tuple((check, "") for check in never)))
    assert {line.command: line.text for line in wrong.values()} == {
        "printflow files reconcile": "never answered: files.missing, files.content",
        "printflow files protect": "never answered: files.protection",
        "printflow backup window": "never answered: backup.window",
        "printflow copies": "never answered: copies.media, copies.files",
    }


def test_a_check_of_drills_that_failed_leads_to_the_drill_where_its_remedy_names_no_command() -> None:
    wrong = unwell(with_answers(answer("drill.fence", Outcome.FAIL), answer("drill.objectives", Outcome.FAIL)))
    newest = WELL.drills["newest"].id
    assert {line.command for line in wrong.values()} == {f"printflow drill show {newest}", "printflow drill objectives"}


def test_a_sentence_that_is_too_long_for_the_screen_keeps_how_old_it_is() -> None:
    long = "queues.age: " + "word " * 60 + "(5 min 3 s ago)"
    assert shortened(long).endswith(" word ... (5 min 3 s ago)")
    assert len(shortened(long)) <= LONGEST_TEXT
    assert shortened("word " * 60).endswith("word ...")
    assert shortened("queues.age: short (3 s ago)") == "queues.age: short (3 s ago)"


def test_alerts_that_wait_for_long_and_drills_that_failed_are_failures() -> None:
    waiting = unwell(replace(WELL, waiting=2, waiting_since=NOW - timedelta(hours=1)))
    just_now = unwell(replace(WELL, waiting=2, waiting_since=NOW))
    failed = unwell(replace(WELL, drills={**WELL.drills, "newest": Drill(2, NOW, "fail", None, None)}))
    never = unwell(replace(WELL, drills={}))

    assert [line.outcome for line in waiting.values()] == [Outcome.FAIL]
    assert just_now == {}
    assert [(line.outcome, line.command) for line in failed.values()] == [(Outcome.FAIL, "printflow drill show 2")]
    assert [(line.outcome, line.command) for line in never.values()] == [(Outcome.FAIL, "printflow drill run")]
