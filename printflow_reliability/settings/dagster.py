"""`[dagster]`: how long runs are kept, and what may be changed from the UI."""

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
    authenticating_proxy: bool = Field(
        default=False,
        description="Whether a proxy that asks people who they are stands before Dagster's web server, so that nothing "
        "else reaches it. The web server has no login: without such a proxy the job `order_repair` only plans.",
    )
