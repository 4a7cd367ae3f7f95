"""What the drills' history says about recovery: how long it takes and how much is lost, against the targets."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from printflow_reliability.defs.reporting import document_table
from printflow_reliability.drills.history import list_drills
from printflow_reliability.settings import DrillsSettings, Settings

SHOWN_DRILLS = 20
COLUMNS = ("id", "started_at", "target", "repository", "outcome", "rto_seconds", "rpo_seconds")


def objectives(settings: Settings) -> Mapping[str, Any]:
    """Metadata of the objectives: targets, what the last passed drill measured, the worst, and the history.

    Raises:
        CouldNotTell: the records are unreachable.
    """
    return summary(list_drills(settings), settings.drills, datetime.now(UTC))


def summary(drills: Sequence[Mapping[str, Any]], targets: DrillsSettings, now: datetime) -> Mapping[str, Any]:
    """The same of given drills, newest first. What was never measured is absent, not zero."""
    passed = [drill for drill in drills if drill["passed"]]
    shown: dict[str, Any] = {
        "drills": len(drills),
        "drills_passed": len(passed),
        "rto_target_seconds": targets.rto_target_seconds,
        "rpo_target_seconds": targets.rpo_target_seconds,
        "history": dg.MetadataValue.md(document_table(drills[:SHOWN_DRILLS], COLUMNS)),
    }
    for name in ("rto_seconds", "rpo_seconds"):
        measured = [float(drill[name]) for drill in passed if drill[name] is not None]
        if measured:
            shown |= {name: measured[0], f"worst_{name}": max(measured)}
    if passed and passed[0]["finished_at"]:
        age = now - datetime.fromisoformat(passed[0]["finished_at"])
        shown["last_passed_drill_age_seconds"] = round(age.total_seconds())
    return shown
