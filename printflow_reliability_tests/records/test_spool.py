"""The spool: what was appended is there after a crash, whatever the disk does; two processes never share it."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from printflow_reliability.errors import ConfigError, CouldNotTell, LockHeld
from printflow_reliability.records import spool as module
from printflow_reliability.records.spool import LINES, Spool, entry

MOST = 100_000


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool", MOST)
    yield opened
    opened.close()


def lines(tmp_path: Path) -> Path:
    return tmp_path / "spool" / LINES


def test_what_was_appended_is_read_in_order_also_by_the_next_process(tmp_path: Path, spool: Spool) -> None:
    spool.append([entry("lifted", order="1"), entry("resolved", key="order:1\nÄ")])
    spool.append([entry("lifted", order="2")])
    spool.close()
    again = Spool(tmp_path / "spool", MOST)

    assert [found.get("order", found.get("key")) for found in again.read()] == ["1", "order:1\nÄ", "2"]
    assert len({found["id"] for found in again.read()}) == 3
    again.close()
    spool._lock = os.open(tmp_path, os.O_RDONLY)  # for the fixture to close


def test_nobody_else_can_read_it(tmp_path: Path, spool: Spool) -> None:
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0


def test_a_second_process_is_told_who_has_it(tmp_path: Path, spool: Spool) -> None:
    with pytest.raises(LockHeld, match="another printflow watch has the spool"):
        Spool(tmp_path / "spool", MOST)


def test_a_line_that_a_crash_cut_off_is_gone_and_harms_no_other(tmp_path: Path, spool: Spool) -> None:
    spool.append([entry("lifted", order="1")])
    with lines(tmp_path).open("ab") as file:
        file.write(b'{"id": "7", "kind": "he')
    assert [found["order"] for found in spool.read()] == ["1"]
    spool.append([entry("lifted", order="2")])
    assert [found["order"] for found in spool.read()] == ["1", "2"]


@pytest.mark.parametrize("damage", [b"\x00\xff\n", b"[]\n", b"7\n", b'{"kind": "held"}\n', b"[" * 50_000 + b"\n"])
def test_a_damaged_line_is_left_out_and_kept_aside_when_the_spool_is_emptied(
    tmp_path: Path, spool: Spool, damage: bytes
) -> None:
    spool.append([entry("lifted", order="1")])
    with lines(tmp_path).open("ab") as file:
        file.write(damage)
    spool.append([entry("lifted", order="2")])
    assert [found["order"] for found in spool.read()] == ["1", "2"]
    spool.clear()

    assert spool.read() == []
    (aside,) = (tmp_path / "spool").glob("damaged-*")
    assert damage in aside.read_bytes()


def test_an_emptied_spool_is_empty_and_takes_more(tmp_path: Path, spool: Spool) -> None:
    spool.clear()
    spool.append([entry("lifted", order="1")])
    spool.clear()
    assert spool.read() == []
    assert not lines(tmp_path).exists()
    spool.append([entry("lifted", order="2")])
    assert [found["order"] for found in spool.read()] == ["2"]


def test_a_full_spool_says_how_large_it_is_and_takes_all_or_nothing(tmp_path: Path, spool: Spool) -> None:
    spool.append([entry("lifted", order="1")])
    with pytest.raises(CouldNotTell, match=r"is full: it holds \d+ B of watch.spool_bytes \(100 kB\)"):
        spool.append([entry("lifted", order="2"), entry("lifted", order="x" * MOST)])
    assert [found["order"] for found in spool.read()] == ["1"]
    spool.append([entry("lifted", order="3")])
    assert [found["order"] for found in spool.read()] == ["1", "3"]


def test_a_disk_that_is_full_in_the_middle_leaves_no_torn_line(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append([entry("lifted", order="1")])
    write = os.write

    def half(file: int, text: bytes) -> int:
        if len(text) < 40:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, text[: len(text) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(CouldNotTell, match="cannot be written: No space left on device"):
            spool.append([entry("lifted", order="2")])
    spool.append([entry("lifted", order="3")])
    assert [found["order"] for found in spool.read()] == ["1", "3"]


DISK = [errno.EROFS, errno.EACCES, errno.EIO, errno.ENOSPC]


@pytest.mark.parametrize("number", DISK)
@pytest.mark.parametrize("call", ["rename", "unlink", "read_bytes"])
def test_a_disk_that_refuses_is_said_and_no_defect(
    spool: Spool, number: int, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    spool.append([entry("lifted", order="1")])
    monkeypatch.setattr(Path, call, refuse)
    with pytest.raises(CouldNotTell, match=f"cannot be emptied: {os.strerror(number)}"):
        spool.clear(refused=call == "rename")
    if call == "read_bytes":
        with pytest.raises(CouldNotTell, match="cannot be read"):
            spool.read()


def test_a_link_that_leads_elsewhere_is_not_followed(tmp_path: Path, spool: Spool) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("theirs")
    for name in (LINES, f"{module.NOTE}.new"):
        (tmp_path / "spool" / name).symlink_to(elsewhere)
    with pytest.raises(CouldNotTell, match="cannot be written"):
        spool.append([entry("lifted", order="1")])
    spool.note({"told": []})
    assert elsewhere.read_text() == "theirs"


def test_its_files_are_their_owners_alone_also_in_a_directory_of_everybodys(tmp_path: Path, spool: Spool) -> None:
    spool.append([entry("lifted", order="1")])
    spool.note({"told": []})
    assert [file.name for file in (tmp_path / "spool").iterdir() if file.stat().st_mode & 0o077] == []


def test_it_is_on_the_disk_before_anybody_acts_on_it(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    spool.append([entry("lifted", order="1")])
    assert len(synced) == 2  # the file, and the directory that has it since now
    spool.append([entry("lifted", order="2")])
    assert len(synced) == 3


def test_a_directory_that_cannot_be_is_the_configurations_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"watch\.spool_directory: .* cannot be written"):
        Spool(tmp_path / "file" / "spool", MOST)


def test_a_note_replaces_the_last_one_and_a_broken_one_is_none(tmp_path: Path, spool: Spool) -> None:
    assert spool.noted() == {}
    spool.note({"told": ["1"]})
    spool.note({"told": ["2"]})
    assert spool.noted() == {"told": ["2"]}
    (tmp_path / "spool" / module.NOTE).write_text("{")
    assert spool.noted() == {}
