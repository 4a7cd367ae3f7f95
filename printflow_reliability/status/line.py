"""A line of the screen, and which comes first."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from printflow_reliability.check_rows import WORST_FIRST
from printflow_reliability.checks import Outcome
from printflow_reliability.findings import Severity
from printflow_reliability.register import REGISTER

COMMAND = re.compile(r"printflow(?: (?:--)?[a-z][a-z-]*)+")
"""A command in the words of a remedy; punctuation ends it."""
OF_AREA = {"drill": "printflow drill list"}
"""Where a remedy names none: what to look at first."""
ANYTHING = "printflow ready"
RECONCILE = "printflow files reconcile"
ANSWERED_BY = dict.fromkeys(("files.missing", "files.content", "files.orphans"), RECONCILE)
"""What answers a check for the first time, where the remedy of one that failed begins with another command."""


@dataclass(frozen=True)
class Line:
    """One thing, well or not.

    Attributes:
        area: what it is about, in a word.
        outcome: whether it is well.
        text: a sentence.
        command: what to type now; it runs as it stands.
        severity: how urgent it is among those of the same outcome.
    """

    area: str
    outcome: Outcome
    text: str
    command: str
    severity: Severity = Severity.ERROR

    def as_json(self) -> dict[str, Any]:
        """As `status --json` lists it."""
        return {"area": self.area, "outcome": self.outcome, "text": self.text, "command": self.command}


def worst_lines_first(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Failures before what is not known before warnings before what is well; the most urgent of each first."""
    return tuple(sorted(lines, key=lambda line: (WORST_FIRST.index(line.outcome), -line.severity.rank)))


def command_of(check: str) -> str:
    """The first command of a check's remedy."""
    found = COMMAND.search(REGISTER[check].remedy)
    return found[0] if found else OF_AREA.get(area_of(check), ANYTHING)


def asks(check: str) -> str:
    """The command that has a check answered which never was."""
    return ANSWERED_BY.get(check) or command_of(check)


def area_of(check: str) -> str:
    """The part of a check's name before the dot."""
    return check.partition(".")[0]
