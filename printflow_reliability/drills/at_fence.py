"""Two answers that a drill gives while its clones stand at the fence."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.validation import shrinkage
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.restore.fence import Fence
from printflow_reliability.settings import DrillsSettings

STANDING = ("drill.links", "drill.inventory", "drill.checksums", "drill.shrinkage")
"""The checks of clones that stand still."""


def without_fence() -> Iterator[CheckResult]:
    """What cannot be told of clones that never stood still."""
    reason = "no fence was recorded between the oldest backup and the target, so rows cannot be compared"
    yield CheckResult("drill.fence", Outcome.UNKNOWN, f"{reason}. Next: printflow drill fence, every night")
    for check in STANDING:
        why = "the clones never stood still at a fence, since there was none"
        yield CheckResult(check, Outcome.UNKNOWN, why)


def shrunk(
    newest: Mapping[str, Fence], baseline: Callable[[datetime], Mapping[str, Fence]], drills: DrillsSettings
) -> CheckResult:
    """Compare the newest numbers of rows with those before; records that are away take this answer along, no other."""
    try:
        before = baseline(min(fence.taken_at for fence in newest.values()))
    except CouldNotTell as unknown:
        return CheckResult("drill.shrinkage", Outcome.UNKNOWN, unknown.sentence)
    return shrinkage.check_shrinkage(before, newest, drills.shrink_threshold, drills.shrink_ignored)
