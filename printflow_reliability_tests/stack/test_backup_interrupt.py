"""Ctrl-C, SIGTERM and SIGHUP while pgBackRest hangs: its processes are sessions of their own, and end all the same."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from printflow_reliability_tests.hearing import HEARS_SIGNALS
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack


HELD = """#!/bin/sh
kill -STOP $$
exec {program} "$@"
"""
"""A pgBackRest that hangs as soon as it is started."""


@pytest.fixture(scope="module")
def hanging(backed_up: StackSandbox) -> Iterator[str]:
    """A PATH on which pgBackRest hangs."""
    program = shutil.which("pgbackrest")
    directory = backed_up.home.path("hanging")
    directory.mkdir(mode=0o755)
    held = directory / "pgbackrest"
    held.write_text(HELD.format(program=program), encoding="utf-8")
    held.chmod(0o755)
    yield f"{directory}{os.pathsep}{os.environ['PATH']}"
    shutil.rmtree(directory)


def pgbackrest_processes(config: Path) -> Iterator[int]:
    """The pgBackRest processes that a command has started, in whatever session; production archives by itself."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                told = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            program = any(Path(word.decode()).name == "pgbackrest" for word in told[:2])
            archives = any(word.startswith(b"archive-push") for word in told)  # its worker too, "archive-push:async"
            if program and str(config.parent).encode() in b"".join(told) and not archives:
                yield int(entry.name)


def is_stopped(pid: int) -> bool:
    """Whether a process is held by SIGSTOP; False if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("backup verify", signal.SIGINT),
        ("backup verify", signal.SIGTERM),
        ("backup run --type full", signal.SIGINT),
        ("backup run --type full", signal.SIGHUP),
        ("wal verify", signal.SIGINT),
        ("wal verify", signal.SIGTERM),
    ],
)
def test_a_signal_ends_the_command_and_every_pgbackrest(
    backed_up: StackSandbox, hanging: str, command: str, number: signal.Signals
) -> None:
    argv = [sys.executable, "-c", HEARS_SIGNALS, "--config", str(backed_up.config), *command.split()]
    pipe, environment = subprocess.PIPE, {**os.environ, "PATH": hanging}
    with subprocess.Popen(argv, stdout=pipe, stderr=pipe, start_new_session=True, env=environment) as running:
        deadline = time.monotonic() + 60
        while not any(is_stopped(pid) for pid in pgbackrest_processes(backed_up.config)):
            assert running.poll() is None, "it ended before pgBackRest was seen"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (2, b"printflow: interrupted\n")
    time.sleep(0.2)
    assert list(pgbackrest_processes(backed_up.config)) == []
