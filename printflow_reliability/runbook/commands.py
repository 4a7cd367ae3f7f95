"""`printflow runbook`: the decision tree, or the steps of one scenario."""

import os
from pathlib import Path

import typer

from printflow_reliability.console import JSON_OPTION, invocation, print_json, say
from printflow_reliability.errors import ConfigError
from printflow_reliability.runbook import render
from printflow_reliability.runbook.names import Facts, Names
from printflow_reliability.runbook.scenarios import scenarios
from printflow_reliability.settings import find_config


def runbook_command(
    ctx: typer.Context,
    scenario: str | None = typer.Argument(
        None, metavar="SCENARIO", help="cluster-lost, table-dropped, ...; without one, the decision tree."
    ),
    at: str = typer.Option(
        Facts.at, "--at", metavar="TIME", help="The moment to go back to, for the commands that need one."
    ),
    table: str = typer.Option(
        Facts.table, "--table", metavar="TABLE", help="The table that was dropped, such as public.quotes."
    ),
    tenant: str = typer.Option(Facts.tenant, "--tenant", metavar="TENANT", help="The tenant whose rows are gone."),
    point: str = typer.Option(
        Facts.point, "--point", metavar="NAME", help="The restore point that backup before-migrate made."
    ),
    identity: str = typer.Option(
        Facts.identity, "--identity", metavar="FILE", help="The file with a secret key of age, from the safe."
    ),
    json: bool = JSON_OPTION,
) -> None:
    """Print what to do in an emergency: numbered steps with this installation's own names in them."""
    asked = invocation(ctx)
    settings = asked.settings()
    config = Path(os.path.abspath(find_config(asked.config)))  # noqa: PTH100 - a symlink stays what people call it
    every = scenarios(Names(settings, config, Facts(at, table, tenant, point, identity)))
    if scenario is not None and scenario not in every:
        raise ConfigError(f'there is no scenario "{scenario}"', f"one of: {', '.join(every)}")
    if json:
        chosen = every.values() if scenario is None else [every[scenario]]
        print_json(
            {
                "scenarios": [
                    {
                        "name": entry.name,
                        "title": entry.title,
                        "question": entry.question,
                        "steps": [step.__dict__ for step in entry.steps],
                    }
                    for entry in chosen
                ]
            }
        )
    else:
        say(render.whole(settings, every) if scenario is None else render.scenario_page(settings, every[scenario]))
