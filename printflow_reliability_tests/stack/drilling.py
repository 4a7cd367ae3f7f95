"""What tests of drills share: reading a report, killing a drill, looking for what it left."""

import signal
import subprocess
import sys

from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.checks import Outcome
from printflow_reliability.drills.report import DrillReport
from printflow_reliability.restore.phases import Phase
from printflow_reliability.restore.reaper import processes_in
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox

KILLED_DRILL = """
import os, signal, sys
from pathlib import Path
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.settings import load

def tell(phase):
    if phase == sys.argv[2]:
        os.kill(os.getpid(), int(sys.argv[3]))

report = run_drill(load(Path(sys.argv[1])), tell=tell)
sys.exit("\\n".join(f"{one.check} {one.outcome}: {one.detail}" for one in report.checks) or 1)
"""


def outcomes(report: DrillReport) -> dict[str, Outcome]:
    return {check.check: check.outcome for check in report.checks}


def detail(report: DrillReport, name: str) -> str:
    return next(check.detail for check in report.checks if check.check == name)


def archive_id(sandbox: StackSandbox, cluster: str) -> str:
    """The folder of a cluster's WAL, "15-1" with PostgreSQL 15."""
    return PgBackRest(sandbox.settings.cluster_named(cluster), sandbox.settings.runner()).info().archives[-1].archive_id


def left_behind(sandbox: StackSandbox) -> list[object]:
    """Directories and processes of drills."""
    directory = sandbox.settings.drills.directory
    return [*directory.iterdir(), *processes_in(directory)]


def killed_drill(sandbox: StackSandbox, phase: Phase, number: signal.Signals) -> int:
    """Run a drill in a process of its own that gets a signal as a phase begins; its exit code."""
    argv = [sys.executable, "-c", KILLED_DRILL, str(sandbox.config), phase, str(int(number))]
    ended = subprocess.run(argv, timeout=120, capture_output=True, check=False, text=True)
    assert ended.returncode < 0, f"the drill ended by itself: {ended.stderr}"
    return ended.returncode


def without_production(settings: Settings) -> Settings:
    """The same for a machine that cannot reach production's clusters: every connection to them would fail."""
    drills = settings.drills.model_copy(update={"ask_production": False})
    unreachable = [
        cluster.model_copy(update={"url": f"postgresql://127.0.0.1:1/{cluster.name}"}) for cluster in settings.cluster
    ]
    return settings.model_copy(update={"drills": drills, "cluster": tuple(unreachable)})
