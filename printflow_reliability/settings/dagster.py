"""`[dagster]`: how long runs are kept."""

from pydantic import Field

from printflow_reliability.settings.section import Section


class DagsterSettings(Section):
    """How long Dagster keeps the runs of assets that are looked at again and again: files, paid orders, deliveries of
    alerts.

    Their events and output are deleted with them. What holds evidence of drills, backups, recoveries or held orders is
    never deleted, nor what a person launched.
    """

    keep_runs_days: int = Field(
        default=90,
        ge=1,
        description="Days from its end until such a run is deleted. Lower it if Dagster's database grows too large.",
    )
