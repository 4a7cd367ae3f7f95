"""What the watch says in its log: each look on one line, and what stays the same only now and then."""

import logging

from printflow_reliability.checks import Outcome

log = logging.getLogger(__name__)

SAID_AGAIN_AFTER = 60
"""Looks after which what stays the same is said again: a log that says nothing for hours looks dead."""
LEVELS = {Outcome.PASS: logging.INFO, Outcome.WARN: logging.WARNING}


class Diary:
    """Says what rounds do, one line each, and what stays the same only now and then."""

    def __init__(self) -> None:
        self._last = ""
        self._same = 0

    def tell(self, outcome: Outcome, said: str) -> None:
        """Say it unless it was just said."""
        self._same = self._same + 1 if said == self._last else 0
        if self._same % SAID_AGAIN_AFTER == 0:
            log.log(LEVELS.get(outcome, logging.ERROR), "%s", " ".join(said.split()))
        self._last = said
