"""Commands with the counter's settings."""

from collections.abc import Callable

import pytest

from printflow_reliability.cli import run
from printflow_reliability.console import Invocation
from printflow_reliability_tests.stack.counter import Counter

PrintflowRun = Callable[..., tuple[int, str, str]]
LATER = "2999-11-02T14:05:00Z"


@pytest.fixture
def run_printflow(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> PrintflowRun:
    """Runs `printflow` with the counter's settings: its exit code, stdout and stderr."""
    monkeypatch.setattr(Invocation, "settings", lambda _: counter.settings)

    def called(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(arguments)
        return (code, *capsys.readouterr())

    return called
