"""The cursor of failed rows: their ids come out of order, and two looks at once count each of them once."""

import math

from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.queues.failed_marks import MARK
from printflow_reliability.queues.failed_table import LOOKED, SHARE, late_rows, reached
from printflow_reliability.queues.state import Known


def test_a_row_below_the_cursor_is_new_only_where_the_look_before_kept_ids() -> None:
    known = Known(cursor=9.0, first_seen={LOOKED: 9.0, f"{MARK}7": 9.0})
    assert late_rows([7, 8], known) == [8]
    assert late_rows([], known) == []
    assert late_rows([7, 8], Known(cursor=9.0)) == [], "an earlier version kept a cursor alone"


@given(cursor=st.integers(0, 2**40), share=st.integers(0, 1023), last=st.integers(0, 2**40))
def test_the_cursor_never_goes_back_and_moves_with_every_row_that_is_counted(
    cursor: int, share: int, last: int
) -> None:
    before = cursor + share * SHARE
    assert reached(None, float(last), late=False) == last
    still, moved = reached(before, float(last), late=False), reached(before, float(last), late=True)
    assert math.floor(still) == math.floor(moved) == max(cursor, last)
    assert moved != before
    assert (still != before) == (last > cursor)
