"""The systemd units start commands that there are, end them in good order, begin them again, give them no rights."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

import printflow_reliability
from printflow_reliability.http.server import REREAD_SECONDS
from printflow_reliability.records.leases import RENEWED_FOR_SECONDS
from printflow_reliability_tests.commands import COMMANDS

DEPLOY = Path(printflow_reliability.__file__).parent.parent / "deploy"
SAYS_EVERY = {"printflow-watch.service": RENEWED_FOR_SECONDS, "printflow-serve.service": REREAD_SECONDS}
"""By unit: after how many seconds at the latest it says that it is alive."""
ANALYZE = shutil.which("systemd-analyze")
CONVENTIONAL = ("/opt/", "/etc/", "/var/lib/")


@pytest.fixture(params=SAYS_EVERY)
def path(request: pytest.FixtureRequest) -> Path:
    return DEPLOY / str(request.param)


@pytest.fixture
def service(path: Path) -> configparser.SectionProxy:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(path.read_text(encoding="utf-8"))
    return unit["Service"]


def test_it_runs_a_command_that_there_is_and_begins_it_again(service: configparser.SectionProxy) -> None:
    program, *words = service["ExecStart"].split()
    assert Path(program).name == "printflow"
    assert " ".join(words) in COMMANDS
    assert service["Restart"] == "always"


def test_one_that_hangs_is_begun_again_and_one_that_works_is_not(
    path: Path, service: configparser.SectionProxy
) -> None:
    assert service["Type"] == "notify"
    assert float(service["WatchdogSec"]) > 2 * SAYS_EVERY[path.name]


def test_it_has_no_path_of_a_certain_machine(service: configparser.SectionProxy) -> None:
    paths = [word for value in service.values() for word in value.replace("=", " ").split() if "/" in word]
    assert paths
    assert [path for path in paths if not path.lstrip("-").startswith(CONVENTIONAL)] == []


def test_it_gives_the_process_no_rights(service: configparser.SectionProxy) -> None:
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert "root" not in (service["User"], service["Group"])


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd here")
def test_systemd_understands_every_line(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    text = path.read_text(encoding="utf-8").replace("/opt/printflow/bin/printflow", "/bin/true")
    copy.write_text(text, encoding="utf-8")
    ended = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    assert [line for line in ended.stderr.splitlines() if path.name in line] == []
