"""Files of this machine as they get into a copy: whole, with permissions, links as links, and nothing in silence."""

import os
from pathlib import Path

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.config_backup import local_files as module
from printflow_reliability.config_backup.local_files import local_files, member_path
from printflow_reliability.config_backup.members import Kind, Member, Trouble


def copied(*paths: Path) -> tuple[dict[str, Member], list[Trouble]]:
    """What of these paths is copied, by its path, and what is not."""
    members: dict[str, Member] = {}
    troubles = []
    for part in local_files(paths):
        if isinstance(part, Trouble):
            troubles.append(part)
        else:
            assert part.path not in members
            members[part.path] = part
    return members, troubles


def at(path: Path) -> str:
    return member_path(str(path))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def test_a_directory_is_copied_whole_with_permissions_and_those_above_it(place: Path) -> None:
    secret = place / "etc" / "app" / "key"
    secret.parent.mkdir(parents=True)
    secret.write_bytes(b"\0key")
    secret.chmod(0o640)
    secret.parent.chmod(0o750)
    (place / "etc" / "beside").write_text("not asked for")

    members, troubles = copied(place / "etc" / "app")

    assert troubles == []
    assert (members[at(secret)].content, members[at(secret)].mode) == (b"\0key", 0o640)
    assert members[at(secret.parent)].mode == 0o750
    assert members[at(place)].kind is Kind.DIRECTORY
    assert at(place / "etc" / "beside") not in members


def test_links_are_kept_and_the_files_that_they_lead_to_are_copied(place: Path) -> None:
    target = place / "archive" / "key1.pem"
    target.parent.mkdir()
    target.write_text("key")
    live = place / "live"
    live.mkdir()
    (live / "key.pem").symlink_to("../archive/key1.pem")
    (live / "loop").symlink_to("loop")
    (live / "gone").symlink_to("nowhere")
    (live / "everything").symlink_to("/")

    members, troubles = copied(live)

    assert troubles == []
    assert members[at(live / "key.pem")].content == b"../archive/key1.pem"
    assert members[at(target)].content == b"key"
    assert {members[at(live / name)].kind for name in ("loop", "gone", "everything")} == {Kind.LINK}
    assert len(members) < 30


@pytest.mark.parametrize("named", ["current", "current/.env"])
def test_a_path_through_a_link_is_copied_where_it_really_is_with_the_link(place: Path, named: str) -> None:
    release = place / "release 7"
    release.mkdir()
    (release / ".env").write_text("APP_KEY=x")
    (place / "current").symlink_to(release)

    members, troubles = copied(place / named)

    assert troubles == []
    assert members[at(place / "current")].kind is Kind.LINK
    assert members[at(release / ".env")].content == b"APP_KEY=x"
    assert at(place / "current" / ".env") not in members


def test_every_directory_above_a_file_is_there_so_that_putting_it_back_changes_none(place: Path) -> None:
    """`cp -a files/. /` gives the root directory, and all below it, the permissions that the copy has."""
    release = place / "release"
    release.mkdir(mode=0o711)
    (release / ".env").write_text("x")
    (place / "etc").mkdir()
    (place / "etc" / "current").symlink_to(release)

    members, troubles = copied(place / "etc", place / "etc" / "current" / ".env")

    assert troubles == []
    for path in (release, *release.parents):
        assert members[at(path)].mode == path.stat().st_mode & 0o7777
    assert members["files"].kind is Kind.DIRECTORY


@pytest.mark.parametrize("links", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b/a", "b": "a/b"}])
def test_links_that_lead_nowhere_end_nowhere(place: Path, links: dict[str, str]) -> None:
    for name, target in links.items():
        (place / name).symlink_to(target)
    _, troubles = copied(place / "a" / "below", place)
    assert len(troubles) == 1


def test_what_is_named_twice_is_copied_once(place: Path) -> None:
    (place / "a").mkdir()
    (place / "a" / "b").write_text("b")
    assert at(place / "a" / "b") in copied(place / "a" / "b", place / "a", place, place / "a" / "b")[0]


def test_what_is_no_file_is_left_out_and_holds_nothing_up(place: Path) -> None:
    os.mkfifo(place / "pipe")
    (place / "file").write_text("x")
    members, troubles = copied(place)
    assert (at(place / "file") in members, at(place / "pipe") in members, troubles) == (True, False, [])


def test_names_of_any_bytes_are_kept(place: Path) -> None:
    name = os.fsencode(place) + b"/\xff\nkey"
    Path(os.fsdecode(name)).write_text("x")
    members, troubles = copied(place)
    assert troubles == []
    assert os.fsencode(next(path for path in members if path.endswith("key"))).endswith(b"/\xff\nkey")


def test_what_is_missing_or_too_large_is_named_and_the_rest_is_copied(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_FILE", 10)
    (place / "large").write_bytes(b"x" * 11)
    (place / "small").write_bytes(b"x" * 10)
    (place / "link").symlink_to("nowhere")

    members, troubles = copied(place / "missing", place, place / "link" / "below")

    assert at(place / "small") in members
    assert [(trouble.path, trouble.outcome, trouble.absent) for trouble in troubles] == [
        (at(place / "missing"), Outcome.FAIL, True),
        (at(place / "large"), Outcome.FAIL, False),
        (at(place / "nowhere" / "below"), Outcome.FAIL, True),
    ]
    assert "has 11 bytes" in troubles[1].why


def test_a_link_that_a_person_named_must_lead_somewhere(place: Path) -> None:
    (place / "current").symlink_to("nowhere")
    _, troubles = copied(place / "current")
    assert ["leads to" in trouble.why for trouble in troubles] == [True]


def test_more_than_a_configuration_ever_has_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 3)
    for number in range(9):
        (place / str(number)).write_text("x")
    members, troubles = copied(place)
    assert len([member for member in members.values() if member.kind is Kind.FILE]) < 9
    assert "holds more than 3 files" in troubles[0].why


def test_what_cannot_be_read_is_named() -> None:
    members, troubles = copied(Path("/proc/self/mem"))  # not even by root
    assert ["Input/output error" in trouble.why for trouble in troubles] == [True]
    assert not any(member.kind is Kind.FILE for member in members.values())
