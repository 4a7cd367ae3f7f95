"""The records go away and come back, in every order of events: everybody hears, once, and nothing is lost."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from printflow_reliability.alerts.backoff import LONGEST_RETRY_SECONDS
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell, PrintflowError
from printflow_reliability.orders.known import Known
from printflow_reliability.records.spool import NOTE, Spool
from printflow_reliability.records.spool_lines import HELD, RAISED, RESOLVED
from printflow_reliability.watch import away as module
from printflow_reliability.watch import watch as watch_module
from printflow_reliability.watch.away import AWAY, TOLD_AFTER_ROUNDS, StandIn
from printflow_reliability_tests.watch.away_world import KilledError, World


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], World]:
    def begun() -> World:
        world = World(tmp_path_factory.mktemp("world"))
        monkeypatch.setattr(module, "open_records", world.open_records)
        monkeypatch.setattr(module, "fold", world.fold)
        monkeypatch.setattr(module, "known_to", lambda _records: Known(frozenset(world.recorded)))
        monkeypatch.setattr(module, "look_away", world.look)
        monkeypatch.setattr(watch_module, "go_round", world.round_with_records)
        return world

    return begun


@pytest.fixture
def world(begin: Callable[[], World]) -> World:
    return begin()


GONE = CouldNotTell("the records database cannot be reached", "is it running?")
REFUSING = CouldNotTell("the records database refuses: cannot execute INSERT in a read-only transaction", "its log")


def broken(world: World, *orders: str) -> None:
    world.orders |= set(orders)
    world.broken |= set(orders)


def test_with_its_records_the_watch_spools_nothing(world: World) -> None:
    broken(world, "7")
    assert world.go_round().said == "with records"
    assert world.heard == []
    assert world.spool.read() == []


@pytest.mark.parametrize("why", [GONE, ConfigError("the records are at version 0009", "printflow records migrate")])
def test_an_order_that_loses_its_artwork_while_the_records_cannot_be_used_is_told(
    world: World, why: PrintflowError
) -> None:
    world.away = why
    broken(world, "7")
    gone = world.go_round()

    assert world.triggers("7") == 1
    assert gone.outcome is Outcome.FAIL
    assert why.what in gone.said


def test_records_that_can_be_read_and_take_no_writes_are_away_as_if_they_could_not_be_read(world: World) -> None:
    world.refusing = REFUSING
    for _ in range(TOLD_AFTER_ROUNDS - 1):
        world.go_round()
    assert world.heard == []
    world.go_round()
    assert world.heard == [("trigger", AWAY)]
    broken(world, "7")
    gone = [world.go_round() for _ in range(2)]
    assert world.triggers("7") == 1
    assert all(REFUSING.what in told.said for told in gone)

    world.refusing = None
    assert world.go_round().said == "with records"
    assert (world.recorded, world.triggers("7"), world.spool.read()) == ({"7"}, 1, [])


def test_when_the_records_are_back_they_take_over_everything_once_and_nobody_is_told_again(world: World) -> None:
    world.away = GONE
    broken(world, "7")
    for _ in range(3):
        world.go_round()
    world.away = None
    for _ in range(3):
        world.go_round()

    assert world.triggers("7") == 1
    assert world.recorded == {"7"}
    assert [found["kind"] for found in world.taken].count(HELD) == 1
    assert world.spool.read() == []
    assert world.with_records == 3


def test_a_process_that_is_killed_after_the_takeover_and_before_its_spool_is_empty_loses_and_doubles_nothing(
    world: World,
) -> None:
    world.away = GONE
    broken(world, "7")
    world.go_round()
    world.away, world.dies_after_fold = None, True
    with pytest.raises(KilledError):
        world.go_round()
    world.die()
    world.go_round()

    assert world.triggers("7") == 1
    assert [found["kind"] for found in world.taken].count(HELD) == 1
    assert world.spool.read() == []


def test_that_the_records_are_away_is_told_after_a_while_and_that_they_are_back(world: World) -> None:
    world.away = GONE
    for _ in range(TOLD_AFTER_ROUNDS - 1):
        world.go_round()
    assert world.heard == []
    world.go_round()
    world.go_round()
    assert world.heard == [("trigger", AWAY)]
    world.away = None
    world.go_round()
    assert [found["kind"] for found in world.taken if found.get("key") == AWAY] == [RAISED, RESOLVED]


def test_what_people_heard_of_before_is_not_told_again_by_a_process_that_begins_without_records(world: World) -> None:
    broken(world, "7")
    world.recorded = {"7"}
    world.go_round()
    world.away = GONE
    world.die()
    broken(world, "8")
    world.go_round()

    assert (world.triggers("7"), world.triggers("8")) == (0, 1)


def test_the_watchers_hear_of_a_success_only_while_it_judges_and_pages(world: World) -> None:
    world.away = GONE
    world.go_round()
    assert world.beats == ["guard/start", "guard", "outbox/fail"]
    world.beats.clear()
    world.pager_dead = True
    broken(world, "7")
    world.now += 60
    world.go_round()
    assert world.beats == ["guard/start", "guard/fail", "outbox/fail"]


def test_a_spool_that_cannot_be_emptied_keeps_nobody_from_watching(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.orders, world.broken = {"1"}, {"1"}
    world.away = CouldNotTell("the records are away")
    world.go_round()
    world.away = None

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        world.go_round()
        world.go_round()
    assert world.with_records == 2
    world.die()
    world.go_round()
    assert [found["order"] for found in world.taken if found["kind"] == HELD] == ["1"]


@pytest.mark.parametrize(
    "note",
    ["[" * 200_000, '{"told": [], "overrides": {"1": {"person": "a", "reason": "b", "until": "2026-01-01T00:00:00"}}}'],
)
def test_a_note_of_another_program_is_none(tmp_path: Path, note: str) -> None:
    (tmp_path / NOTE).write_text(note)
    spool = Spool(tmp_path, 10_000)
    assert StandIn.of(spool).known == Known()
    spool.close()


def test_beside_a_watch_that_has_the_spool_a_round_goes_without(world: World) -> None:
    world.watch.stand_in = None
    assert world.go_round().said == "with records"


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["break", "mend", "away", "refuse", "back", "pager", "die", "killed", "nothing"]),
        st.sampled_from(["1", "2", "3"]),
    ),
    max_size=30,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS)
def test_in_every_order_of_events_everybody_hears_and_the_records_have_it(
    begin: Callable[[], World], events: list[tuple[str, str]]
) -> None:
    world = begin()
    spooled: set[str] = set()
    for event, order in events:
        match event:
            case "break":
                broken(world, order)
            case "mend":
                world.broken.discard(order)
            case "away":
                world.away = GONE
            case "refuse":
                world.refusing = REFUSING
            case "back":
                world.away = world.refusing = None
            case "pager":
                world.pager_dead = not world.pager_dead
            case "die":
                world.die()
            case "killed":
                world.dies_after_fold = True
        survived(world)
        spooled |= {found["order"] for found in world.spool.read() if found["kind"] == HELD}
    world.away, world.pager_dead = GONE, False
    world.now += LONGEST_RETRY_SECONDS
    survived(world)
    world.away = world.refusing = None
    survived(world)
    left = world.spool.read()
    world.spool.close()

    # Told by the spool, or handed to the outbox of the records before the pager was back.
    in_outbox = {found["key"] for found in world.taken if found["kind"] == RAISED}
    assert {order for order in spooled if not world.triggers(order) and f"order:{order}" not in in_outbox} == set()
    assert world.recorded == world.broken
    assert len({found["id"] for found in world.taken}) == len(world.taken)
    assert left == []


def survived(world: World) -> None:
    try:
        world.go_round()
    except KilledError:
        world.die()
        world.go_round()
