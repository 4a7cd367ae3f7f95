"""An archive becomes a directory again, and never anything outside of it, whoever made the archive."""

import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from printflow_reliability.config_backup.archive import Opened
from printflow_reliability.config_backup.extraction import extract, require_inside
from printflow_reliability.config_backup.members import Kind, Member
from printflow_reliability.config_backup.tar import TarStream
from printflow_reliability.locked_objects.decryption import DamagedObject
from printflow_reliability_tests.config_backup.copies import ENV, NGINX, manifest

LINK = Member("files/etc/app", Kind.LINK, b"/srv/app", mode=0o777)
DIRECTORY = Member("files/srv/app", Kind.DIRECTORY, mode=0o750)
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=150)


def tar_of(*members: Member, size: int = -1) -> bytes:
    """An archive of them, read in pieces of that size."""
    stream = TarStream(iter(members), lambda _: None)
    found = b""
    while piece := stream.read(size):
        found += piece
    return found


def opened(archive: bytes, archive_bytes: int | None = None) -> Opened:
    """An archive as it is read after its decryption."""
    sent = len(archive) if archive_bytes is None else archive_bytes
    return Opened(manifest(archive_bytes=sent), io.BytesIO(zstandard.compress(archive)))


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, st.binary(max_size=2000)), max_size=5), st.integers(1, 5000))
def test_whatever_goes_into_an_archive_comes_out_again(files: list[tuple[str, bytes]], size: int) -> None:
    members = [Member(f"files/{n}/{name}", Kind.FILE, content) for n, (name, content) in enumerate(files)]
    archive = tar_of(*members, size=size)
    assert archive == tar_of(*members)
    found = list(opened(archive).members())
    assert [(member.path, member.content) for member in found] == [(m.path, m.content) for m in members]


def test_tar_itself_reads_it(tmp_path: Path) -> None:
    odd = Member("files/" + "long" * 60 + "/\udcff\n", Kind.FILE, b"odd", mode=0o604)
    subprocess.run(["/bin/tar", "-xp"], input=tar_of(ENV, LINK, odd), cwd=tmp_path, check=True)
    assert (tmp_path / ENV.path).read_bytes() == ENV.content
    assert (tmp_path / LINK.path).readlink() == Path("/srv/app")
    assert stat.S_IMODE((tmp_path / odd.path).stat().st_mode) == 0o604


def test_permissions_links_and_times_are_as_they_were(tmp_path: Path) -> None:
    user = replace(ENV, owner="", group="", uid=os.geteuid(), gid=os.getegid(), mode=0o4640, modified=86400.0)
    mine = replace(DIRECTORY, owner="", uid=os.geteuid(), gid=os.getegid())
    copy = opened(tar_of(mine, user, LINK))
    done = extract(copy.members(), tmp_path)
    found = (tmp_path / ENV.path).stat()
    assert (done.files, done.bytes, done.unowned) == (1, len(ENV.content), 0)
    assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o640, 86400.0)  # nothing runs as its owner
    assert stat.S_IMODE((tmp_path / DIRECTORY.path).stat().st_mode) == 0o750
    assert (tmp_path / LINK.path).readlink() == Path("/srv/app")


HOSTILE = {
    "up and out": ([replace(NGINX, path="files/../../outside")], "leads out"),
    "absolute": ([replace(NGINX, path="/outside")], "leads out"),
    "nothing": ([replace(NGINX, path=".")], "leads out"),
    "through a link": (
        [replace(LINK, content=b"/"), replace(NGINX, path=f"{LINK.path}/outside")],
        "below a file or a link",
    ),
    "through a link, the other way round": (
        [replace(NGINX, path=f"{LINK.path}/outside"), replace(LINK, content=b"/")],
        "below a file or a link",
    ),
    "below a file": ([NGINX, replace(ENV, path=f"{NGINX.path}/x")], "below a file or a link"),
    "twice": ([NGINX, replace(NGINX, content=b"other")], "twice"),
    "a link over a file": ([NGINX, replace(LINK, path=NGINX.path)], "twice"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_an_archive_that_would_write_elsewhere_is_refused_before_anything_is_written(kind: str) -> None:
    members, said = HOSTILE[kind]
    copy = opened(tar_of(*members))
    with pytest.raises(DamagedObject, match=said):
        require_inside(copy.members(), manifest(*members))


def test_an_archive_that_holds_something_else_than_its_manifest_is_refused() -> None:
    with pytest.raises(DamagedObject, match="what its manifest names"):
        require_inside([NGINX], manifest(NGINX, ENV))


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.BLKTYPE])
def test_what_no_copy_of_ours_holds_is_refused(kind: bytes) -> None:
    info = tarfile.TarInfo("files/x")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(DamagedObject, match="no copy of ours"):
        list(opened(info.tobuf() + b"\0" * 1024).members())


@pytest.mark.parametrize(
    "change",
    [lambda archive: archive[:700], lambda archive: archive + b"\0" * 512, lambda archive: b"x" * len(archive)],
    ids=["cut off", "longer", "something else"],
)
def test_an_archive_that_is_not_what_was_sent_is_damaged(change: Callable[[bytes], bytes]) -> None:
    archive = tar_of(ENV, NGINX)
    with pytest.raises(DamagedObject):
        list(opened(change(archive), archive_bytes=len(archive)).members())


def test_what_is_not_compressed_is_damaged() -> None:
    with pytest.raises(DamagedObject, match="cannot be read"):
        list(Opened(manifest(), cast(IO[bytes], io.BytesIO(b"no frame of zstd"))).members())


def test_a_link_is_never_followed_when_it_stands_where_a_file_shall_be(tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "files").symlink_to(tmp_path)
    copy = opened(tar_of(replace(NGINX, path="files")))
    with pytest.raises(Exception, match="cannot be written"):
        extract(copy.members(), tmp_path / "into")
    assert not (tmp_path / "nginx.conf").exists()
