"""`[dagster]`: where its UI is, what may be changed from there, and how long runs are kept."""

from pydantic import Field

from printflow_reliability.addresses import HttpUrl, PostgresUrl
from printflow_reliability.settings.section import SECRET, Section


class DagsterSettings(Section):
    """Where people open Dagster's UI, and how long it keeps the runs of assets that are looked at again and again:
    files, paid orders, deliveries of alerts.

    Events and output are deleted with their runs. What holds evidence of drills, backups, recoveries or held orders is
    never deleted, nor what a person launched.
    """

    url: HttpUrl | None = Field(
        default=None,
        description="Address at which people open the UI, such as https://dagster.example. An alert about a run then "
        "links to it. Absent: the alert names the run.",
    )
    storage_url: PostgresUrl | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="Connection string of Dagster's storage, as PRINTFLOW_DAGSTER_URL has it. With it the daily copy "
        "of the configuration dumps that database too.",
    )
    keep_runs_days: int = Field(
        default=90,
        ge=1,
        description="Days from its end until such a run is deleted. Lower it if Dagster's database grows too large.",
    )
    tenants_per_run: int | None = Field(
        default=None,
        ge=1,
        description="How many tenants each run of a backfill of `tenant_files` or `print_file_integrity` takes. Set it "
        "where a launcher spreads runs over several machines. Absent: one run takes all. The nightly pass is one run "
        "in any case, since orphans, and so what `files quarantine` may move, are known from a pass over all tenants "
        "only.",
    )
    authenticating_proxy: bool = Field(
        default=False,
        description="Whether a proxy that asks people who they are stands before Dagster's web server, so that nothing "
        "else reaches it. The web server has no login: without such a proxy the job `order_repair` only plans.",
    )

    def run_address(self, run_id: str) -> str | None:
        """Where a person sees that run; None where no `url` is configured."""
        return f"{self.url.rstrip('/')}/runs/{run_id}" if self.url else None
