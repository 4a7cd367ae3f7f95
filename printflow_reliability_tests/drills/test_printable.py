"""Could we print tomorrow: which version is meant, who takes the next turn, and what the answer says of each state."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.validation.files_then import CLOCKS, FileThen, Moment, files_then, of_then
from printflow_reliability.drills.validation.printable import by_order, in_turn, within_budget
from printflow_reliability.drills.validation.printable_answer import Judged, State, answer
from printflow_reliability.files.presence import KeyRefused
from printflow_reliability.platform.paid_orders import PaidItem
from printflow_reliability.settings import DrillsSettings
from printflow_reliability.storage.objects import ObjectHead, Version
from printflow_reliability.storage.single_keys import Refusal

BEGIN = datetime(2026, 11, 2, tzinfo=UTC)
STEP = timedelta(minutes=1)
"""Between two events of the model: more than clocks differ by."""
EVENTS = st.lists(st.booleans(), max_size=8)


def history(events: Sequence[bool]) -> list[Version]:
    """A key's versions after these events, one a minute: something is put, or it is deleted."""
    made = [
        Version(str(number), f"e{number}", 1, BEGIN + number * STEP, delete_marker=not put)
        for number, put in enumerate(events)
    ]
    return made[::-1]


@given(EVENTS, st.integers(0, 8))
def test_the_version_of_a_moment_is_what_the_key_held_then(events: list[bool], until: int) -> None:
    moment = Moment(BEGIN + until * STEP - STEP / 2, exact=True)
    before = [number for number, _ in enumerate(events) if number < until]
    expected = str(before[-1]) if before and events[before[-1]] else None
    found = of_then(history(events), moment)
    assert (found.version_id if found else None) == expected


@given(EVENTS, st.integers(0, 8))
def test_at_the_end_of_wal_the_first_version_after_the_proven_moment_counts_too(events: list[bool], until: int) -> None:
    """Rows were committed after the newest moment that is proven; a file of theirs is younger than that, too."""
    moment = Moment(BEGIN + until * STEP - STEP / 2, exact=False)
    exact = of_then(history(events), Moment(moment.at, exact=True))
    later = [str(number) for number, put in enumerate(events) if number >= until and put]
    found = of_then(history(events), moment)
    assert (found.version_id if found else None) == (exact.version_id if exact else next(iter(later), None))


def test_clocks_that_differ_by_seconds_hide_no_file() -> None:
    for late, there in ((CLOCKS, True), (CLOCKS + timedelta(seconds=1), False)):
        found = of_then([Version("v1", "e", 1, BEGIN + late)], Moment(BEGIN, exact=True))
        assert (found is not None) is there


class Store:
    """A bucket that tells what is current, and not which versions there are."""

    def __init__(self, now: ObjectHead | None) -> None:
        self._now = now

    def head(self, key: str) -> ObjectHead | None:
        del key
        return self._now

    def history(self, key: str) -> tuple[Version, ...]:
        raise KeyRefused(Refusal(f"the store answers AccessDenied for it ({key})"))


@pytest.mark.parametrize("age", [timedelta(hours=1), -timedelta(hours=1), None])
def test_without_a_right_to_list_versions_only_what_did_not_change_since_is_known(age: timedelta | None) -> None:
    head = None if age is None else ObjectHead("v", "e", 1, BEGIN - age)
    (found,) = files_then(Store(head), ["a.pdf"], Moment(BEGIN, exact=True)).values()  # type: ignore[arg-type]
    if age is not None and age > timedelta(0):
        assert found == FileThen(head)
    else:
        assert "its versions cannot be listed: the store answers AccessDenied" in found.refused


def orders(*named: str) -> Mapping[str, Sequence[PaidItem]]:
    """Orders by their names, each paid a day after the one before, with a file of the same name."""
    paid = enumerate(named)
    return by_order([PaidItem(name, "t", BEGIN + timedelta(days=day), f"{name}.pdf") for day, name in paid])


def test_orders_that_were_never_read_come_first_then_the_oldest_reading() -> None:
    given = orders("a", "b", "c", "d")
    read = {"a": BEGIN + timedelta(days=9), "b": BEGIN + timedelta(days=8)}
    assert in_turn(given, read) == ["c", "d", "b", "a"]


def sized(**sizes: int) -> Mapping[str, FileThen]:
    return {f"{name}.pdf": FileThen(ObjectHead("v", name, size, BEGIN)) for name, size in sizes.items()}


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 20), min_size=1), st.integers(20, 60))
def test_the_budget_is_kept_and_every_order_has_its_turn(sizes: dict[str, int], max_bytes: int) -> None:
    given, there = orders(*sizes), sized(**sizes)
    read: dict[str, datetime] = {}
    for drill in range(len(sizes)):
        chosen = within_budget(in_turn(given, read), given, there, max_bytes)
        assert sum(sizes[order] for order in chosen) <= max_bytes
        read |= dict.fromkeys(chosen, BEGIN + timedelta(days=drill))
    assert read.keys() == sizes.keys()


def test_a_file_that_several_orders_share_is_counted_once_and_an_archived_one_not_at_all() -> None:
    given = by_order(
        [PaidItem(name, "t", BEGIN, key) for name, key in (("1", "a.pdf"), ("2", "a.pdf"), ("3", "z.pdf"))]
    )
    there = {**sized(a=10), "z.pdf": FileThen(ObjectHead("v", "z", 999, BEGIN, archived="GLACIER"))}
    assert within_budget(["1", "2", "3"], given, there, 10) == ["1", "2", "3"]


FINE, BAD = Judged("1", State.PRINTABLE, read=True), Judged("2", State.UNPRINTABLE, "it is cut off", read=True)
NOT_READ, UNTOLD = Judged("3", State.NOT_READ), Judged("4", State.UNTOLD, "the store answers AccessDenied for it")
ERASED, WAITING = Judged("5", State.ERASED, "it is gone"), Judged("6", State.WAITING, "it was never linked")


@pytest.mark.parametrize(
    ("judged", "held", "unread", "outcome", "said"),
    [
        ([], (), "", Outcome.PASS, "0 of 0 open paid orders"),
        ([FINE, WAITING], (), "", Outcome.PASS, "1 of 2 open paid orders printable"),
        ([FINE, BAD], (), "", Outcome.FAIL, "order 2: it is cut off"),
        ([FINE, BAD], ("2",), "", Outcome.WARN, "1 order held by then already (order 2: it is cut off)"),
        ([FINE, NOT_READ], (), "", Outcome.WARN, "1 order was not read, as the budget ended"),
        ([NOT_READ], (), "", Outcome.UNKNOWN, "0 of 1 open paid order printable"),
        ([FINE, UNTOLD], (), "", Outcome.UNKNOWN, "order 4: the store answers AccessDenied"),
        ([FINE, UNTOLD, BAD, NOT_READ], (), "", Outcome.FAIL, "order 4: the store answers"),
        ([FINE, ERASED], (), "", Outcome.WARN, "erased on purpose (order 5"),
        ([FINE], (), "orders.paid fails on rows", Outcome.UNKNOWN, "orders.paid fails on rows"),
        ([], (), "orders.paid fails on rows", Outcome.UNKNOWN, "orders.paid fails on rows"),
    ],
)
def test_what_was_not_read_never_counts_as_printable(
    judged: Sequence[Judged], held: Sequence[str], unread: str, outcome: Outcome, said: str
) -> None:
    result = answer(judged, held=held, unread=unread, files=1, compared=1, read_bytes=9, limits=DrillsSettings())
    assert (result.outcome, said in result.detail) == (outcome, True), result.detail
    assert result.numbers["open_orders"] == len(judged)
    assert result.numbers["printable_orders"] == judged.count(FINE)


def test_names_from_outside_stay_on_their_line() -> None:
    bad = Judged("7\n8", State.UNPRINTABLE, "\x1b[31mred")
    said = answer([bad], held=(), unread="", files=0, compared=0, read_bytes=0, limits=DrillsSettings()).detail
    assert said.isprintable()
