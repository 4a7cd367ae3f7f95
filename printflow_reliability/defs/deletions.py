"""Deletions of referenced files in the graph, from the object journal, where there is one."""

import dagster as dg

from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.files import GROUP
from printflow_reliability.defs.graph import BUCKET_DAMAGED, configured
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, findings_table, result
from printflow_reliability.defs.schedules import HARMLESS, SHORT_LIVED, schedule

CHECK = "files.deletions"


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"s3", "postgres"},
    freshness_policy=words.EVERY_HALF_HOUR,
    check_specs=check_specs("file_deletions", CHECK),
    description="Referenced files that were deleted and are not back, with who deleted them, from the object journal. "
    "Red: such files are gone, or the journal stands still. See printflow files deletions",
)
def file_deletions(configuration: Configuration) -> dg.MaterializeResult:
    """Read the journal of the last hours."""
    from printflow_reliability.files.deletions import check_deletions

    with as_dagster_failure():
        report = check_deletions(configuration.settings())
    found = findings_table(report.findings, len(report.findings), "printflow files deletions")
    return result(report, CHECK, headline={"findings": found} if report.findings else {})


@dg.definitions
def definitions() -> dg.Definitions:
    """The object journal of printflow.toml; nothing where it has none."""
    graph = configured()
    if graph.settings is not None and graph.settings.journal is None:
        return dg.Definitions()
    return dg.Definitions(
        assets=[graph.place(file_deletions, graph.catalog, runbook=BUCKET_DAMAGED)],
        schedules=[
            schedule(
                "file_deletions_every_five_minutes",
                "*/5 * * * *",
                ["file_deletions"],
                "Look into the object journal for deletions of files that are needed.",
                tags=HARMLESS | SHORT_LIVED,
            )
        ],
    )
