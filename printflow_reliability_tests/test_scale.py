"""The table of time and cost at 10^9 objects: its arithmetic, and where it says that a way no longer serves."""

import pytest

from printflow_reliability.storage.listing import MOST_RUNS, RUN_OBJECTS
from printflow_reliability_tests.benchmarks.scale import SIZES, Inputs, Way, show, ways, written

MEASURED = {"reconcile_cpu_us": 20.0, "inventory_cpu_us": 15.0, "head_cpu_us": 300.0, "spill_cpu_us": 10.0}
INPUTS = Inputs(page_seconds=0.1, requests=10, window_seconds=8 * 3600.0)
NAMED = {way.name: way for way in ways(MEASURED, INPUTS)}
SINGLE, SIDE_BY_SIDE, INVENTORY, HEAD = NAMED.values()


def test_each_way_takes_what_its_slower_side_takes_and_costs_what_its_requests_cost() -> None:
    assert SINGLE.seconds(10**9) == pytest.approx(10**6 * 0.1), "a million pages, one after the other"
    assert SIDE_BY_SIDE.seconds(10**9) == pytest.approx(10**9 * 20e-6), "ten at once, the client is what is slow"
    assert INVENTORY.seconds(10**9) == pytest.approx(10**9 * (15e-6 + 2 * 10e-6))
    assert HEAD.seconds(10**9) == pytest.approx(10**9 * 0.1 / 10)
    dollars = [round(way.dollars * 10**9, 2) for way in NAMED.values()]
    assert dollars == [5.0, 5.0, 2.5, 400.0]


@pytest.mark.parametrize(
    ("objects", "times"),
    [
        (RUN_OBJECTS - 1, 0),
        (RUN_OBJECTS, 1),
        (RUN_OBJECTS * MOST_RUNS - 1, 1),
        (RUN_OBJECTS * MOST_RUNS, 2),
        (10**9, 2),
    ],
)
def test_an_object_is_written_as_often_as_the_sort_writes_it(objects: int, times: int) -> None:
    assert written(objects) == times


@pytest.mark.parametrize("way", NAMED.values(), ids=lambda way: way.name)
def test_a_way_serves_up_to_where_its_pass_fills_the_window(way: Way) -> None:
    most = way.serves_up_to(INPUTS.window_seconds)
    assert way.seconds(most) <= INPUTS.window_seconds < way.seconds(most * 1.01 + 10)


def test_the_table_names_every_way_and_what_it_took_for_granted(capsys: pytest.CaptureFixture[str]) -> None:
    show(list(NAMED.values()), INPUTS, 20_000)
    shown = capsys.readouterr().out
    for said in (*NAMED, "20,000 objects", "100 ms", "us-east-1", "2025", *(f"{size:,}" for size in SIZES)):
        assert said in " ".join(shown.split()), said
