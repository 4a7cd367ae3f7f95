"""A drill's verdict in words: the same on the command line, on the report's page and in Dagster."""

from collections.abc import Mapping
from typing import Any

from printflow_reliability.check_rows import OUTCOME_WORDS
from printflow_reliability.checks import Outcome

VERDICTS: Mapping[str, str] = {**OUTCOME_WORDS, Outcome.PASS: "PASSED"}


def verdict(document: Mapping[str, Any]) -> str:
    """The verdict on a drill, from its document: "PASSED", or "COULD NOT TELL (interrupted by SIGTERM)"."""
    if document["outcome"] is None:
        return "RUNNING"
    word = VERDICTS[document["outcome"]]
    return f"{word} (interrupted by {document['interrupted']})" if document.get("interrupted") else word
