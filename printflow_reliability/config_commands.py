"""`printflow config`: the configuration file, and its documentation."""

import typer

from printflow_reliability.console import JSON_OPTION, print_json, say
from printflow_reliability.settings import documentation

app = typer.Typer(help="The configuration: its documentation, and encrypted copies of it.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """The configuration: its documentation, and encrypted copies of it."""


@app.command("reference")
def reference_command(json: bool = JSON_OPTION) -> None:
    """Print the documentation of every key of printflow.toml, as Markdown; needs no configuration."""
    if json:
        print_json(documentation.as_json())
    else:
        say(documentation.as_markdown().rstrip())
