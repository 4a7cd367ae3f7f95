"""The one runner: time limits that hold, nothing left behind, no secret in what it says."""

import os
import pwd
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability import server_programs
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.programs import ProgramFailed, Programs


@pytest.fixture(params=["setpriv", "Python"])
def programs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """What changes the user where we are root: not every system has the program for it."""
    if request.param == "Python":
        monkeypatch.setattr("printflow_reliability.identities.setpriv", lambda _: ())
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
        programs.run(sh(f"(sleep 0.8; touch {tmp_path}/late) & sleep 60"), timeout=0.3)
    time.sleep(1)
    assert not (tmp_path / "late").exists()


def test_a_program_that_is_not_worth_waiting_for_is_ended_and_one_that_is_prints_all(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("printflow_reliability.programs.WATCH_SECONDS", 0.1)
    looks = []
    done = programs.run(sh("echo one; sleep 0.3; echo two"), timeout=10, watches=[lambda: looks.append(1)])
    assert done.stdout == "one\ntwo\n"
    assert looks

    def silent() -> None:
        raise CouldNotTell("the server is silent")

    began = time.monotonic()
    with pytest.raises(CouldNotTell, match="silent"):
        programs.run(sh("sleep 60"), timeout=90, watches=[silent])
    assert time.monotonic() - began < 30
    with pytest.raises(ProgramFailed, match="did not end within"):
        programs.run(sh("sleep 60"), timeout=0.3, watches=[lambda: None])


def test_our_environment_is_not_handed_down(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    assert "hunter2" not in programs.run(["env"], timeout=10).stdout
    assert "EXTRA=1" in programs.run(["env"], timeout=10, env={"EXTRA": "1"}).stdout


def test_a_missing_program_says_how_to_get_it(programs: Programs) -> None:
    with pytest.raises(ConfigError, match="no-such-program is not installed"):
        programs.run(["no-such-program"], timeout=1)


def test_a_program_that_may_not_be_run_is_named_with_the_systems_reason(programs: Programs, tmp_path: Path) -> None:
    closed = fake(tmp_path / "bin", "17")
    closed.chmod(0o600)
    with pytest.raises(ConfigError, match="pg_ctl cannot be run: Permission denied"):
        programs.run([str(closed)], timeout=10)


def test_what_a_program_says_of_setpriv_is_its_own(programs: Programs) -> None:
    with pytest.raises(ProgramFailed, match="exit code 3: setpriv: no"):
        programs.run(sh("echo setpriv: no >&2; exit 3"), timeout=10)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes user")
@pytest.mark.parametrize("target", ["/bin/busybox", None])
def test_a_setpriv_that_cannot_change_the_user_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str | None
) -> None:
    if target:
        (tmp_path / "setpriv").symlink_to(target)
    monkeypatch.setattr("printflow_reliability.programs.os.defpath", str(tmp_path))
    run = Programs(run_as="nobody", path="/usr/bin:/bin")
    assert run.run(["id", "-un"], timeout=10).stdout.strip() == "nobody"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes user")
def test_root_runs_programs_as_the_unprivileged_user(programs: Programs) -> None:
    assert programs.run(["id", "-un"], timeout=10).stdout.strip() == "nobody"
    assert programs.run(["id", "-Gn"], timeout=10).stdout.strip() == "nogroup"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes user")
def test_an_unknown_user_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="no user"):
        Programs(run_as="no-such-user", postgres_bin=Path("/usr/bin")).run([sys.executable], timeout=1)


def fake(folder: Path, version: str, name: str = "pg_ctl") -> Path:
    """A server program that says of itself what version it is."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f'#!/bin/sh\necho "{name} (PostgreSQL) {version}"\n')
    (folder / name).chmod(0o755)
    return folder / name


def on_a_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Programs:
    """Programs of a machine on which only what lies below a folder is installed."""
    layouts = tuple(f"{tmp_path}{layout}" for layout in server_programs.LAYOUTS)
    monkeypatch.setattr(server_programs, "LAYOUTS", layouts)
    return Programs(run_as=pwd.getpwuid(os.geteuid()).pw_name, **changes)


@pytest.mark.parametrize("layout", ["usr/lib/postgresql/{}/bin", "usr/pgsql-{}/bin"])
def test_server_programs_are_those_of_the_clusters_version_not_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    of_15, of_9, of_17 = (fake(tmp_path / layout.format(major), f"{major}.3") for major in (15, 9, 17))
    run = on_a_machine(tmp_path, monkeypatch, path="/nowhere")

    assert run.postgres("pg_ctl", 15) == str(of_15)
    assert run.postgres("pg_ctl", 9) == str(of_9)
    assert run.postgres("pg_ctl") == str(of_17)
    with pytest.raises(
        ConfigError, match=r"PostgreSQL 16 programs .* are needed here, and there are those of 9, 15, 17"
    ):
        run.postgres("pg_ctl", 16)
    with pytest.raises(ConfigError, match="initdb"):
        run.postgres("initdb", 15)


def test_server_programs_in_the_path_are_asked_for_their_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = fake(tmp_path / "bin", "17.2 (Homebrew)")
    run = on_a_machine(tmp_path, monkeypatch, path=f"{tmp_path / 'bin'}:/usr/bin:/bin")

    assert run.postgres("pg_ctl", 17) == str(program)
    with pytest.raises(ConfigError, match=r"PostgreSQL 15 programs .* and there are those of 17"):
        run.postgres("pg_ctl", 15)


def test_a_folder_that_is_set_is_used_alone_and_a_wrong_version_in_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path / "usr/lib/postgresql/17/bin", "17.1")
    program = fake(tmp_path / "own", "15.4")
    run = on_a_machine(tmp_path, monkeypatch, postgres_bin=tmp_path / "own")

    assert run.postgres("pg_ctl", 15) == str(program)
    with pytest.raises(ConfigError, match=r"PostgreSQL 17 programs .* and there are those of 15"):
        run.postgres("pg_ctl", 17)


def test_without_any_server_program_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = on_a_machine(tmp_path, monkeypatch, path="/nowhere")

    with pytest.raises(ConfigError, match="there are none") as missing:
        run.postgres("pg_ctl", 17)
    assert "postgresql-17" in missing.value.next_step
    with pytest.raises(ConfigError, match="there is no pg_ctl"):
        run.postgres("pg_ctl")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run programs as another user")
def test_the_user_that_programs_run_as_keeps_its_groups() -> None:
    groups = {user.pw_name: set(os.getgrouplist(user.pw_name, user.pw_gid)) for user in pwd.getpwall()}
    name = max(groups, key=lambda name: (name != "root", len(groups[name])))

    said = Programs(run_as=name).run(["id", "-G"], timeout=10).stdout.split()

    assert set(map(int, said)) == groups[name]
