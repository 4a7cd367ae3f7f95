"""`printflow sandbox`: the embedded platform, up and down, and faults planted in it."""

import sys
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from printflow_reliability.console import JSON_OPTION, print_json, say, table
from printflow_reliability.errors import ConfigError
from printflow_reliability.sandbox import extra
from printflow_reliability.sandbox import up as lifecycle
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.text import seconds

if TYPE_CHECKING:
    from printflow_reliability.sandbox.demo import Demo, Stage

app = typer.Typer(no_args_is_help=True)


@app.callback()
def every_command() -> None:
    """The embedded platform: real servers, seeded data, planted faults."""
    extra.require()


@app.command("up")
def up_command(
    tenants: int = typer.Option(3, "--tenants", metavar="N", min=1, help="How many tenants a new sandbox gets."),
    orders: int = typer.Option(60, "--orders", metavar="N", min=1, help="How many orders a new sandbox gets."),
    seed: int = typer.Option(1, "--seed", metavar="N", help="The same seed makes the same data."),
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
    """Stop everything that was started; the data stays unless --remove."""
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


@app.command("stop")
def stop_command(
    name: str = typer.Argument(metavar="SERVER", help="The server, as `sandbox status` calls it."),
) -> None:
    """Stop one server, in good order."""
    home = SandboxHome.locate()
    lifecycle.stop(home, _known(home, name))
    say(f"{name} is stopped. Next: printflow sandbox start {name}")


@app.command("start")
def start_command(
    name: str = typer.Argument(metavar="SERVER", help="The server, as `sandbox status` calls it."),
) -> None:
    """Start one server, and wait until it answers."""
    home = SandboxHome.locate()
    lifecycle.start(home, _known(home, name))
    say(f"{name} is up.")


@app.command("fault")
def fault_command(
    name: str = typer.Argument(metavar="FAULT", help="The fault to plant, or `list` for all of them."),
    json: bool = JSON_OPTION,
) -> None:
    """Plant a fault, and say what must be found because of it."""
    # Planting needs the seed's own libraries; without this, `sandbox down` would load them too.
    from printflow_reliability.sandbox.faults import FAULTS, plant

    if name == "list":
        faults = [{"fault": fault.name, "expected": fault.expected, "check": fault.check} for fault in FAULTS.values()]
        if json:
            print_json({"faults": faults})
        else:
            table(("fault", "what must be found"), [(fault["fault"], fault["expected"]) for fault in faults])
        return
    if name not in FAULTS:
        raise ConfigError(f'there is no fault named "{name}"', "printflow sandbox fault list")
    planted = plant(SandboxHome.locate(), name)
    if json:
        print_json(asdict(planted))
    else:
        say(f"Planted {planted.fault}. Expected: {planted.expected}")


def _known(home: SandboxHome, name: str) -> str:
    known = [service.name for service in lifecycle.status(home)]
    if name not in known:
        raise ConfigError(f'there is no server named "{name}" here', f"one of: {', '.join(known) or 'none'}")
    return name


def demo(
    no_ui: bool = typer.Option(False, "--no-ui", help="End, and take everything down, when the cycle is done."),
    json: bool = JSON_OPTION,
) -> None:
    """Run the whole cycle once on real servers, with planted faults, and show it in the Dagster UI.

    A sandbox is made anew (an earlier one in this directory is deleted), filled, backed up, restored into a throwaway
    clone, reconciled and inspected; faults are planted and must be found by name. Takes some minutes. Ctrl-C takes
    everything down. Exit code 0 only if every stage did what it should and every planted fault was found.
    """
    extra.require()
    # The cycle needs the seed's libraries and Dagster's client; no other command does.
    from printflow_reliability.sandbox.demo import Demo
    from printflow_reliability.sandbox.demo_stages import run_demo

    home = SandboxHome.locate()
    cycle = Demo(home, DemoProgress())
    try:
        run_demo(cycle)
        if json:
            print_json(
                {
                    "ok": cycle.ok,
                    "stages": [stage.as_json() for stage in cycle.stages],
                    "planted": [fault.as_json() for fault in cycle.faults],
                    "ui": None if no_ui else cycle.ui,
                }
            )
        else:
            _show_demo(cycle)
        if not no_ui and cycle.complete:
            cycle.keep_running()
            print(f"The Dagster UI: {cycle.ui}   (Ctrl-C ends everything)", file=sys.stderr)
            _wait_for_ctrl_c()
    finally:
        lifecycle.down(home, tell=_tell)
    raise typer.Exit(0 if cycle.ok else 1 if cycle.complete else 2)


def _show_demo(cycle: "Demo") -> None:
    total = sum(stage.seconds for stage in cycle.stages)
    rows = [
        (
            "ok" if stage.ok else "FAILED",
            stage.name,
            seconds(stage.seconds),
            f"{stage.seconds / total:.0%}",
            stage.summary,
        )
        for stage in cycle.stages
    ]
    table(("", "stage", "took", "share", ""), rows, title=f"The cycle took {seconds(total)}")
    say()
    found = sum(fault.found for fault in cycle.faults)
    faults = [("found" if fault.found else "NOT FOUND", fault.fault, fault.evidence) for fault in cycle.faults]
    table(("", "planted fault", "evidence"), faults, title=f"{found} of {len(faults)} planted faults were found")


def _wait_for_ctrl_c() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


class DemoProgress:
    """Tells on stderr what the demo does: a spinner on a terminal, and a line for each stage that ended."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._status = self._console.status("") if self._console.is_terminal else None

    def began(self, name: str) -> None:
        """Show what is being done."""
        if self._status:
            self._status.update(f"{name} ...")
            self._status.start()

    def ended(self, stage: "Stage") -> None:
        """Say how it went."""
        if self._status:
            self._status.stop()
        word = "ok    " if stage.ok else "FAILED"
        print(f"demo: {word} {stage.name:<32} {stage.seconds:6.1f} s  {stage.summary}", file=sys.stderr, flush=True)


def _show(home: SandboxHome, json: bool) -> bool:
    """Print every server's state; says whether all answer."""
    if not home.exists:
        raise ConfigError(f"there is no sandbox at {home.wished}", "printflow sandbox up")
    services = lifecycle.status(home)
    if json:
        print_json({"home": home.root, "config": home.config, "services": [service.as_json() for service in services]})
    else:
        rows = [
            (service.name, service.endpoint, str(service.pid or "-"), "up" if service.ok else "DOWN")
            for service in services
        ]
        table(("service", "endpoint", "pid", ""), rows)
        say(f"Configuration: {home.config}")
    return bool(services) and all(service.ok for service in services)


def _tell(doing: str) -> None:
    print(f"sandbox: {doing}", file=sys.stderr)
