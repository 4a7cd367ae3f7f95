"""The one runner: time limits that hold, nothing left behind, no secret in what it says."""

import os
import sys
import time
from pathlib import Path

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.programs import ProgramFailed, Programs


@pytest.fixture
def programs() -> Programs:
    return Programs(run_as="nobody", postgres_bin=Path("/usr/bin"), secrets=("hunter2",))


def sh(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def test_output_and_seconds_come_back(programs: Programs) -> None:
    done = programs.run(sh("echo out; echo err >&2"), timeout=10)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    assert done.seconds < 10


def test_a_failure_carries_the_exit_code_and_the_end_of_stderr_without_secrets(programs: Programs) -> None:
    with pytest.raises(ProgramFailed, match="exit code 82") as error:
        programs.run(sh("echo password hunter2 refused >&2; exit 82"), timeout=10)
    assert error.value.exit_code == 82
    assert error.value.stderr_tail == "password [secret] refused"


def test_a_time_limit_kills_what_the_program_started_too(programs: Programs, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    with pytest.raises(ProgramFailed, match="did not end within"):
        programs.run(sh(f"(sleep 2; touch {tmp_path}/late) & sleep 60"), timeout=0.5)
    time.sleep(2.5)
    assert not (tmp_path / "late").exists()


def test_our_environment_is_not_handed_down(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    assert "hunter2" not in programs.run(["env"], timeout=10).stdout
    assert "EXTRA=1" in programs.run(["env"], timeout=10, env={"EXTRA": "1"}).stdout


def test_a_missing_program_says_how_to_get_it(programs: Programs) -> None:
    with pytest.raises(ConfigError, match="no-such-program is not installed"):
        programs.run(["no-such-program"], timeout=1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes user")
def test_root_runs_programs_as_the_unprivileged_user(programs: Programs) -> None:
    assert programs.run(["id", "-un"], timeout=10).stdout.strip() == "nobody"
    assert programs.run(["id", "-Gn"], timeout=10).stdout.strip() == "nogroup"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes user")
def test_an_unknown_user_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="no user"):
        Programs(run_as="no-such-user", postgres_bin=Path("/usr/bin")).run([sys.executable], timeout=1)
