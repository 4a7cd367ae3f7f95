"""What waiting costs: CPU of Dagster's daemon and code server with nothing to do, and of one trivial sensor beside."""

import compileall
import time
from dataclasses import replace
from pathlib import Path

import psycopg

import printflow_reliability
from printflow_reliability.sandbox import dagster_services
from printflow_reliability.sandbox.dagster_services import DAEMON
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.services import recorded, start_service, stop_service
from printflow_reliability_tests.benchmarks.installation import WATCH, Installation, cpu_seconds

SETTLING_SECONDS = 60.0
TRIVIAL = """
import dagster as dg

@dg.sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def trivial(_context):
    return dg.SkipReason("nothing to do")

defs = dg.Definitions(sensors=[trivial])
"""


def run(seconds: float) -> dict[str, float]:
    """Percent of a core: the bare daemon, ours, and the watch that stands by beside ours."""
    # As an installed package is: the daemon begins its code server anew every minute.
    compileall.compile_dir(Path(printflow_reliability.__file__).parent, quiet=1)
    installation = Installation(SandboxHome.locate())
    workspace = installation.home.path("dagster", "workspace.yaml")
    ours = workspace.read_text(encoding="utf-8")
    trivial = installation.home.path("dagster", "trivial.py")
    trivial.write_text(TRIVIAL, encoding="utf-8")
    measured: dict[str, float] = {}
    for name, text in (("bare", f"load_from:\n  - python_file: {trivial}\n"), ("ours", ours)):
        workspace.write_text(text, encoding="utf-8")
        start_service(
            installation.home, replace(dagster_services.daemon(installation.home, installation.web), ready=lambda: None)
        )
        if name == "ours":
            installation.start(WATCH)
        time.sleep(SETTLING_SECONDS)
        services = recorded(installation.home)
        pids = {name: services[DAEMON].pid} | ({"watch": services[WATCH].pid} if name == "ours" else {})
        before = {part: cpu_seconds(pid) for part, pid in pids.items()}
        runs = runs_begun(installation)
        time.sleep(seconds)
        for part, pid in pids.items():
            measured[part] = 100 * (cpu_seconds(pid) - before[part]) / seconds
            print(f"idle, {part:<6} {measured[part]:5.1f} % of a core over {seconds:.0f} s", flush=True)
        print(f"idle, {name}: {runs_begun(installation) - runs} runs of schedules lie within", flush=True)
        stop_service(installation.home, DAEMON, grace_seconds=20)
    installation.stop()
    return measured


def runs_begun(installation: Installation) -> int:
    """How many runs Dagster has begun so far: each is a process of its own, and more work than minutes of waiting."""
    environment = dagster_services.daemon(installation.home, installation.web).environment
    with psycopg.connect(environment["PRINTFLOW_DAGSTER_URL"]) as connection:
        row = connection.execute("SELECT count(*) FROM runs").fetchone()
    return row[0] if row else 0
