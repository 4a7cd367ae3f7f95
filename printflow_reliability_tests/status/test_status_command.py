"""`printflow status` as a command: its document, its exit code, and the screen that is shown again and again."""

import json
import time
from pathlib import Path
from typing import NoReturn

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.status import commands
from printflow_reliability.status.line import Line
from printflow_reliability.status.status import Status
from printflow_reliability_tests.platform_elsewhere import configured, output_of

WRONG = Line("orders", Outcome.FAIL, "order 7 is held for " + "a long time " * 30, "printflow orders repair 7")
FINE = Line("buckets", Outcome.PASS, "3 buckets answer now", "printflow ready")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[Line]:
    found = [WRONG, FINE]
    monkeypatch.setattr(commands, "status_of", lambda _settings, _questions: Status(tuple(found)))
    return found


def test_the_document_has_whole_sentences_and_the_screen_whole_commands(
    lines: list[Line], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = output_of(configured(tmp_path), "status --json", capsys)
    shown_code, screen = output_of(configured(tmp_path), "status", capsys)

    assert (code, shown_code) == (1, 1)
    assert json.loads(document)["lines"][0] == WRONG.as_json()
    assert screen.startswith("FAIL: 1 line of 2 not well")
    assert "printflow orders repair 7" in screen
    assert max(map(len, screen.splitlines())) < 250


@pytest.mark.parametrize(("outcome", "code"), [(Outcome.PASS, 0), (Outcome.WARN, 1), (Outcome.UNKNOWN, 2)])
def test_the_exit_code_is_that_of_the_worst_line(
    lines: list[Line], outcome: Outcome, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines[0] = Line("orders", outcome, "so", "printflow orders held")
    ended, screen = output_of(configured(tmp_path), "status", capsys)
    assert (ended, screen.startswith("OK: all is well")) == (code, outcome is Outcome.PASS)


def test_it_looks_again_until_a_person_ends_it(
    lines: list[Line], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", pause)
    code, screen = output_of(configured(tmp_path), "status --watch", capsys)

    assert (code, screen.count("FAIL: 1 line")) == (1, 3)


def test_a_document_that_never_ends_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> NoReturn:
        raise AssertionError

    monkeypatch.setattr(commands, "status_of", never)
    code, said = output_of(configured(tmp_path), "status --watch --json", capsys)
    assert (code, "printflow status --json" in said) == (2, True)
