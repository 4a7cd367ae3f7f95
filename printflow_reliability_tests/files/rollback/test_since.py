"""What a rollback plans against a model of a versioned bucket: random puts, deletes and moments, and a dictionary."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.files.rollback.since import Fate, Step, fate_of, histories, step_of
from printflow_reliability.storage.version_listing import Entry, newest_first

BEGIN = datetime(2026, 11, 2, tzinfo=UTC)
Event = tuple[str, int | None]
"""A key and the content that is put, or None for a delete."""
EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(1, 3)), max_size=12)


def at(second: int) -> datetime:
    return BEGIN + timedelta(seconds=second)


def state(events: Sequence[Event], until: int) -> dict[str, int]:
    """The oracle: what each key holds after so many events, one a second."""
    held: dict[str, int] = {}
    for key, content in events[:until]:
        if content is None:
            held.pop(key, None)
        else:
            held[key] = content
    return held


def entries(events: Sequence[Event]) -> list[Entry]:
    """The bucket's versions and markers after these events; the version id is the event's number."""
    newest = {key: number for number, (key, _) in enumerate(events)}
    made = [
        Entry(
            key,
            str(number),
            at(number),
            content or 0,
            "" if content is None else str(content),
            marker=content is None,
            latest=newest[key] == number,
        )
        for number, (key, content) in enumerate(events)
    ]
    return newest_first(made)


def steps(events: Sequence[Event], moment: int) -> list[Step]:
    found = (step_of("files", history, at(moment - 1), None) for history in histories(entries(events)))
    return [step for step in found if step is not None]


@given(EVENTS, st.integers(0, 12))
def test_the_steps_make_every_key_of_then_what_it_was_and_leave_the_others(events: list[Event], moment: int) -> None:
    then, now = state(events, moment), state(events, len(events))
    planned = steps(events, moment)
    after = [*events, *((step.key, events[int(step.version_id)][1]) for step in planned)]
    assert state(after, len(after)) == {**now, **then}
    assert {step.key for step in planned} == {key for key, content in then.items() if now.get(key) != content}
    assert steps(after, moment) == []  # run again there is nothing to do


@given(EVENTS, st.integers(0, 12))
def test_what_was_current_before_a_step_brings_the_bucket_forward_again(events: list[Event], moment: int) -> None:
    planned = steps(events, moment)
    after = [*events, *((step.key, events[int(step.version_id)][1]) for step in planned)]
    undone = [*after, *((step.key, events[int(step.before)][1]) for step in planned)]
    assert state(undone, len(undone)) == state(events, len(events))


@given(EVENTS, st.integers(0, 12))
def test_a_step_is_of_older_bytes_where_the_key_held_others_since(events: list[Event], moment: int) -> None:
    for step in steps(events, moment):
        since = [content for key, content in events[int(step.version_id) + 1 :] if key == step.key]
        assert step.older == any(content is not None for content in since)


@given(EVENTS, st.integers(0, 12))
def test_every_key_has_one_fate(events: list[Event], moment: int) -> None:
    then, now = state(events, moment), state(events, len(events))
    for history in histories(entries(events)):
        key = history[0].key
        fate, version = fate_of(history, at(moment - 1))
        assert (version is None) == (key not in then)
        expected = {
            (True, True): Fate.UNCHANGED if now.get(key) == then.get(key) else Fate.OVERWRITTEN,
            (True, False): Fate.DELETED,
            (False, True): Fate.NEWER,
        }.get((key in then, key in now))
        assert fate is expected or (expected is None and fate in (Fate.NEVER, Fate.GONE_AGAIN))


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_a_version_in_an_archive_says_so(storage_class: str) -> None:
    history = (
        Entry("a", "2", at(2), 2, "y", latest=True),
        Entry("a", "1", at(1), 1, "x", storage_class=storage_class),
    )
    step = step_of("files", history, at(1), "tenant")
    assert step is not None
    assert step.archived == storage_class
    assert Step.of_json(step.as_json()) == step
