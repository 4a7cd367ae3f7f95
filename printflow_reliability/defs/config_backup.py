"""The daily copy of configuration, secrets, our own memory and the queues in the graph."""

import dagster as dg

from printflow_reliability.config_backup.backup import back_up
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.backups import GROUP
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import CLUSTER_LOST, configured
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, result, shortened
from printflow_reliability.defs.schedules import schedule

DEFAULT_TIME = "03:10"
COLUMNS = ("path", "what", "detail")


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "s3", "redis"},
    freshness_policy=words.EVERY_DAY,
    check_specs=[
        *check_specs("config_backup", "config.recent", blocking=True),
        *check_specs("config_backup", "config.changes"),
    ],
    description="Configuration, secrets, roles, the records and the queues' state, encrypted, in the offsite bucket "
    "under Object Lock. Red: something of it is missing, or vanished since the copy before. See printflow config list",
)
def config_backup(context: dg.AssetExecutionContext, configuration: Configuration) -> dg.MaterializeResult:
    """Take a copy."""
    with as_dagster_failure():
        report = back_up(configuration.settings(), configuration.path(), tell=context.log.warning)
    changes = report.as_json()["changes"]
    table = {"changes": shortened(changes, COLUMNS, len(changes), "printflow config list --json")} if changes else {}
    first = ("config_files", "not_copied", "queue_keys", "config_bytes")
    return result(report, "config.recent", "config.changes", first=first, tables=table)


@dg.definitions
def definitions() -> dg.Definitions:
    """The copy of the platform of printflow.toml; nothing where it has no [config_backup]."""
    graph = configured()
    section = graph.settings.config_backup if graph.settings is not None else None
    if graph.settings is not None and section is None:
        return dg.Definitions()
    hour, minute = (section.daily_at if section is not None else DEFAULT_TIME).split(":")
    return dg.Definitions(
        assets=[graph.place(config_backup, graph.all_clusters, runbook=CLUSTER_LOST)],
        schedules=[
            schedule(
                "daily_config_backup",
                f"{int(minute)} {int(hour)} * * *",
                ["config_backup"],
                "Copy configuration, secrets, roles, the records and the queues' state.",
            )
        ],
    )
