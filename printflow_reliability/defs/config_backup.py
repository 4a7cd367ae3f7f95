"""The daily copy of configuration, secrets, our own memory and the queues in the graph, and whether it can be read."""

import dagster as dg

from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.backups import GROUP
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import CLUSTER_LOST, configured
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, result, shortened
from printflow_reliability.defs.schedules import HARMLESS, schedule

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
    from printflow_reliability.config_backup.backup import back_up

    with as_dagster_failure():
        report = back_up(configuration.settings(), configuration.path(), tell=context.log.warning)
    changes = report.as_json()["changes"]
    table = {"changes": shortened(changes, COLUMNS, len(changes), "printflow config list --json")} if changes else {}
    first = ("config_files", "not_copied", "queue_keys", "config_bytes")
    return result(report, "config.recent", "config.changes", first=first, tables=table)


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"s3"},
    deps=["config_backup"],
    freshness_policy=words.EVERY_DAY,
    check_specs=check_specs("config_verification", "config.content", blocking=True),
    description="The newest copy of the configuration, decrypted, read whole and compared with its manifest. Red: a "
    "copy does not hold every file, cannot be read, or was not verified in time. A machine without "
    "dumps.identity_file judges by what the one that has it recorded: printflow config verify",
)
def config_verification(context: dg.AssetExecutionContext, configuration: Configuration) -> dg.MaterializeResult:
    """Verify the newest copy, or see when it was."""
    from printflow_reliability.config_backup.content import judge_content
    from printflow_reliability.config_backup.store import required
    from printflow_reliability.config_backup.verification import verify_config

    with as_dagster_failure():
        settings = configuration.settings()
        _, dumps = required(settings)
        if dumps.identity_file is None:
            context.log.info("dumps.identity_file is not set here: judged by the records")
            return result(judge_content(settings), "config.content")
        report = verify_config(settings)
    return result(report, "config.content", first=("verified_files", "verified_bytes"))


@dg.definitions
def definitions() -> dg.Definitions:
    """The copy of the platform of printflow.toml, and its verification; nothing where it has no [config_backup]."""
    graph = configured()
    section = graph.settings.config_backup if graph.settings is not None else None
    if graph.settings is not None and section is None:
        return dg.Definitions()
    hour, minute = (section.daily_at if section is not None else DEFAULT_TIME).split(":")
    return dg.Definitions(
        assets=[
            graph.place(config_backup, graph.all_clusters, runbook=CLUSTER_LOST),
            graph.place(config_verification, runbook=CLUSTER_LOST),
        ],
        schedules=[
            schedule(
                "daily_config_backup",
                f"{int(minute)} {int(hour)} * * *",
                ["config_backup"],
                "Copy configuration, secrets, roles, the records and the queues' state.",
            ),
            schedule(
                "daily_config_verification",
                "50 6 * * *",
                ["config_verification"],
                "Read the newest copy of the configuration whole, and compare it with its manifest.",
                tags=HARMLESS,
            ),
        ],
    )
