"""A Redis that was emptied is told from one whose jobs are done."""

import pytest

from printflow_reliability.queues.emptied import was_emptied

HELD = {"keys": 9, "flushall": 1, "flushdb": 3}


@pytest.mark.parametrize(
    ("now", "new_run", "gone"),
    [
        ({"keys": 0, "flushall": 1, "flushdb": 3}, False, False),
        ({"keys": 0, "flushall": 2, "flushdb": 3}, False, True),
        ({"keys": 4, "flushall": 2, "flushdb": 3}, False, True),
        ({"keys": 0, "flushall": 1, "flushdb": 4}, False, True),
        ({"keys": 8, "flushall": 1, "flushdb": 4}, False, False),
        ({"keys": 0, "flushall": 0, "flushdb": 0}, False, False),
        ({"keys": 0, "flushall": 0, "flushdb": 1}, False, True),
        ({"keys": 0}, False, False),
        ({"keys": 0, "flushall": 0, "flushdb": 0}, True, True),
        ({"keys": 9, "flushall": 0, "flushdb": 0}, True, False),
    ],
)
def test_what_tells_that_data_are_gone(now: dict[str, float], new_run: bool, gone: bool) -> None:
    assert was_emptied(HELD, now, new_run=new_run) is gone
    assert not was_emptied({}, now, new_run=new_run)
    assert not was_emptied({**HELD, "keys": 0}, now, new_run=new_run)
