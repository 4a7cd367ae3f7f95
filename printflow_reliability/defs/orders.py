"""Paid orders in the graph: all of them counted, those in trouble one partition each until they are mended."""

import dagster as dg

from printflow_reliability.checks import Outcome
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import configured
from printflow_reliability.defs.partition_names import identifier_of
from printflow_reliability.defs.reporting import check_specs, plainly, result
from printflow_reliability.defs.schedules import HARMLESS, schedule
from printflow_reliability.orders.guard import judge_paid_orders
from printflow_reliability.orders.problems import check_command

GROUP = "orders"


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "s3"},
    deps=["print_file_integrity"],
    freshness_policy=words.EVERY_QUARTER_HOUR,
    check_specs=check_specs("paid_orders", "orders.artwork"),
    description="How many paid orders there are, and how many must not go to print.",
)
def paid_orders(configuration: Configuration) -> dg.MaterializeResult:
    """Judge every paid order."""
    with plainly():
        report = judge_paid_orders(configuration.settings())
    return result(report, "orders.artwork")


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "s3"},
    deps=["paid_orders"],
    partitions_def=words.HELD_ORDERS,
    description="A paid order that must not go to print. Its run fails until the artwork is there and usable; then it "
    "succeeds, and the hold is lifted. Healthy orders have no partition.",
)
def held_orders(context: dg.AssetExecutionContext, configuration: Configuration) -> dg.MaterializeResult:
    """Judge one order again. A failure is raised, so that its partition is red; the records keep the hold's history."""
    order = identifier_of(context.partition_key)
    with plainly():
        report = judge_paid_orders(configuration.settings(), orders=[order])
    answer = report.checks[0]
    if answer.outcome is not Outcome.PASS:
        raise dg.Failure(
            description=f"order {order} must not go to print: {answer.detail}",
            metadata={f"file {number}": str(file) for hold in report.held for number, file in enumerate(hold.files, 1)}
            | {"next_step": check_command(order)},
            allow_retries=False,
        )
    return result(report, metadata={"order": order})


judge_held_order = dg.define_asset_job(
    "judge_held_order",
    selection=["held_orders"],
    description="Judge one held order again.",
    run_tags={"dagster/priority": "10", **HARMLESS},
)


@dg.definitions
def definitions() -> dg.Definitions:
    """The guard of the paid orders of printflow.toml."""
    graph = configured()
    return dg.Definitions(
        assets=[graph.place(paid_orders, graph.orders), graph.place(held_orders)],
        jobs=[judge_held_order],
        schedules=[
            schedule(
                "paid_orders_every_ten_minutes",
                "*/10 * * * *",
                ["paid_orders"],
                "Judge every paid order and count those that must not go to print.",
                tags=HARMLESS,
            )
        ],
    )
