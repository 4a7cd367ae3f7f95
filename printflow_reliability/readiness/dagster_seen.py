"""What Dagster's sensor last noted of its own daemons and schedules, and how long ago.

Only Dagster can ask its storage. So its sensor notes what it sees in the records every minute, and a note that grows
old is how its silence is noticed.
"""

from collections.abc import Mapping

from printflow_reliability.checks import Outcome
from printflow_reliability.readiness.probe import Verdict
from printflow_reliability.records.check_results import Answer
from printflow_reliability.settings import Settings
from printflow_reliability.text import seconds

DAGSTER = "ready.dagster"
SEEN_BY_ITSELF = "seen by Dagster"
"""The scope of the note: what Dagster says of itself, which nobody hears when it is dead."""
SILENT_SECONDS = 300.0
"""Its sensor comes every minute; a daemon that is busy or being started again may take a few."""
START = "start dagster-daemon and the code server, or set readiness.dagster to false in printflow.toml"


def dagster_verdict(settings: Settings, answers: Mapping[tuple[str, str], Answer]) -> Verdict:
    """The verdict on Dagster, from the newest answers by check and scope."""
    if not settings.readiness.dagster:
        return Verdict(DAGSTER, Outcome.PASS, "Dagster's daemon is not meant to run here")
    note = answers.get((DAGSTER, SEEN_BY_ITSELF))
    if note is None:
        return Verdict(DAGSTER, Outcome.UNKNOWN, f"Dagster's daemon was never heard of. Next: {START}")
    age = note.age_seconds
    numbers = {**note.result.numbers, "dagster_silent_seconds": round(age, 3)}
    if age > SILENT_SECONDS:
        sentence = f"Dagster's daemon was last heard of {seconds(age)} ago: nothing is scheduled. Next: {START}"
        return Verdict(DAGSTER, Outcome.FAIL, sentence, numbers)
    return Verdict(DAGSTER, note.result.outcome, note.result.detail, numbers)
