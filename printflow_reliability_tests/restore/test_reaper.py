"""What a drill that was killed leaves, and what is somebody else's."""

import errno
import signal
import subprocess
import time
from pathlib import Path

import pytest

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.restore import reaper


def test_only_marked_directories_are_removed(tmp_path: Path) -> None:
    killed, stranger = tmp_path / "7", tmp_path / "8"
    for place in (killed, stranger):
        (place / "live_db" / "data").mkdir(parents=True)
    (killed / reaper.MARKER).write_text("{}\n")
    assert reaper.reap(tmp_path) == (7,)
    assert not killed.exists()
    assert stranger.exists()
    assert reaper.reap(tmp_path / "nowhere") == ()


def test_a_directory_that_is_still_empty_or_empty_again_is_removed(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "notes").mkdir()
    assert reaper.reap(tmp_path) == (7,)
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_what_is_half_removed_still_says_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "7"
    (place / "live_db").mkdir(parents=True)
    (place / reaper.MARKER).write_text("{}\n")

    def refuse(_: Path) -> None:
        raise OSError("read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", refuse)
        with pytest.raises(CouldNotTell, match="cannot be removed: read-only"):
            reaper.remove(place)
    assert (place / reaper.MARKER).is_file()
    assert reaper.reap(tmp_path) == (7,)


def test_what_a_program_writes_that_ends_by_itself_is_removed_too(tmp_path: Path) -> None:
    """As `cp` does, whose shell was killed."""
    place = tmp_path / "7"
    for number in range(2000):
        (place / "live_db" / f"{number}").mkdir(parents=True)
    (place / reaper.MARKER).write_text("{}\n")
    busy = "n=0; while [ $n -lt 3000 ]; do n=$((n + 1)); : > live_db/late.$n; done; exit 0"
    with subprocess.Popen(["/bin/sh", "-c", busy], cwd=place, stderr=subprocess.DEVNULL):
        reaper.remove(place)
    assert not place.exists()


def test_what_somebody_goes_on_writing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaper, "END_SECONDS", 0.3)
    place = tmp_path / "7"
    place.mkdir()

    def refuse(_: Path) -> None:
        raise OSError(errno.ENOTEMPTY, "Directory not empty")

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(CouldNotTell, match=r"cannot be removed: .*Directory not empty"):
        reaper.remove(place)


def test_a_link_out_of_the_directory_is_removed_and_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("precious")
    place = tmp_path / "7"
    place.mkdir()
    (place / "link").symlink_to(kept)
    reaper.remove(place)
    assert (kept / "file").read_text() == "precious"


def test_programs_that_are_no_drills_are_left_alone_even_in_its_directory(tmp_path: Path) -> None:
    sleeper = subprocess.Popen(["/bin/sleep", "60"], cwd=tmp_path)
    try:
        assert list(reaper.processes_in(tmp_path)) == []
    finally:
        sleeper.kill()
        sleeper.wait()


def test_the_shell_that_fetches_wal_is_a_drills_and_ends_with_it(tmp_path: Path) -> None:
    script = tmp_path / "restore_wal.sh"
    script.write_text("sleep 5\n:\n")
    fetching = subprocess.Popen(["/bin/sh", str(script), "000000010000000000000001", "pg_wal/RECOVERYXLOG"])
    deadline = time.monotonic() + 5
    while not list(reaper.processes_in(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.01)  # while it is being started it has no arguments yet
    try:
        reaper.end_processes(tmp_path)
        assert fetching.wait(5) == -signal.SIGKILL
    finally:
        fetching.kill()
        fetching.wait()
