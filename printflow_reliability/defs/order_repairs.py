"""Repairing a paid order from the UI: always a plan, and more only behind a proxy that asks people who they are."""

from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.reporting import as_dagster_failure, document_table
from printflow_reliability.orders.problems import repair_command
from printflow_reliability.platform.identifiers import kept
from printflow_reliability.text import printable

if TYPE_CHECKING:
    from printflow_reliability.orders.repair.repair import RepairReport

COLUMNS = ("item", "problem", "way", "status", "key", "detail")


class RepairConfig(dg.Config):
    """Which order to repair, and how."""

    order: str = Field(description="The number of the paid order, as printflow orders held lists it.")
    apply: bool = Field(
        default=False,
        description="Carry the plan out. Without this nothing is changed. It needs dagster.authenticating_proxy = true "
        "in printflow.toml, since Dagster's web server has no login of its own.",
    )
    by: str = Field(default="", description="Your name, for the record of repairs; needed to carry the plan out.")
    item: str | None = Field(default=None, description="Only this item of the order, by the column item of the plan.")
    key: str | None = Field(default=None, description="Link this file of the bucket: the exact key, chosen by you.")
    regenerate: bool = Field(
        default=False, description="Have the pdf-service make the file again, whatever else would do."
    )
    ask: bool = Field(default=False, description="Have the platform ask the customer for the artwork.")


@dg.op(description="Plan what brings the order's artwork back; carry it out where the run says so and it is allowed.")
def repair_order(context: dg.OpExecutionContext, config: RepairConfig, configuration: Configuration) -> None:
    """Repair one order; a run that was to make it ready and could not fails."""
    from printflow_reliability.orders.repair.plan import Choice
    from printflow_reliability.orders.repair.repair import repair

    order = kept(config.order)
    choice = Choice(config.item, config.key, None, config.regenerate, config.ask)
    with as_dagster_failure():
        settings = configuration.settings()
        if config.apply:
            _require_somebody(config, order, proxied=settings.dagster.authenticating_proxy)
        report = repair(settings, order, choice, apply=config.apply, person=config.by)
    context.add_output_metadata(_told(report))
    context.log.info(f"order {printable(order)} {'may' if report.answer.ready else 'must not'} go to print")
    if config.apply and not report.answer.ready:
        reasons = "; ".join(printable(problem.text) for problem in report.answer.problems)
        raise dg.Failure(
            description=f"order {printable(order)} must not go to print: {reasons}",
            metadata={"next_step": repair_command(order), **_told(report)},
            allow_retries=False,
        )


@dg.job(
    description="Bring one paid order's artwork back: relink, heal or regenerate it. Choose the order in the "
    "Launchpad; without apply the run only plans. Red: the order still must not go to print, or could not be judged; "
    "the error says why. On the command line: printflow orders repair",
)
def order_repair() -> None:
    """Repair one order."""
    repair_order()


def _require_somebody(config: RepairConfig, order: str, *, proxied: bool) -> None:
    """Raises:
    Failure: nobody asked who it is that launches the run, or the run does not say.
    """
    if not proxied:
        raise dg.Failure(
            description="nothing was changed: whoever reaches Dagster's web server could launch this run, since "
            "printflow.toml does not say that a proxy asks people who they are (dagster.authenticating_proxy)",
            metadata={"next_step": repair_command(order, "--apply")},
            allow_retries=False,
        )
    if not config.by.strip():
        raise dg.Failure(
            description="nothing was changed: the run does not say who repairs the order",
            metadata={"next_step": "give your name in the run's config: by"},
            allow_retries=False,
        )


def _told(report: "RepairReport") -> dict[str, Any]:
    """The plan with what became of it, to be read."""
    steps = [step.as_json() for step in (*report.done, *(() if report.done else report.plan))]
    table = dg.MetadataValue.md(document_table(steps, COLUMNS)) if steps else "nothing is left to do"
    return {"order": report.order, "ready": report.answer.ready, "steps": table}


definitions = dg.Definitions(jobs=[order_repair])
