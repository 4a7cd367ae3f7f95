"""The platform's own source and the action plan in the graph, where `[posture]` names a checkout."""

import dagster as dg

from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import configured
from printflow_reliability.defs.reporting import (
    as_dagster_failure,
    check_specs,
    document_table,
    findings_table,
    result,
)
from printflow_reliability.defs.schedules import HARMLESS, schedule
from printflow_reliability.posture_checks import POSTURE_CHECKS

GROUP = "posture"
CHECKS = tuple(check.name for check in POSTURE_CHECKS)
COLUMNS = ("priority", "status", "item", "evidence", "next")


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"php", "javascript"},
    freshness_policy=words.EVERY_DAY,
    check_specs=check_specs("platform_posture", *CHECKS),
    description="What the platform's own code and configuration must have so that nothing is lost, by file and line. "
    "Red: something is not so, or cannot be seen. See printflow posture",
)
def platform_posture(configuration: Configuration) -> dg.MaterializeResult:
    """Judge the checkout."""
    from printflow_reliability.posture.report import judge_source

    with as_dagster_failure():
        report = judge_source(configuration.settings(), None)
    table = findings_table(report.findings, len(report.findings), "printflow posture")
    return result(report, *CHECKS, first=("wrong_items", "unknown_items"), tables={"findings": table})


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"markdown"},
    deps=[platform_posture],
    freshness_policy=words.EVERY_DAY,
    description="The reliability plan as a scoreboard: each item with its measured status, the evidence and the next "
    "step. Red: the checkout that [posture] names cannot be read. See printflow posture --plan",
)
def action_plan(configuration: Configuration) -> dg.MaterializeResult:
    """Measure the plan."""
    from printflow_reliability.posture.report import judge_source

    with as_dagster_failure():
        report = judge_source(configuration.settings(), None)
    rows = [row.as_json() | {"evidence": "; ".join(row.evidence)} for row in report.plan]
    numbers = {name: count for name, count in report.numbers.items() if name.startswith("plan_")}
    table = dg.MetadataValue.md(document_table(rows, COLUMNS))
    return dg.MaterializeResult(metadata={**numbers, "plan": table})


@dg.definitions
def definitions() -> dg.Definitions:
    """Nothing where the configuration names no source; without any configuration, what there could be."""
    graph = configured()
    if graph.settings is not None and graph.settings.posture is None:
        return dg.Definitions()
    return dg.Definitions(
        assets=[graph.place(platform_posture), graph.place(action_plan)],
        schedules=[
            schedule(
                "daily_posture",
                "15 6 * * *",
                ["platform_posture", "action_plan"],
                "Judge the platform's own code and configuration, and measure the action plan.",
                tags=HARMLESS,
            )
        ],
    )
