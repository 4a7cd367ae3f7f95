"""A whole drill in a world without servers: what each check says when each stage breaks off, and what comes after."""

import os
import signal
from collections.abc import Mapping
from datetime import timedelta

import psycopg
import pytest

from printflow_reliability.backups.pgbackrest_errors import NoBackupForTarget, RepositoryDamaged
from printflow_reliability.checks import Outcome
from printflow_reliability.drills.report import CHECKS
from printflow_reliability.errors import ConfigError, CouldNotTell, LockHeld, PrintflowError, Refused
from printflow_reliability.restore.clones.standby_files import StandbyDamaged
from printflow_reliability.restore.phases import Phase
from printflow_reliability.restore.replay import RecoveryShort
from printflow_reliability.restore.targets import Target
from printflow_reliability_tests.drills.fake_world import FakeWorld
from printflow_reliability_tests.drills.two_clusters import BEGAN, CLUSTERS, fences, settings
from printflow_reliability_tests.drills.whole_drill import (
    AT_FENCE,
    IN_DATA,
    ISOLATED,
    RECOVERED,
    WELL,
    Answers,
    answers_of,
    carried_out,
    recorded,
)

AWAY = CouldNotTell("it does not answer", "start it")
SHORT = RecoveryShort("replay ended early", "printflow wal verify")
DAMAGED = RepositoryDamaged("a file is damaged", "printflow backup verify")
NO_BACKUP = NoBackupForTarget("there is no backup", "printflow backup run")
DANGEROUS = Refused("that would be dangerous", "look")
WRONG = ConfigError("a key is wrong", "correct it")
OURS = psycopg.errors.UndefinedTable("no such table")
CORRUPTED = psycopg.errors.DataCorrupted("invalid page")

METHODS: Mapping[Phase, tuple[str, ...]] = {
    Phase.FIND: ("require_readable", "identify", "clocks", "backups", "clones"),
    Phase.FENCE: ("unarchived", "confined_programs", "refuse_writers", "make_fences"),
    Phase.FETCH: ("fetch", "await_archived", "expected_ends"),
    Phase.START: ("start",),
    Phase.REPLAY_TO_FENCE: ("replay_to_fence",),
    Phase.REPLAY_TO_END: ("replay_to_end",),
    Phase.PROMOTE: ("promote", "quieten", "heartbeats"),
    Phase.VALIDATE: ("data",),
    Phase.FILES: ("tenant",),
}
"""What the stages call in each phase; the comparison at the fence, a phase's second part, has tests of its own."""
EVERY = [(phase, method) for phase, methods in METHODS.items() for method in methods]
FAILING = [
    (Phase.FIND, "backups", NO_BACKUP),
    (Phase.FIND, "backups", DAMAGED),
    (Phase.FIND, "backups", DANGEROUS),
    (Phase.FENCE, "confined_programs", DANGEROUS),
    (Phase.FENCE, "refuse_writers", DAMAGED),
    (Phase.FETCH, "fetch", DAMAGED),
    (Phase.FETCH, "fetch", NO_BACKUP),
    (Phase.FETCH, "expected_ends", DAMAGED),
    (Phase.START, "start", SHORT),
    (Phase.START, "start", DANGEROUS),
    (Phase.REPLAY_TO_FENCE, "replay_to_fence", SHORT),
    (Phase.REPLAY_TO_END, "replay_to_end", SHORT),
    (Phase.REPLAY_TO_END, "replay_to_end", DANGEROUS),
    (Phase.PROMOTE, "promote", SHORT),
    (Phase.PROMOTE, "promote", DANGEROUS),
    (Phase.VALIDATE, "data", DANGEROUS),
]


def expected(phase: Phase, why: str, recovery: tuple[str, Outcome] | None = None, *, method: str = "") -> Answers:
    """What the checks say of a drill that broke off in a phase: what was answered before, and why nothing else was.

    Args:
        phase: which one.
        why: what each check says that was not answered.
        recovery: what drill.recovery says instead.
        method: what broke off, where that matters.
    """
    order = list(Phase)
    found: Answers = dict.fromkeys(CHECKS, (why, Outcome.UNKNOWN))
    if order.index(phase) > order.index(Phase.REPLAY_TO_FENCE):
        found |= AT_FENCE
    if order.index(phase) > order.index(Phase.PROMOTE):
        # What was recovered is known, and how long it took is not.
        rpo = f"RTO not known ({why}); RPO 2.0 s, target 300 s"
        found |= {"drill.recovery": RECOVERED, "drill.objectives": (rpo, Outcome.UNKNOWN)}
    if phase is Phase.FILES:
        answered = ("drill.smoke", "drill.files", "drill.rollback", "drill.printable", "drill.objectives")
        found |= {**IN_DATA, **{name: WELL[name] for name in answered}}
    if phase is not Phase.FIND and method != "unarchived":  # from then on there is something to compare with
        found |= ISOLATED
    return {**found, "drill.recovery": recovery} if recovery else found


def test_a_healthy_world_passes_every_check_and_is_recorded_before_and_after_it_is_torn_down() -> None:
    world = FakeWorld()
    heard: list[Phase] = []
    report = carried_out(world, world.drill(tell=heard.append))
    assert answers_of(report) == WELL
    assert (report.outcome, report.matched, report.newest_fence) == (Outcome.PASS, True, "printflow-drill-7")
    assert heard == [*list(Phase)[:5], Phase.FENCE, *list(Phase)[5:9]]
    seconds = dict.fromkeys(Phase, 1.0) | {Phase.FENCE: 3.0, Phase.FETCH: 2.0}
    assert report.phases == seconds
    assert report.numbers["rto_seconds"] == 8.0
    assert report.numbers["rpo_seconds"] == 2.0
    assert report.numbers["fetched_bytes"] == 2000
    assert [part.backup for part in report.clusters] == ["new", "new"]
    assert [(part.tables, part.rows, part.fence_lsn) for part in report.clusters] == [(2, 5, "0/5000148")] * 2
    assert [kept.cluster for kept in world.records.fences.kept] == list(CLUSTERS)
    called = [name for name in world.script.called if name in ("tenant", "record", "remove", "check_isolation")]
    assert called[:2] == ["tenant", "record"]
    assert sorted(called[2:4]) == ["check_isolation", "remove"]
    assert called[4:] == ["record"]
    assert [ended for ended, _ in world.records.recorded] == [False, True]
    assert recorded(world) == WELL
    assert world.isolation.confined_by == ("landlock",)


def test_files_of_a_standby_are_taken_before_the_fence_that_they_replay_to_and_say_nothing_of_objectives() -> None:
    world = FakeWorld()
    report = carried_out(world, world.drill(from_standby=True))
    assert answers_of(report) == {name: told for name, told in WELL.items() if name != "drill.objectives"}
    order = [name for name in world.script.called if name in ("take", "make_fences", "fetch")]
    assert order == ["take", "make_fences", "fetch"]
    assert {"rto_seconds", "rpo_seconds"}.isdisjoint(report.numbers)
    assert report.numbers["replayed_bytes"] == 2 * (0x6000200 - 0x5000000)
    _, document = world.records.recorded[-1]
    assert (document["from_standby"], document["rto_seconds"], document["passed"]) == (True, None, True)


@pytest.mark.parametrize(
    ("error", "outcome", "why"),
    [
        (AWAY, Outcome.UNKNOWN, "not reached; fetch broke off: it does not answer. Next: start it"),
        (StandbyDamaged("pages are damaged", "make it anew"), Outcome.FAIL, "not reached: the recovery failed before"),
    ],
)
def test_a_standby_that_gives_no_files_ends_the_drill_before_any_fence_is_made(
    error: PrintflowError, outcome: Outcome, why: str
) -> None:
    world = FakeWorld()
    world.plant("take", error)
    report = carried_out(world, world.drill(from_standby=True))
    told = answers_of(report)
    assert (report.outcome, told["drill.fence"]) == (outcome, (why, Outcome.UNKNOWN))
    assert told["drill.recovery"] == ((error.sentence if outcome is Outcome.FAIL else why), outcome)
    assert "make_fences" not in world.script.called
    assert (recorded(world), world.workspace.there) == (told, False)


@pytest.mark.parametrize(("phase", "method"), EVERY)
def test_what_does_not_answer_ends_the_drill_there_and_all_that_was_not_reached_could_not_be_told(
    phase: Phase, method: str
) -> None:
    world = FakeWorld()
    world.plant(method, AWAY)
    report = carried_out(world)
    told = answers_of(report)
    assert told == expected(phase, f"not reached; {phase} broke off: it does not answer. Next: start it", method=method)
    assert report.outcome is Outcome.UNKNOWN
    assert (recorded(world), world.workspace.there) == (told, False)


@pytest.mark.parametrize(("phase", "method", "error"), FAILING)
def test_what_proves_that_a_recovery_would_fail_fails_the_recovery_and_nothing_else(
    phase: Phase, method: str, error: PrintflowError
) -> None:
    world = FakeWorld()
    world.plant(method, error)
    report = carried_out(world)
    told = answers_of(report)
    assert told == expected(phase, "not reached: the recovery failed before", (error.sentence, Outcome.FAIL))
    assert report.outcome is Outcome.FAIL
    assert (recorded(world), world.workspace.there) == (told, False)


@pytest.mark.parametrize(("phase", "method"), EVERY)
@pytest.mark.parametrize("error", [OURS, CORRUPTED])
def test_a_statement_that_is_refused_says_something_of_the_backups_only_if_a_clone_is_damaged(
    phase: Phase, method: str, error: psycopg.Error
) -> None:
    world = FakeWorld()
    world.plant(method, error)
    told = answers_of(carried_out(world))
    of_clone = phase not in (Phase.FIND, Phase.FENCE, Phase.FETCH)
    if error is CORRUPTED and of_clone:
        damaged = ("a clone is damaged: invalid page. Next: printflow backup verify", Outcome.FAIL)
        assert told == expected(phase, "not reached: a clone is damaged", damaged)
    else:
        where = "a clone" if of_clone else "production"
        refused = f"{where} refused a statement of the drill: {error}. Next: printflow drill run"
        assert told == expected(phase, f"not reached; {phase} broke off: {refused}", method=method)


@pytest.mark.parametrize(("phase", "method"), EVERY)
@pytest.mark.parametrize("error", [WRONG, LockHeld("somebody else is at it"), ValueError("hunter2 is invalid")])
def test_what_nobody_foresaw_is_recorded_torn_down_and_raised_without_a_secret(
    phase: Phase, method: str, error: Exception
) -> None:
    world, configuration = FakeWorld(), settings()
    configuration._secrets = ("hunter2",)
    world.plant(method, error.with_traceback(None))  # that of another drill
    with pytest.raises(type(error)) as raised:
        carried_out(world, world.drill(configuration=configuration))
    assert raised.value is error
    why = error.sentence if isinstance(error, PrintflowError) else "unexpected ValueError: [secret] is invalid"
    assert recorded(world) == expected(phase, f"not reached; {phase} broke off: {why}", method=method)
    assert not world.workspace.there


@pytest.mark.parametrize(("phase", "method"), EVERY)
def test_ctrl_c_is_recorded_in_whatever_stage_it_comes_and_nobody_waits_for_another_look(
    phase: Phase, method: str
) -> None:
    world = FakeWorld()

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        world.workspace.given_up.wait(5)  # in a thread of its own, until it is told to end

    world.script.planted[method] = interrupt
    with pytest.raises(KeyboardInterrupt):
        carried_out(world)
    why = f"not reached; {phase} broke off: the drill was interrupted. Next: printflow drill run"
    told = expected(phase, why) | {"drill.isolation": (why, Outcome.UNKNOWN)}
    assert recorded(world) == told
    _, document = world.records.recorded[-1]
    assert (document["interrupted"], document["outcome"]) == ("SIGINT", Outcome.UNKNOWN)
    assert "check_isolation" not in world.script.called
    assert not world.workspace.there


def test_a_drill_from_a_standby_that_was_ended_is_to_be_run_again_from_the_standby() -> None:
    interrupted, refused = FakeWorld(), FakeWorld()
    interrupted.script.planted["take"] = lambda: os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        carried_out(interrupted, interrupted.drill(from_standby=True))
    refused.plant("take", psycopg.errors.UndefinedTable("no table"))
    carried_out(refused, refused.drill(from_standby=True))
    for world, why in ((interrupted, "the drill was interrupted"), (refused, "refused a statement of the drill")):
        told, _ = recorded(world)["drill.recovery"]
        assert why in told
        assert told.endswith("Next: printflow drill run --from-standby")


@pytest.mark.parametrize("method", ["links", "inventory", "rows", "stop", "pages", "go_on"])
def test_what_was_compared_before_the_comparison_broke_off_is_kept(method: str) -> None:
    world = FakeWorld()
    world.plant(method, AWAY)
    told = answers_of(carried_out(world))
    order = ("drill.links", "drill.inventory", "drill.shrinkage", "drill.fence", "drill.checksums")
    answered = {"links": 0, "inventory": 1, "rows": 3, "stop": 4, "pages": 4, "go_on": 5}[method]
    why = "not reached; fence broke off: it does not answer. Next: start it"
    assert told == expected(Phase.FENCE, why) | {name: AT_FENCE[name] for name in order[:answered]}


def test_files_that_cannot_be_asked_about_are_that_checks_trouble_alone() -> None:
    for error, outcome in ((DANGEROUS, Outcome.FAIL), (AWAY, Outcome.UNKNOWN), (WRONG, Outcome.UNKNOWN)):
        world = FakeWorld()
        world.plant("files", error)
        untold = {"drill.rollback": ("not known, as the files are not: see drill.files", Outcome.UNKNOWN)}
        assert answers_of(carried_out(world)) == {**WELL, "drill.files": (error.sentence, outcome), **untold}


@pytest.mark.parametrize("check", ["rollback", "printable"])
@pytest.mark.parametrize("error", [AWAY, WRONG])
def test_files_as_of_the_moment_that_cannot_be_told_are_that_checks_trouble_alone(
    error: PrintflowError, check: str
) -> None:
    world = FakeWorld()
    world.plant(check, error)
    assert answers_of(carried_out(world)) == {**WELL, f"drill.{check}": (error.sentence, Outcome.UNKNOWN)}


@pytest.mark.parametrize(
    ("outcome", "matched"),
    [(Outcome.WARN, True), (Outcome.FAIL, False), (Outcome.UNKNOWN, None)],
)
def test_rows_that_differ_end_nothing_and_are_noted(outcome: Outcome, matched: bool | None) -> None:
    world = FakeWorld()
    world.clones.checks.rows_outcome = outcome
    report = carried_out(world)
    assert answers_of(report) == {**WELL, "drill.fence": (f"drill.fence is {outcome}", outcome)}
    assert report.matched is matched


def test_without_production_the_newest_recorded_fence_is_what_is_compared() -> None:
    world = FakeWorld()
    world.records.fences.stored = [fences("nightly", BEGAN - timedelta(minutes=5))]
    report = carried_out(world, world.drill(configuration=settings(ask_production=False)))
    assert (report.newest_fence, report.matched) == ("nightly", True)
    assert answers_of(report)["drill.recovery"] == RECOVERED
    assert not {"identify", "clocks", "unarchived", "make_fences", "await_archived"} & set(world.script.called)


def test_without_production_and_without_any_fence_nothing_can_be_told() -> None:
    world = FakeWorld()
    report = carried_out(world, world.drill(configuration=settings(ask_production=False)))
    why = (
        "not reached; find broke off: no fence was ever recorded, so who the clusters are is not known without asking "
        "them. Next: printflow drill fence, where production can be reached"
    )
    assert answers_of(report) == expected(Phase.FIND, why)


def test_a_past_moment_without_a_fence_before_it_is_recovered_and_not_compared() -> None:
    world = FakeWorld()
    report = carried_out(world, world.drill(Target("time", BEGAN - timedelta(minutes=30))))
    told = answers_of(report)
    assert told["drill.recovery"][1] is Outcome.PASS
    assert told["drill.recovery"][0].startswith("replayed to 2026-11-02 02:30:00 UTC (")
    not_compared = {name for name, (_, outcome) in told.items() if outcome is Outcome.UNKNOWN}
    assert not_compared == set(AT_FENCE)
    assert not {"rows", "pages", "links"} & set(world.script.called)


def test_a_past_moment_after_which_nothing_was_committed_demands_the_later_fence() -> None:
    world = FakeWorld()
    moment = BEGAN - timedelta(minutes=30)
    world.records.fences.stored = [fences("nightly", moment - timedelta(minutes=5), "0/3000000")]
    world.clones.ran_out = frozenset({"live_db"})
    report = carried_out(world, world.drill(Target("time", moment)))
    assert {name: found.name for name, found in world.clones.stopped_at.items()} == dict.fromkeys(CLUSTERS, "nightly")
    assert world.clones.expected == {"live_db": 0x5000148, "admin_db": 0x6000000}
    assert report.moment == moment
    assert report.outcome is Outcome.PASS


def test_without_production_the_later_fence_is_one_of_the_records() -> None:
    world = FakeWorld()
    moment = BEGAN - timedelta(minutes=30)
    before = fences("nightly", moment - timedelta(minutes=5), "0/3000000")
    world.records.fences.stored = [before, fences("later", moment + timedelta(minutes=5), "0/4000000")]
    world.clones.ran_out = frozenset(CLUSTERS)
    report = carried_out(world, world.drill(Target("time", moment), configuration=settings(ask_production=False)))
    assert world.clones.expected == dict.fromkeys(CLUSTERS, 0x4000000)
    assert (report.newest_fence, report.matched) == ("later", True)


def test_another_drill_that_began_meanwhile_ends_this_one() -> None:
    world = FakeWorld()
    world.plant("require_lock", CouldNotTell("another restore drill is running", "printflow drill list"))
    why = "not reached; find broke off: another restore drill is running. Next: printflow drill list"
    assert answers_of(carried_out(world)) == expected(Phase.FIND, why)
