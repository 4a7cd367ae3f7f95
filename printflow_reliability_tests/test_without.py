"""What is not installed is missed by what needs it alone: the sandbox's packages, PostgreSQL, pgBackRest."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from printflow_reliability_tests.test_bad_input import configured

LAUNCH = "from printflow_reliability.cli import main; main()"
HIDDEN = """
import sys

class Hidden:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {"PIL", "reportlab", "trustme", "redis"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden)
"""
NOWHERE = """
from printflow_reliability import server_programs
server_programs.LAYOUTS = ()
"""


def printflow(arguments: Sequence[str], folder: Path, prelude: str) -> tuple[int, str]:
    """The exit code of a command in a process of its own, in an empty folder, and all it says."""
    environment = {**os.environ, "PATH": str(folder), "PRINTFLOW_HOME": str(folder / "sandbox")}
    ended = subprocess.run(
        [sys.executable, "-c", prelude + LAUNCH, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    "command", [["sandbox", "up"], ["sandbox", "status"], ["sandbox", "fault", "list"], ["demo", "--no-ui"]]
)
def test_without_the_sandbox_extra_its_commands_name_what_brings_it(tmp_path: Path, command: list[str]) -> None:
    code, said = printflow(command, tmp_path, HIDDEN)
    assert code == 2, said
    assert "the sandbox needs Python packages that are not installed here: pillow, reportlab, trustme" in said
    assert "next: pip install 'printflow-reliability[sandbox]'" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["--help"], ["sandbox", "--help"], ["runbook"]])
def test_without_the_sandbox_extra_everything_else_works(tmp_path: Path, command: list[str]) -> None:
    config = configured(tmp_path)
    code, said = printflow(["--config", str(config), *command], tmp_path, HIDDEN)
    assert code == 0, said


@pytest.mark.parametrize("command", [["runbook"], ["runbook", "bucket-damaged"], ["pdf", "inspect", "none.pdf"]])
def test_without_the_servers_programs_what_needs_none_works(tmp_path: Path, command: list[str]) -> None:
    config = configured(tmp_path)
    code, said = printflow(["--config", str(config), *command], tmp_path, NOWHERE)
    assert code == (1 if command[0] == "pdf" else 0), said


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        (["backup", "list"], "pgbackrest"),
        (["backup", "run"], "pgbackrest"),
        (["backup", "verify"], "pgbackrest"),
        (["wal", "verify"], "pgbackrest"),
        (["recover", "--to", "latest", "--into", "recovered"], "pgbackrest"),
        (["sandbox", "up"], "initdb"),
    ],
)
def test_without_the_servers_programs_what_needs_them_names_the_package(
    tmp_path: Path, command: list[str], missing: str
) -> None:
    config = configured(tmp_path)
    code, said = printflow(["--config", str(config), *command], tmp_path, NOWHERE)
    assert code == 2, said
    assert missing in said
    assert "install" in said
