"""The reaper: everything of a browser ends with its directory, and what is somebody else's stays."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from printflow_reliability.checkout import reaper

SLEEP = (sys.executable, "-S", "-c", "import time; time.sleep(600)")


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def sleeper() -> Iterator[list["subprocess.Popen[bytes]"]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_what_works_in_the_directory_or_names_it_ends_and_nothing_else(
    sleeper: list["subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    directory = reaper.make_directory()
    there = subprocess.Popen(SLEEP, cwd=directory, start_new_session=True)
    named = subprocess.Popen([*SLEEP, f"--user-data-dir={directory}/profile"], start_new_session=True)
    beside = subprocess.Popen([*SLEEP, f"--user-data-dir={directory}-other"], cwd=tmp_path)
    sleeper += [there, named, beside]

    reaper.remove(directory)

    assert (there.wait(10), named.wait(10)) == (-9, -9)
    assert beside.poll() is None
    assert not directory.exists()


def test_a_directory_whose_owner_lives_stays_and_that_of_a_dead_one_goes() -> None:
    own = reaper.make_directory()
    code = "from printflow_reliability.checkout.reaper import make_directory; print(make_directory())"
    made = subprocess.run(
        [sys.executable, "-c", f"import tempfile; tempfile.tempdir = {tempfile.tempdir!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    abandoned = Path(made.stdout.strip())
    assert abandoned.exists()

    reaper.reap_abandoned()

    assert own.exists()
    assert not abandoned.exists()
