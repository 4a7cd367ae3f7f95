"""Steps of a repair: a file that was made is waited for a while, and only as long as it is merely not there yet."""

import time
from typing import Any, cast

import pytest

from printflow_reliability.orders.repair import steps
from printflow_reliability.orders.repair.plan import Candidate
from printflow_reliability.orders.repair.steps import Repair
from printflow_reliability.platform.paid_orders import PaidItem

ITEM = PaidItem("7", "t", None, None, item="1", folder="t/7/1/")
ABSENT = Candidate("t/7/1/a.pdf", trouble="print-ready file is not in the bucket", absent=True)
THERE = Candidate("t/7/1/a.pdf", 10, "aa")
OTHERS = Candidate("t/7/1/a.pdf", trouble="it is the artwork of order 8")


@pytest.mark.parametrize(
    ("looks", "found", "paused"),
    [
        ([THERE], THERE, 0),
        ([ABSENT, ABSENT, THERE], THERE, 2),
        ([ABSENT, OTHERS], OTHERS, 1),
        ([OTHERS], OTHERS, 0),
        ([ABSENT] * (len(steps.APPEARING_SECONDS) + 1), ABSENT, len(steps.APPEARING_SECONDS)),
    ],
)
def test_a_service_that_answers_before_its_upload_is_done_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, looks: list[Candidate], found: Candidate, paused: int
) -> None:
    class Looking:
        def judged(self, *_: Any) -> Candidate:
            return left.pop(0)

    left, pauses = list(looks), list[float]()
    monkeypatch.setattr(time, "sleep", pauses.append)
    assert steps._appeared(cast(Repair, Looking()), ITEM, "t/7/1/a.pdf") == found
    assert (len(pauses), left) == (paused, [])
