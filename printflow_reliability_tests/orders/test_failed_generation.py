"""A failed job of a paid order holds that order at once, if its file is not there, and no other."""

from datetime import UTC, datetime

from printflow_reliability.orders.failed_generation import with_failed_jobs
from printflow_reliability.orders.holds import files_of
from printflow_reliability.orders.judgement import OrderAnswer
from printflow_reliability.orders.problems import Kind, Problem
from printflow_reliability.records.queues import FailedOrder

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
FAILED = {"7": FailedOrder("print files", "App\\Jobs\\Make\x1b", "no such font", NOW)}
UNLINKED = Problem(Kind.UNLINKED, None, "print-ready file was never linked")
UNJUDGED = Problem(Kind.UNJUDGED, "a.pdf", "print-ready PDF could not be judged")


def test_an_order_that_would_be_waited_for_is_held_and_its_reason_names_the_job() -> None:
    (answer,) = with_failed_jobs([OrderAnswer("7", "tenant", NOW, (UNJUDGED, UNLINKED), waiting=True)], FAILED)
    assert answer.wrong
    assert answer.problems[0].text == (
        'generation_failed: job App\\Jobs\\Make\\x1b failed in queue "print files": no such font; '
        "print-ready file was never linked"
    )
    assert [problem.kind for problem in answer.problems] == [Kind.UNLINKED, Kind.UNJUDGED]
    assert files_of(answer)[0]["action"] == "printflow orders repair 7"


def test_an_order_whose_file_is_right_or_is_not_known_to_be_absent_is_judged_as_without_the_job() -> None:
    answers = (
        OrderAnswer("7", "tenant", NOW),
        OrderAnswer("7", "tenant", NOW, (UNJUDGED,), waiting=True),
        OrderAnswer("8", "tenant", NOW, (UNLINKED,), waiting=True),
    )
    assert with_failed_jobs(answers, FAILED) == answers
