"""Recoveries that are ended while their clusters run: what they restored is a copy of production, and goes."""

import os
import signal
import subprocess
import sys
from uuid import uuid4

import pytest

from printflow_reliability.cli import run
from printflow_reliability.platform.tenancy import tenants
from printflow_reliability.restore.reaper import processes_in
from printflow_reliability_tests.hearing import HEARS_SIGNALS
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.drilling import left_behind
from printflow_reliability_tests.stack.wal import archived_moment

pytestmark = pytest.mark.stack

POLITE = pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        *(pytest.param(number, marks=pytest.mark.exhaustive) for number in (signal.SIGINT, signal.SIGHUP)),
    ],
)


def ended(sandbox: StackSandbox, number: signal.Signals, *command: str) -> tuple[int, str]:
    """Send a signal to a command whose clusters are about to be promoted; its exit code, and what it said of that."""
    argv = [sys.executable, "-c", HEARS_SIGNALS, "--config", str(sandbox.config)]
    with subprocess.Popen(
        [*argv, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        assert any("promote: " in line for line in process.stdout)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
    return process.returncode, said


@POLITE
def test_a_recovery_that_is_interrupted_leaves_nothing(backed_up: StackSandbox, number: signal.Signals) -> None:
    into = backed_up.home.path("recovered") / number.name
    code, said = ended(backed_up, number, "recover", "--to", "latest", "--into", str(into))

    assert (code, "interrupted" in said) == (2, True), said
    assert not into.exists()
    assert list(processes_in(into)) == []


@POLITE
def test_a_tenants_restore_that_is_interrupted_leaves_nothing(backed_up: StackSandbox, number: signal.Signals) -> None:
    tenant = tenants(backed_up.settings)[0].id
    code, said = ended(backed_up, number, "tenant", "restore", tenant, "--to", archived_moment(backed_up))

    assert (code, "interrupted" in said) == (2, True), said
    assert left_behind(backed_up) == []


def test_what_a_killed_tenants_restore_left_is_removed_by_the_next_one(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    moment = archived_moment(backed_up)
    tenant = tenants(backed_up.settings)[0].id
    assert ended(backed_up, signal.SIGKILL, "tenant", "restore", tenant, "--to", moment)[0] == -signal.SIGKILL
    assert left_behind(backed_up)

    assert run(["--config", str(backed_up.config), "tenant", "restore", str(uuid4()), "--to", moment]) == 2
    assert "there is no tenant" in capsys.readouterr().err
    assert left_behind(backed_up) == []
