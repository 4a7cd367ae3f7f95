"""The synthetic checkout in the graph, where `[checkout]` names a shop; its schedule is the configuration's own."""

import dagster as dg

from printflow_reliability.checkout_checks import CHECKOUT_CHECKS
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import configured
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, document_table, result
from printflow_reliability.defs.schedules import SHORT_LIVED, schedule

GROUP = "checkout"
CHECKS = tuple(check.name for check in CHECKOUT_CHECKS)
COLUMNS = ("step", "outcome", "seconds", "why", "errors", "screenshot")


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"chromium"},
    freshness_policy=words.EVERY_DAY,
    check_specs=check_specs("synthetic_checkout", *CHECKS),
    description="An order placed with a browser in the synthetic tenant's shop: paid in test mode, made, inspected, "
    "downloaded, compared and cancelled. Red: customers cannot order, or nobody could tell. See printflow checkout",
)
def synthetic_checkout(configuration: Configuration) -> dg.MaterializeResult:
    """Try it once."""
    from printflow_reliability.checkout.run import run_checkout

    with as_dagster_failure():
        report = run_checkout(configuration.settings())
    rows = [row.as_json() | {"errors": "; ".join((*row.exceptions, *row.console_errors))} for row in report.steps]
    table = dg.MetadataValue.md(document_table(rows, COLUMNS))
    notes = {"notes": "; ".join(report.notes)} if report.notes else {}
    return result(
        report,
        *CHECKS,
        headline={"order": report.order or "none", "browser": report.browser or "none", **notes},
        first=("passed_steps", "steps", "exceptions", "console_errors"),
        tables={"journey": table},
    )


@dg.definitions
def definitions() -> dg.Definitions:
    """Nothing where the configuration names no shop; without any configuration, what there could be.

    Only what has a schedule is expected to be fresh.
    """
    graph = configured()
    checkout = graph.settings.checkout if graph.settings is not None else None
    if graph.settings is not None and checkout is None:
        return dg.Definitions()
    placed = graph.place(synthetic_checkout, graph.orders)
    if checkout is not None and checkout.schedule is None:
        (placed,) = dg.map_asset_specs(lambda spec: spec.replace_attributes(freshness_policy=None), [placed])
    cron = checkout.schedule if checkout is not None else None
    schedules = (
        [
            schedule(
                "synthetic_checkout_as_configured",
                cron,
                ["synthetic_checkout"],
                "Order in the synthetic tenant's shop, and have the platform cancel it.",
                tags=SHORT_LIVED,
            )
        ]
        if cron is not None
        else []
    )
    return dg.Definitions(assets=[placed], schedules=schedules)
