"""How a schedule is declared here: it runs by default, and says what it starts and when somebody should stop it."""

from collections.abc import Mapping, Sequence

import dagster as dg

HARMLESS = {"dagster/max_retries": "1"}
"""The tag of runs that only look: one whose process was lost is begun again. dagster.yaml retries no other run."""

SHORT_LIVED = {"printflow/history": "short"}
"""The tag of runs that are deleted after `dagster.keep_runs_days`: what they found is in the records, or found anew by
the next one. A run without it is evidence, or a person's, and stays."""


def schedule(
    name: str, cron: str, target: Sequence[str], description: str, *, tags: Mapping[str, str] | None = None
) -> dg.ScheduleDefinition:
    """A schedule that materializes these assets and runs by default; times are UTC."""
    return dg.ScheduleDefinition(
        name=name,
        cron_schedule=cron,
        execution_timezone="UTC",
        target=dg.AssetSelection.assets(*target),
        description=description,
        tags=tags,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
