"""Ctrl-C while pgBackRest works: its processes are sessions of their own, and end all the same."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

ENDED_SECONDS = 5.0


def pgbackrest_processes(config: Path) -> Iterator[int]:
    """The pgBackRest processes that a command has started, in whatever session; production archives by itself."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                told = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            ours = Path(told[0].decode()).name == "pgbackrest" and str(config.parent).encode() in b"".join(told)
            if ours and {b"verify", b"backup", b"repo-ls"} & set(told):
                yield int(entry.name)


@pytest.mark.parametrize("command", [("backup", "verify"), ("backup", "run", "--type", "full"), ("wal", "verify")])
def test_ctrl_c_ends_the_command_and_every_pgbackrest_within_seconds(
    backed_up: StackSandbox, command: tuple[str, ...]
) -> None:
    argv = [str(Path(sys.executable).with_name("printflow")), "--config", str(backed_up.config), *command]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as running:
        deadline = time.monotonic() + 60
        while not list(pgbackrest_processes(backed_up.config)):
            assert running.poll() is None, "it ended before pgBackRest was seen"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        began = time.monotonic()
        running.wait(timeout=30)
        assert time.monotonic() - began < ENDED_SECONDS
    assert running.returncode not in (0, None)
    time.sleep(0.2)
    assert list(pgbackrest_processes(backed_up.config)) == []
