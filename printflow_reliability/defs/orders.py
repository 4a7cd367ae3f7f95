"""Paid orders in the graph: all of them counted, those in trouble one partition each until they are mended."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from printflow_reliability.checks import Outcome
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import BUCKET_DAMAGED, configured
from printflow_reliability.defs.partition_names import identifier_of
from printflow_reliability.defs.reporting import (
    as_dagster_failure,
    check_specs,
    document_table,
    result,
    shortened,
    verdict,
)
from printflow_reliability.defs.schedules import HARMLESS, SHORT_LIVED, schedule
from printflow_reliability.orders.guard import check_paid_orders
from printflow_reliability.orders.holds import Hold
from printflow_reliability.orders.problems import check_command

GROUP = "orders"


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "s3"},
    deps=["print_file_integrity"],
    freshness_policy=words.EVERY_HALF_HOUR,
    check_specs=check_specs("paid_orders", "orders.artwork"),
    description="How many paid orders there are, and how many must not go to print. Red: orders are held, or "
    "could not be judged. The table lists the oldest: printflow orders held",
)
def paid_orders(configuration: Configuration) -> dg.MaterializeResult:
    """Judge every paid order."""
    with as_dagster_failure():
        report = check_paid_orders(configuration.settings())
    rows = [
        {
            "order": hold.order,
            "held since": f"{hold.since:%Y-%m-%d %H:%M} UTC",
            "reason": hold.reason,
            "next": hold.action,
        }
        for hold in report.held
    ]
    table = shortened(rows, ("order", "held since", "reason", "next"), len(rows), "printflow orders held")
    return result(
        report, "orders.artwork", first=("held_orders", "paid_orders"), headline={"held": table} if rows else {}
    )


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "s3"},
    deps=["paid_orders"],
    partitions_def=words.HELD_ORDERS,
    description="Paid orders that must not go to print, one partition each. Red: the order is held; its last "
    "observation says why, names the files and the command that mends it. The run succeeds once the "
    "artwork is usable, and the hold is lifted. Orders without trouble have no partition. See: "
    "printflow orders held",
)
def held_orders(context: dg.AssetExecutionContext, configuration: Configuration) -> dg.MaterializeResult:
    """Judge one order again. A failure is raised, so that its partition is red; the records keep the hold's history."""
    order = identifier_of(context.partition_key)
    with as_dagster_failure():
        report = check_paid_orders(configuration.settings(), orders=[order])
    answer = report.checks[0]
    if answer.outcome is not Outcome.PASS:
        next_step = report.held[0].action if report.held else check_command(order)
        # A failure alone leaves the partition without an event that says what is wrong.
        context.log_event(
            dg.AssetObservation(
                context.asset_key,
                partition=context.partition_key,
                description=f"order {order} must not go to print: {answer.detail}",
                metadata={**verdict([answer]), **_evidence(report.held), "next_step": next_step},
            )
        )
        raise dg.Failure(
            description=f"order {order} must not go to print: {answer.detail}",
            metadata={"next_step": next_step},
            allow_retries=False,
        )
    return result(report, headline={"order": order})


def _evidence(held: Sequence[Hold]) -> dict[str, Any]:
    """Why these orders are held: for one order, one hold."""
    found: dict[str, Any] = {}
    for hold in held:
        found |= {"reason": hold.reason, "tenant": hold.tenant or "unknown", "held_since": hold.since.isoformat()}
        columns = list(dict.fromkeys(column for file in hold.files for column in file))
        found["files"] = dg.MetadataValue.md(document_table(hold.files, columns)) if hold.files else "no file is linked"
    return found


LIMITED = {"printflow/runs": "held_orders"}
"""dagster.yaml lets only some of its slots run what has this tag: a storm of holds must not keep a backup waiting."""

judge_held_order = dg.define_asset_job(
    "judge_held_order",
    selection=["held_orders"],
    description="Judge one held order again.",
    run_tags={"dagster/priority": "10", **HARMLESS, **LIMITED},
)


@dg.definitions
def definitions() -> dg.Definitions:
    """The guard of the paid orders of printflow.toml."""
    graph = configured()
    return dg.Definitions(
        assets=[
            graph.place(paid_orders, graph.orders, runbook=BUCKET_DAMAGED),
            graph.place(held_orders, runbook=BUCKET_DAMAGED),
        ],
        jobs=[judge_held_order],
        schedules=[
            schedule(
                "paid_orders_every_half_hour",
                "14,44 * * * *",
                ["paid_orders"],
                "Judge every paid order and count those that must not go to print.",
                tags=HARMLESS | SHORT_LIVED,
            )
        ],
    )
