"""A drill's verdict in words: the same on the command line, on the report's page and in Dagster."""

from collections.abc import Mapping
from typing import Any

from printflow_reliability.check_rows import OUTCOME_WORDS
from printflow_reliability.checks import Outcome

NO_BACKUP = "It proves the standby's files and the archive's WAL, and no backup: printflow drill run proves those."
"""Said of every drill from a standby."""
VERDICTS: Mapping[str, str] = {**OUTCOME_WORDS, Outcome.PASS: "PASSED"}


def verdict(document: Mapping[str, Any]) -> str:
    """The verdict on a drill, from its document: "PASSED", or "COULD NOT TELL (interrupted by SIGTERM)"."""
    if document["outcome"] is None:
        return "RUNNING"
    word = VERDICTS[document["outcome"]]
    return f"{word} (interrupted by {document['interrupted']})" if document.get("interrupted") else word


def source(document: Mapping[str, Any]) -> str:
    """What a drill was fetched from: "repo1", or "the standby, WAL from repo1"."""
    repository = f"repo{document['repository']}"
    return f"the standby, WAL from {repository}" if document.get("from_standby") else repository
