"""Backups that are interrupted, or meet another one: no process is left, the next goes on, and who waits is told.

The processes of pgBackRest are sessions of their own, and end all the same on Ctrl-C, SIGTERM and SIGHUP.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.taken import BackupRequest
from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
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


def test_an_interrupted_backup_goes_on_in_the_repository_where_it_was(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = backed_up.settings.cluster_named("live_db")
    interrupt_backup(PgBackRest(cluster, backed_up.settings.runner()), repository=1)

    assert (
        run(["--config", str(backed_up.config), "backup", "run", "live_db", "--repo", "1", "--type", "full", "--json"])
        == 0
    )
    (taken,) = json.loads(capsys.readouterr().out)["backups"]
    assert (taken["repo"], taken["type"], taken["resumed"]) == (1, "full", True)


def test_a_backup_that_somebody_else_takes_is_told_and_is_no_failure(backed_up: StackSandbox) -> None:
    settings = backed_up.settings
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(take_base_backups, settings, BackupRequest(("admin_db",), 1)) for _ in range(2)]
        reports = [future.result() for future in both]

    (waited,) = [report for report in reports if report.busy]
    assert waited.backups[0].backup is None
    assert waited.checks[0].outcome is Outcome.PASS
    assert "already" in waited.checks[0].detail


def interrupt_backup(pgbackrest: PgBackRest, *, repository: int) -> None:
    """Kill a full backup after it has copied something, and before it is whole."""
    known = {backup.label for backup in pgbackrest.info(repository).backups}
    command = ["pgbackrest", f"--config={pgbackrest.config}", f"--stanza={pgbackrest.cluster.stanza}"]
    command += [f"--repo={repository}", "--log-level-console=off", "--type=full", "--process-max=1", "backup"]
    identity = pgbackrest.programs.identity()
    user = {"user": identity.uid, "group": identity.gid, "extra_groups": identity.groups} if identity else {}
    for _ in range(5):
        with subprocess.Popen(command, start_new_session=True, **user) as backup:  # type: ignore[call-overload]
            while backup.poll() is None:
                files = pgbackrest.repo_ls(f"backup/{pgbackrest.cluster.stanza}", repository)
                if any(
                    file.name.endswith("/backup.manifest.copy") and file.name.partition("/")[0] not in known
                    for file in files
                ):
                    os.killpg(backup.pid, signal.SIGKILL)
        if backup.returncode == -signal.SIGKILL:
            return
        known |= {found.label for found in pgbackrest.info(repository).backups}
    pytest.fail("each backup was whole before it could be killed")
