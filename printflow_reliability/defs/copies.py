"""The 3-2-1-1-0 rule in the graph."""

import dagster as dg

from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.backups import GROUP
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import CLUSTER_LOST, configured
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, result, shortened
from printflow_reliability.defs.schedules import HARMLESS, schedule
from printflow_reliability.register import REGISTER

CHECKS = tuple(name for name in REGISTER if name.startswith("copies."))
COLUMNS = ("cluster", "name", "medium", "region", "state", "locked", "evidence")


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "s3"},
    deps=[
        "wal_archive",
        "backup_integrity",
        "restore_drill",
        dg.AssetDep("tenant_files", partition_mapping=dg.AllPartitionMapping()),
    ],
    freshness_policy=words.EVERY_DAY,
    check_specs=check_specs("backup_copies", *CHECKS, blocking=True),
    description="Three copies of each cluster and of the print files, on two kinds of media, one in another region, "
    "one that nobody can delete, no error: each digit from what is seen now. Red: a digit does not hold. See printflow "
    "copies",
)
def backup_copies(configuration: Configuration) -> dg.MaterializeResult:
    """Judge the rule."""
    from printflow_reliability.copies.copies import check_copies

    with as_dagster_failure():
        report = check_copies(configuration.settings())
    document = report.as_json()
    of_files = [
        {"cluster": f'print files of "{found["bucket"]}"', **copy}
        for found in document["files"]
        for copy in found["copies"]
    ]
    rows = [*document["copies"], *of_files]
    table = shortened(rows, COLUMNS, len(rows), "printflow copies")
    return result(report, *CHECKS, first=("verified_copies", "verified_file_copies"), tables={"copies": table})


@dg.definitions
def definitions() -> dg.Definitions:
    """The rule for every cluster of printflow.toml."""
    return dg.Definitions(
        assets=[configured().place(backup_copies, runbook=CLUSTER_LOST)],
        schedules=[
            schedule(
                "daily_backup_copies",
                "45 7 * * *",
                ["backup_copies"],
                "Judge whether there are enough copies of every cluster, in places that do not fail together.",
                tags=HARMLESS,
            )
        ],
    )
