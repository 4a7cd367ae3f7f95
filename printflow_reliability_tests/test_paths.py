"""What is at a path, and what cannot be told of it."""

from pathlib import Path

import pytest

from printflow_reliability.paths import is_directory, is_there
from printflow_reliability.restore.reaper import drills_in


def unseen(directory: Path, how: str) -> Path:
    """A path of which nobody can tell what is there."""
    if how == "a name that is too long":
        return directory / ("a" * 5000)
    loop = directory / "loop"
    loop.symlink_to(loop)
    return loop if how == "a loop of links" else loop / "below"


@pytest.mark.parametrize("how", ["a name that is too long", "a loop of links", "below a loop of links"])
@pytest.mark.parametrize("question", [is_there, is_directory, drills_in])
def test_what_cannot_be_seen_is_not_said_to_be_missing(tmp_path: Path, how: str, question: object) -> None:
    assert callable(question)
    with pytest.raises(OSError, match=r"too long|symbolic links"):
        question(unseen(tmp_path, how))


def test_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "none")
    seen = {name: (is_there(tmp_path / name), is_directory(tmp_path / name)) for name in ("", "file", "link")}
    assert seen == {"": (True, True), "file": (True, False), "link": (True, True)}
    for name in ("none", "none/below", "file/below", "nowhere"):
        assert (is_there(tmp_path / name), is_directory(tmp_path / name)) == (False, False)
