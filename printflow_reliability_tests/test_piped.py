"""A program that streams is only believed at its end: what it said, how it ended, and that it ended in time."""

import time
from typing import Any

import pytest

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.piped import piped
from printflow_reliability.programs import ProgramFailed, Programs

PROGRAMS = Programs(run_as="nobody", path="/usr/bin:/bin", secrets=("hunter2",))


def sh(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def output_of(argv: list[str], **options: Any) -> bytes:
    with piped(PROGRAMS, argv, **{"timeout": 60.0, **options}) as process:
        assert process.stdout is not None
        return process.stdout.read()


def feed(argv: list[str], chunk: bytes, times: int) -> bytes:
    with piped(PROGRAMS, argv, timeout=60, fed=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(times):
            process.stdin.write(chunk)
        process.stdin.close()
        return process.stdout.read()


def test_its_output_is_read_beside_it() -> None:
    assert output_of(sh("printf one; printf two")) == b"onetwo"


def test_its_input_is_written_beside_it() -> None:
    assert feed(["/bin/cat"], b"given", 2) == b"givengiven"


def test_an_error_after_good_output_is_an_error_and_shows_no_secret() -> None:
    with pytest.raises(ProgramFailed, match=r"exit code 3: it was \[secret\]") as failed:
        output_of(sh("printf data; echo it was hunter2 >&2; exit 3"))
    assert failed.value.exit_code == 3


def test_an_input_that_nobody_reads_is_the_programs_error() -> None:
    with pytest.raises(ProgramFailed, match="exit code 4: full"):
        feed(sh("echo full >&2; exec <&-; exit 4"), b"x" * 1_000_000, 10)


def test_one_that_does_not_end_is_killed_with_all_that_it_started() -> None:
    with pytest.raises(ProgramFailed, match="did not end within 1 s"):
        output_of(sh("sleep 600 & sleep 600"), timeout=1)


def test_what_a_watch_raises_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("printflow_reliability.piped.WATCH_SECONDS", 0.1)

    def watch() -> None:
        raise CouldNotTell("the server is gone")

    with pytest.raises(CouldNotTell, match="the server is gone"):
        output_of(sh("sleep 600"), watches=[watch])


def test_it_does_not_outlive_an_error_of_ours() -> None:
    began = time.monotonic()
    with pytest.raises(ZeroDivisionError), piped(PROGRAMS, sh("sleep 600"), timeout=600) as process:
        raise ZeroDivisionError
    assert process.returncode == -9
    assert time.monotonic() - began < 300


def test_one_that_is_not_installed_is_named() -> None:
    with pytest.raises(ConfigError, match="nowhere is not installed"):
        output_of(["nowhere"])
