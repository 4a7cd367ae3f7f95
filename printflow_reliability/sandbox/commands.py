"""`printflow sandbox`: the embedded platform, up and down, and faults planted in it."""

import sys

import typer

from printflow_reliability.console import JSON_OPTION, print_json, say, table
from printflow_reliability.errors import ConfigError
from printflow_reliability.sandbox import up as lifecycle
from printflow_reliability.sandbox.home import SandboxHome

app = typer.Typer(help="The embedded platform: real servers, seeded data, planted faults.", no_args_is_help=True)


@app.command("up")
def up_command(json: bool = JSON_OPTION) -> None:
    """Bring the sandbox up, or back up what was killed."""
    home = SandboxHome.locate()
    lifecycle.up(home, tell=_tell)
    _show(home, json)


@app.command("down")
def down_command(
    remove: bool = typer.Option(False, "--remove", help="Delete its data too."), json: bool = JSON_OPTION
) -> None:
    """End everything that was started; the data stays unless --remove."""
    home = SandboxHome.locate()
    ended = lifecycle.down(home, remove=remove, tell=_tell)
    if json:
        print_json({"home": home.root, "ended": list(ended), "removed": remove})
    else:
        say(f"Ended {', '.join(ended)}." if ended else "Nothing was running.")


@app.command("status")
def status_command(json: bool = JSON_OPTION) -> None:
    """Say which servers run and answer."""
    home = SandboxHome.locate()
    _show(home, json)


def _show(home: SandboxHome, json: bool) -> None:
    if not home.exists:
        raise ConfigError(f"there is no sandbox at {home.wished}", "printflow sandbox up")
    services = lifecycle.status(home)
    if json:
        print_json({"home": home.root, "config": home.config, "services": [one.as_json() for one in services]})
    else:
        rows = [(one.name, one.endpoint, str(one.pid or "-"), "up" if one.ok else "DOWN") for one in services]
        table(("service", "endpoint", "pid", ""), rows)
        say(f"Configuration: {home.config}")


def _tell(doing: str) -> None:
    print(f"sandbox: {doing}", file=sys.stderr)
