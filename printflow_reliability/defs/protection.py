"""What protects the print files' buckets, in the graph."""

import dagster as dg

from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.files import GROUP
from printflow_reliability.defs.graph import BUCKET_DAMAGED, configured
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, result, shortened
from printflow_reliability.defs.schedules import HARMLESS, SHORT_LIVED, schedule

CHECK = "files.protection"
COLUMNS = ("bucket", "protection", "outcome", "found", "command")


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"s3"},
    freshness_policy=words.EVERY_DAY,
    check_specs=check_specs("print_file_protection", CHECK),
    description="Versions, locks, replication, lifecycle, public access and encryption of every bucket that references "
    "lead to. Red: objects could be deleted for good or read by strangers, or a store did not tell. The table has the "
    "command that mends each. See printflow files protect",
)
def print_file_protection(configuration: Configuration) -> dg.MaterializeResult:
    """Judge the protection of every bucket of the catalog."""
    from printflow_reliability.files.protection.protect import check_protection

    with as_dagster_failure():
        report = check_protection(configuration.settings())
    rows = [
        {
            "bucket": bucket,
            "protection": item.words,
            "outcome": item.outcome,
            "found": item.detail,
            "command": item.command,
        }
        for bucket, item in report.worst_first
    ]
    return result(report, CHECK, tables={"protections": shortened(rows, COLUMNS, len(rows), "printflow files protect")})


@dg.definitions
def definitions() -> dg.Definitions:
    """The protection of the buckets of printflow.toml."""
    graph = configured()
    return dg.Definitions(
        assets=[graph.place(print_file_protection, graph.catalog, runbook=BUCKET_DAMAGED)],
        schedules=[
            schedule(
                "daily_print_file_protection",
                "15 6 * * *",
                ["print_file_protection"],
                "Judge what protects the print files' buckets.",
                tags=HARMLESS | SHORT_LIVED,
            )
        ],
    )
