"""What a drill that was killed leaves, and what is somebody else's."""

import subprocess
from pathlib import Path

from printflow_reliability.drills.clones import reaper


def test_only_marked_directories_are_removed(tmp_path: Path) -> None:
    killed, stranger = tmp_path / "7", tmp_path / "8"
    for place in (killed, stranger):
        (place / "live_db" / "data").mkdir(parents=True)
    (killed / reaper.MARKER).write_text("{}\n")
    assert reaper.reap(tmp_path) == (7,)
    assert not killed.exists()
    assert stranger.exists()
    assert reaper.reap(tmp_path / "nowhere") == ()


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
