"""From a payment without artwork to a person who is told: seconds for each of many orders, in a day when all is well
and in days when something of the system itself is dead.

Targets: 60 s at worst, also on a busy machine; 120 s where the first route, the records, the daemon, the code server or
the code location is dead.
"""

import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from printflow_reliability.sandbox.dagster_services import DAEMON
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.ports import is_free
from printflow_reliability_tests.benchmarks.installation import CODE_SERVER, WATCH, Installation

SPREAD_SECONDS = 100.0
PATIENCE_SECONDS = 240.0
SETTLING_SECONDS = 45.0
"""What the daemon and both guards get to come up, and to see what was changed."""
LOAD = 20
FIRST_ROUTE = """
[[alert_route]]
name = "first"
url = "http://127.0.0.1:{port}/alerts"
min_severity = "warning"
"""
BROKEN = "load_from:\n  - python_module: printflow_reliability.no_such_module\n"


def run(orders: int) -> list[tuple[str, float, float, int]]:
    """For each scenario: its name, the worst and the median seconds, and how many orders nobody was told of."""
    installation = Installation(SandboxHome.locate())
    for name in (DAEMON, WATCH):
        installation.start(name)
    time.sleep(SETTLING_SECONDS)
    rows = []
    try:
        for name, scenario in SCENARIOS.items():
            with scenario(installation):
                rows.append((name, *_measured(installation, orders)))
            print(
                f"paid to page, {name:<28} worst {rows[-1][1]:6.1f} s, median {rows[-1][2]:6.1f} s, "
                f"{rows[-1][3]} untold of {orders}",
                flush=True,
            )
            time.sleep(SETTLING_SECONDS)
    finally:
        installation.stop()
    return rows


def _measured(installation: Installation, orders: int) -> tuple[float, float, int]:
    chance = random.Random(orders)
    began = time.time()
    paid: dict[str, float] = {}
    for moment in sorted(chance.uniform(0, SPREAD_SECONDS) for _ in range(orders)):
        time.sleep(max(began + moment - time.time(), 0))
        order, at = installation.pay(artwork=False)
        paid[order] = at
    deadline = time.time() + PATIENCE_SECONDS
    told: dict[str, float] = {}
    while len(told) < len(paid) and time.time() < deadline:
        time.sleep(1)
        for order, at in paid.items():
            if order not in told and (heard := installation.paged_at(order, at)) is not None:
                told[order] = heard - at
    installation.end(list(paid))
    return max(told.values(), default=float("inf")), statistics.median(told.values() or [0.0]), len(paid) - len(told)


@contextmanager
def _nothing(_installation: Installation) -> Iterator[None]:
    yield


@contextmanager
def _load(_installation: Installation) -> Iterator[None]:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(LOAD)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


@contextmanager
def _first_route(installation: Installation, port: int) -> Iterator[None]:
    before = installation.configuration
    head, mark, tail = before.partition("[[alert_route]]")
    installation.configure(head + FIRST_ROUTE.format(port=port) + "\n" + mark + tail)
    try:
        yield
    finally:
        installation.configure(before)


@contextmanager
def _first_route_dead(installation: Installation) -> Iterator[None]:
    with _first_route(installation, next(port for port in range(20_000, 30_000) if is_free(port))):
        yield


@contextmanager
def _first_route_hangs(installation: Installation) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as silent, _first_route(installation, silent.getsockname()[1]):
        yield


def _killed(name: str) -> Callable[[Installation], AbstractContextManager[None]]:
    @contextmanager
    def killed(installation: Installation) -> Iterator[None]:
        installation.kill(name)
        try:
            yield
        finally:
            installation.start(name)

    return killed


@contextmanager
def _code_location_broken(installation: Installation) -> Iterator[None]:
    workspace = installation.home.path("dagster", "workspace.yaml")
    before = workspace.read_text(encoding="utf-8")
    workspace.write_text(BROKEN, encoding="utf-8")
    installation.kill(DAEMON)
    installation.start(DAEMON)
    try:
        yield
    finally:
        workspace.write_text(before, encoding="utf-8")
        installation.kill(DAEMON)
        installation.start(DAEMON)


SCENARIOS: Mapping[str, Callable[[Installation], AbstractContextManager[None]]] = {
    "all well": _nothing,
    f"a load of {LOAD}": _load,
    "the first route is dead": _first_route_dead,
    "the first route hangs": _first_route_hangs,
    "the records are dead": _killed("system_db"),
    "the daemon was killed": _killed(DAEMON),
    "the watch was killed": _killed(WATCH),
    "the code server was killed": _killed(CODE_SERVER),
    "the code location is broken": _code_location_broken,
}
