"""Where a sandbox may live."""

import json
import os
import tempfile
from pathlib import Path

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.identities import Identity
from printflow_reliability.sandbox import home as homes
from printflow_reliability.sandbox.home import MARKER, SandboxHome, reachable, write

NOBODY = Identity(65534, 65534)


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Servers run as another user; says where root's sandboxes go instead."""
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setattr(homes, "ELSEWHERE", elsewhere)
    monkeypatch.setattr("printflow_reliability.programs.Programs.identity", lambda _: NOBODY)
    monkeypatch.setattr("printflow_reliability.programs.Programs.own", lambda _, __: None)
    return elsewhere


@pytest.fixture
def without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers run as ourselves."""
    monkeypatch.setattr("printflow_reliability.programs.Programs.identity", lambda _: None)


def test_the_environment_moves_it() -> None:
    assert SandboxHome.locate({"PRINTFLOW_HOME": "/srv/pf"}, Path("/home/me")).wished == Path("/srv/pf")
    assert SandboxHome.locate({}, Path("/home/me")).wished == Path("/home/me/.sandbox")


@pytest.mark.usefixtures("without_root")
def test_a_path_too_long_for_sockets_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="too long a path") as refused:
        SandboxHome.at(tmp_path / ("x" * 60))
    assert "PRINTFLOW_HOME=" in refused.value.next_step


def test_below_a_closed_directory_it_lives_elsewhere_behind_a_symlink(as_root: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "sb").mkdir()  # an empty one is replaced
    home = SandboxHome.at(closed / "sb")
    home.create()
    assert home.root.parent == as_root
    assert home.wished.is_symlink()
    assert SandboxHome.at(closed / "sb") == home
    home.remove()
    assert not home.root.exists()
    assert not home.wished.is_symlink()


def test_something_else_in_its_place_is_left_alone(as_root: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").touch()
    home = SandboxHome.at(precious)
    with pytest.raises(ConfigError, match="is not a sandbox"):
        home.create()
    with pytest.raises(ConfigError, match="nothing was removed"):
        home.remove()
    assert [path.name for path in precious.iterdir()] == ["thesis.txt"]


def test_a_place_where_the_very_first_step_was_killed_is_taken_up(as_root: Path, tmp_path: Path) -> None:
    home = SandboxHome.at(tmp_path / "sb")
    home.root.mkdir(parents=True)
    (home.root / f".{MARKER}.partial").write_text("{")
    home.create()
    assert home.exists


@pytest.mark.usefixtures("without_root")
def test_directories_are_right_whatever_the_umask() -> None:
    # pytest's own directories are too long for sockets.
    with tempfile.TemporaryDirectory(prefix="pf-") as directory:
        home = SandboxHome.at(Path(directory) / "deep" / "sb")
        before = os.umask(0o077)
        try:
            home.create()
        finally:
            os.umask(before)
        modes = {name: home.path(name).stat().st_mode & 0o777 for name in ("secrets", "bin", "sockets", "drills")}
        assert modes == {"secrets": 0o700, "bin": 0o755, "sockets": 0o700, "drills": 0o711}
        assert home.root.stat().st_mode & 0o777 == 0o755
        assert json.loads(home.path(MARKER).read_text())["wished"] == str(home.wished)


def test_one_closed_directory_on_the_way_makes_a_place_unreachable(tmp_path: Path) -> None:
    open_place = tmp_path / "closed" / "open"
    open_place.mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    assert not reachable(open_place, NOBODY)
    assert not reachable(open_place / "not" / "there" / "yet", NOBODY)
    assert reachable(Path("/usr/bin"), NOBODY)


def test_a_file_is_replaced_in_one_step_and_never_readable_by_others(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    write(file, "one\n", mode=0o600)
    write(file, "two\n", mode=0o600)
    assert file.read_text() == "two\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]
