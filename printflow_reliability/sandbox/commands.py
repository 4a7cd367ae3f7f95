"""`printflow sandbox`: the embedded platform, up and down, and faults planted in it."""

import sys
from dataclasses import asdict

import typer

from printflow_reliability.console import JSON_OPTION, print_json, say, table
from printflow_reliability.errors import ConfigError
from printflow_reliability.sandbox import up as lifecycle
from printflow_reliability.sandbox.home import SandboxHome

app = typer.Typer(help="The embedded platform: real servers, seeded data, planted faults.", no_args_is_help=True)


@app.command("up")
def up_command(
    tenants: int = typer.Option(3, "--tenants", min=1, help="How many tenants a new sandbox gets."),
    orders: int = typer.Option(60, "--orders", min=1, help="How many orders a new sandbox gets."),
    seed: int = typer.Option(1, "--seed", help="The same seed makes the same data."),
    json: bool = JSON_OPTION,
) -> None:
    """Bring the sandbox up, or back up what was killed; a new one is filled with data."""
    home = SandboxHome.locate()
    lifecycle.up(home, tell=_tell)
    lifecycle.fill(home, tenants=tenants, orders=orders, seed=seed, tell=_tell)
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
    """Say which servers run and answer; exits with 1 if one does not."""
    home = SandboxHome.locate()
    if not _show(home, json):
        raise typer.Exit(1)


@app.command("fault")
def fault_command(
    name: str = typer.Argument(help="The fault to plant, or `list` for all of them."), json: bool = JSON_OPTION
) -> None:
    """Plant a fault, and say what must be found because of it."""
    # Planting needs the seed's own libraries; without this, `sandbox down` would load them too.
    from printflow_reliability.sandbox.faults import FAULTS, plant

    if name == "list":
        faults = [{"fault": fault.name, "expected": fault.expected, "check": fault.check} for fault in FAULTS.values()]
        if json:
            print_json({"faults": faults})
        else:
            table(("fault", "what must be found"), [(one["fault"], one["expected"]) for one in faults])
        return
    if name not in FAULTS:
        raise ConfigError(f'there is no fault named "{name}"', "printflow sandbox fault list")
    planted = plant(SandboxHome.locate(), name)
    if json:
        print_json(asdict(planted))
    else:
        say(f"Planted {planted.fault}. Expected: {planted.expected}")


def demo() -> None:
    """The whole cycle once: sandbox up, faults in, everything run, the UI last."""
    raise ConfigError("the demo is not there yet", "printflow sandbox up")


def _show(home: SandboxHome, json: bool) -> bool:
    """Print every server's state; says whether all answer."""
    if not home.exists:
        raise ConfigError(f"there is no sandbox at {home.wished}", "printflow sandbox up")
    services = lifecycle.status(home)
    if json:
        print_json({"home": home.root, "config": home.config, "services": [one.as_json() for one in services]})
    else:
        rows = [(one.name, one.endpoint, str(one.pid or "-"), "up" if one.ok else "DOWN") for one in services]
        table(("service", "endpoint", "pid", ""), rows)
        say(f"Configuration: {home.config}")
    return bool(services) and all(one.ok for one in services)


def _tell(doing: str) -> None:
    print(f"sandbox: {doing}", file=sys.stderr)
