"""The screen at 3 a.m.: what is wrong, worst first, each with a command that works."""

from dataclasses import dataclass
from typing import Any

from printflow_reliability.checks import Outcome
from printflow_reliability.readiness.questions import Questions
from printflow_reliability.settings import Settings
from printflow_reliability.status.checks import check_lines
from printflow_reliability.status.line import Line, worst_lines_first
from printflow_reliability.status.live import LIMIT_SECONDS, ask_live
from printflow_reliability.status.recorded import recorded_lines


@dataclass(frozen=True)
class Status:
    """The lines, worst first."""

    lines: tuple[Line, ...]

    @property
    def well(self) -> bool:
        """Whether nothing needs a person, and everything could be seen."""
        return all(line.outcome is Outcome.PASS for line in self.lines)

    def as_json(self) -> dict[str, Any]:
        """The document of `status --json`."""
        return {"ok": self.well, "lines": [line.as_json() for line in self.lines]}


def new_questions() -> Questions:
    """What asks; kept by whoever looks again and again."""
    return Questions(LIMIT_SECONDS)


def status_of(settings: Settings, questions: Questions | None = None) -> Status:
    """Look at everything, now where that is cheap and as recorded otherwise."""
    live = ask_live(settings, questions or new_questions())
    lines = [*live.lines]
    if live.facts is not None:
        lines += [*recorded_lines(settings, live.facts), *check_lines(settings, live.facts)]
    return Status(worst_lines_first(lines))
