"""A question that hangs is waited for a limited time and costs one thread, however often it is asked."""

import threading

import pytest

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.readiness.questions import Questions


def test_an_answer_and_an_error_come_as_they_are() -> None:
    questions = Questions(5)

    def wrong() -> None:
        raise ConfigError("it is wrong")

    assert questions.ask("a", lambda: 7) == 7
    with pytest.raises(ConfigError, match="it is wrong"):
        questions.ask("b", wrong)
    assert questions.ask("b", lambda: 8) == 8


def test_a_defect_is_an_answer_that_is_not_known_and_names_its_subject() -> None:
    def broken() -> None:
        raise OverflowError("int too large to convert to float")

    with pytest.raises(
        CouldNotTell, match="the disk: a defect of this program kept it from being asked: OverflowError"
    ):
        Questions(5).ask("the disk", broken)


def test_what_hangs_is_told_in_time_and_not_asked_a_second_time() -> None:
    questions, hanging, asked = Questions(0.05), threading.Event(), []

    def hang() -> int:
        asked.append(1)
        hanging.wait(60)
        return 1

    with pytest.raises(CouldNotTell, match=r"the disk did not answer within 0\.05 s"):
        questions.ask("the disk", hang)
    with pytest.raises(CouldNotTell, match="the disk has not answered for"):
        questions.ask("the disk", hang)
    assert questions.ask("another", lambda: 2) == 2
    assert len(asked) == 1
    hanging.set()
