"""3-2-1-1-0 by what is known of each copy: what was not seen is never counted, and never called missing."""

import random
from itertools import product

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.copies.rules import Copy, Medium, Place, digits

HOME = Place(Medium.OBJECTS, "s3.eu-west-1.amazonaws.com:443", "eu-west-1")
NEAR = Place(Medium.OBJECTS, "s3.eu-west-1.amazonaws.com:443", "eu-west-1")
FAR = Place(Medium.OBJECTS, "s3.eu-central-1.amazonaws.com:443", "eu-central-1")
DISK, HIDDEN = Place(Medium.DISK), Place(Medium.UNKNOWN)
YES, NO, UNKNOWN = Outcome.PASS, Outcome.FAIL, Outcome.UNKNOWN
HELD = (YES, "the store refused")


def copy(place: Place, state: Outcome = YES, *, locked: bool | None = False, name: str = "a copy") -> Copy:
    return Copy("main", name, place, state, "because", locked)


def outcomes(
    copies: list[Copy], lock: tuple[Outcome, str] = HELD, errors: tuple[tuple[Outcome, str], ...] = ()
) -> tuple[Outcome, ...]:
    found = digits("main", copies, HOME, lock, errors or ((YES, "verified"),))
    assert [digit.name for digit in found] == ["copies", "media", "offsite", "immutable", "errors"]
    return tuple(digit.outcome for digit in found)


@pytest.mark.parametrize(
    ("copies", "expected"),
    [
        ([copy(DISK), copy(NEAR), copy(FAR, locked=True)], (YES, YES, YES, YES)),
        ([copy(DISK), copy(NEAR)], (NO, YES, NO, NO)),
        ([copy(DISK), copy(DISK), copy(DISK)], (YES, NO, NO, NO)),
        ([copy(NEAR), copy(FAR, NO, locked=True), copy(DISK, UNKNOWN)], (NO, UNKNOWN, NO, NO)),
        ([copy(DISK), copy(NEAR), copy(FAR, UNKNOWN, locked=True)], (UNKNOWN, YES, UNKNOWN, UNKNOWN)),
        ([copy(DISK, UNKNOWN), copy(NEAR, UNKNOWN), copy(FAR, UNKNOWN)], (UNKNOWN, UNKNOWN, UNKNOWN, NO)),
        ([copy(DISK), copy(HIDDEN), copy(HIDDEN)], (YES, UNKNOWN, UNKNOWN, NO)),
        ([copy(DISK), copy(HIDDEN, NO), copy(DISK)], (NO, NO, NO, NO)),
        ([copy(DISK), copy(NEAR), copy(FAR, UNKNOWN, locked=None)], (UNKNOWN, YES, UNKNOWN, UNKNOWN)),
        ([copy(DISK)], (NO, NO, NO, NO)),
        ([], (NO, NO, NO, NO)),
    ],
)
def test_each_digit_holds_only_by_what_was_verified(copies: list[Copy], expected: tuple[Outcome, ...]) -> None:
    assert outcomes(copies)[:4] == expected


def test_a_copy_that_does_not_count_is_named_with_its_reason() -> None:
    found = digits("main", [copy(DISK), Copy("main", "repo2", FAR, NO, "it is 3 days old")], HOME, HELD, ())
    assert "repo2 does not count: it is 3 days old" in found[0].evidence


@pytest.mark.parametrize(
    ("place", "elsewhere"),
    [
        (FAR, True),
        (NEAR, False),
        (DISK, False),
        (Place(Medium.OBJECTS, "s3.eu-central-1.amazonaws.com:443", "eu-west-1"), False),
        (Place(Medium.OBJECTS, "s3.eu-west-1.amazonaws.com:443", "eu-central-1"), False),
        (Place(Medium.OBJECTS, None, "eu-central-1"), False),
        (Place(Medium.OBJECTS, "minio.example:9000", None), False),
    ],
)
def test_another_region_is_another_server_and_another_name(place: Place, elsewhere: bool) -> None:
    assert place.elsewhere(HOME) is elsewhere


@pytest.mark.parametrize("tried", [NO, UNKNOWN])
def test_a_lock_that_did_not_hold_or_could_not_be_tried_is_none(tried: Outcome) -> None:
    copies = [copy(DISK), copy(NEAR), copy(FAR, locked=True)]
    assert outcomes(copies, (tried, "it could be deleted"))[3] is tried


@pytest.mark.parametrize(
    ("said", "expected"), [((YES, YES), YES), ((YES, UNKNOWN), UNKNOWN), ((UNKNOWN, NO), NO), ((NO, YES), NO)]
)
def test_any_error_counts_and_what_is_not_known_is_no_zero(said: tuple[Outcome, ...], expected: Outcome) -> None:
    assert outcomes([], errors=tuple((outcome, "said") for outcome in said))[4] is expected


@pytest.mark.parametrize("seed", range(50))
def test_no_digit_gets_worse_by_what_was_not_seen_turning_out_well_and_none_holds_by_it(seed: int) -> None:
    chance = random.Random(seed)
    copies = [
        copy(chance.choice((DISK, NEAR, FAR)), chance.choice((YES, NO, UNKNOWN)), locked=chance.random() < 0.5)
        for _ in range(chance.randrange(5))
    ]
    now = outcomes(copies)
    ends = [
        outcomes([copy(c.place, state, locked=c.locked) for c, state in zip(copies, ended, strict=True)])
        for ended in product(*((YES, NO) if c.state is UNKNOWN else (c.state,) for c in copies))
    ]
    for position, outcome in enumerate(now[:4]):
        possible = {end[position] for end in ends}
        assert UNKNOWN not in possible
        # Unknown exactly where it depends on what was not seen.
        assert outcome is (possible.pop() if len(possible) == 1 else UNKNOWN)
