"""The check of what is brought back without a person: it belongs to the register."""

from printflow_reliability.check_entry import Check
from printflow_reliability.findings import Severity

HEALING_CHECKS = (
    Check(
        "files.healing",
        "Did every file that was brought back by itself stay, and was none left that should be brought back?",
        Severity.CRITICAL,
        "Red: a file was deleted again after it was brought back, or could not be brought back. Nothing brings it back "
        "by itself any more: find out what deletes it, then: printflow files heal --apply.",
    ),
)
