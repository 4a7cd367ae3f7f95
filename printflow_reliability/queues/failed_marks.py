"""How the records name failed jobs, beside the waiting ones that they know of a queue."""

from collections.abc import Mapping

MARK = "/failed/"
"""What the name of a failed job begins with."""


def marks_of(first_seen: Mapping[str, float]) -> Mapping[str, float]:
    """The failed jobs among those that are known, which a look that cannot read them keeps as they are."""
    return {job: seen for job, seen in first_seen.items() if job.startswith(MARK)}


def without_failed(first_seen: Mapping[str, float]) -> Mapping[str, float]:
    """The waiting jobs among those that are known."""
    return {job: seen for job, seen in first_seen.items() if not job.startswith(MARK)}
