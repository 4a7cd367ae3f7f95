"""Files of this machine, with their permissions: read as they are, links kept as links, nothing left out in silence."""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from printflow_reliability.checks import Outcome
from printflow_reliability.config_backup.members import FILES, Kind, Member, Parts, Trouble
from printflow_reliability.text import printable

LARGEST_FILE = 64 * 1024**2
"""Bytes; one file is in memory as a whole."""
MOST_FILES = 100_000
"""Of one path: more is no configuration, and was hardly meant."""
ATTEMPTS = 3
"""How often a file that changes while it is read is read again."""


def local_files(paths: Iterable[Path]) -> Parts:
    """Files and directories by their absolute paths, each once, with the directories above them.

    Links are kept, and the files that they lead to are copied too.
    """
    done: set[str] = set()
    for path in paths:
        yield from _placed(os.path.abspath(path), done, named=True)  # noqa: PTH100 - a link stays the link that it is


def read_file(path: str, member_path: str) -> Member | Trouble:
    """One file, whole, and as it was at one moment."""
    try:
        for _ in range(ATTEMPTS):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                before = os.fstat(file.fileno())
                if not stat.S_ISREG(before.st_mode):
                    return Trouble(member_path, Outcome.FAIL, f"{printable(path)} is no file any more")
                if before.st_size > LARGEST_FILE:
                    return _too_large(path, member_path, before.st_size)
                content = file.read(LARGEST_FILE + 1)
                after = os.fstat(file.fileno())
            if len(content) > LARGEST_FILE:
                return _too_large(path, member_path, len(content))
            unchanged = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
            if unchanged and len(content) == after.st_size:
                return _member(member_path, Kind.FILE, content, after)
    except OSError as refused:
        return _unreadable(path, member_path, refused)
    return Trouble(member_path, Outcome.UNKNOWN, f"{printable(path)} changed each time it was read")


def _placed(path: str, done: set[str], *, named: bool) -> Parts:
    """A path with everything below it, after the directories above it; a link among these is kept as one."""
    above, name = os.path.split(path)
    yield from _above(above, done)
    yield from _tree(os.path.join(os.path.realpath(above), name), done, named=named)  # noqa: PTH118 - of any bytes


def _above(path: str, done: set[str]) -> Parts:
    """A directory and those above it, with their permissions and nothing of what else is in them.

    Whoever puts files back in their places gives these the permissions of the copy, the root directory first of all.
    """
    parent, name = os.path.split(path)
    if name:
        yield from _above(parent, done)
    real = os.path.join(os.path.realpath(parent), name)  # noqa: PTH118 - of any bytes
    with suppress(OSError):  # whoever looks for the file itself says so
        info = os.lstat(real)
        if stat.S_ISLNK(info.st_mode):
            if real not in done:
                done.add(real)
                yield _member(member_path(real), Kind.LINK, os.fsencode(os.readlink(real)), info)  # noqa: PTH115
            target = os.path.realpath(real)
            if os.path.isdir(target):  # noqa: PTH112 - of any bytes; a loop leads nowhere
                yield from _above(target, done)
        elif _itself(real) not in done:
            done.add(_itself(real))
            yield _member(member_path(real), Kind.DIRECTORY, b"", info)


def _itself(directory: str) -> str:
    """How it is noted that a directory's own entry is in the archive, whatever of its content is."""
    return f"{directory}/"


def _tree(path: str, done: set[str], *, named: bool) -> Parts:
    """A path and everything below it; a link that a person named is followed."""
    entries = 0
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current in done:
            continue
        done.add(current)
        entries += 1
        where = member_path(current)
        if entries > MOST_FILES:
            yield Trouble(where, Outcome.FAIL, f"{printable(path)} holds more than {MOST_FILES:,} files: name less")
            return
        try:
            info = os.lstat(current)
            if stat.S_ISLNK(info.st_mode):
                target = os.readlink(current)  # noqa: PTH115 - as it is written
                yield _member(where, Kind.LINK, os.fsencode(target), info)
                yield from _led_to(current, where, done, named=named and current == path)
            elif stat.S_ISDIR(info.st_mode):
                names = sorted(os.listdir(current), reverse=True)  # noqa: PTH208 - names alone
                if _itself(current) not in done:
                    done.add(_itself(current))
                    yield _member(where, Kind.DIRECTORY, b"", info)
                waiting += [os.path.join(current, name) for name in names]  # noqa: PTH118 - of any bytes
            elif stat.S_ISREG(info.st_mode):
                yield read_file(current, where)
        except OSError as refused:
            yield _unreadable(current, where, refused)


def _led_to(link: str, where: str, done: set[str], *, named: bool) -> Parts:
    """What a link leads to: a file is copied as well, a directory only if a person named the link."""
    target = os.path.realpath(link)
    if os.path.isfile(target) or (named and os.path.isdir(target)):  # noqa: PTH112, PTH113 - of any bytes
        yield from _placed(target, done, named=False)
    elif named:
        yield Trouble(where, Outcome.FAIL, f"{printable(link)} leads to {printable(target)}, which is not there")


def member_path(path: str) -> str:
    """Where a file of this machine lies in the archive."""
    return FILES + path.rstrip("/") if path != "/" else FILES


def _member(path: str, kind: Kind, content: bytes, info: os.stat_result) -> Member:
    return Member(
        path,
        kind,
        content,
        mode=stat.S_IMODE(info.st_mode),
        uid=info.st_uid,
        gid=info.st_gid,
        owner=next(_names(info.st_uid, of_group=False), ""),
        group=next(_names(info.st_gid, of_group=True), ""),
        modified=info.st_mtime,
    )


def _names(number: int, *, of_group: bool) -> Iterator[str]:
    """The name of a user or a group, where this machine knows one."""
    try:
        yield grp.getgrgid(number).gr_name if of_group else pwd.getpwuid(number).pw_name
    except (KeyError, OverflowError):
        return


def _unreadable(path: str, where: str, refused: OSError) -> Trouble:
    if refused.errno in (errno.ENOENT, errno.ENOTDIR):
        return Trouble(where, Outcome.FAIL, f"{printable(path)} is not there", absent=True)
    return Trouble(where, Outcome.FAIL, f"{printable(path)} cannot be read: {refused.strerror}")


def _too_large(path: str, where: str, size: int) -> Trouble:
    limit = f"{LARGEST_FILE:,}"
    return Trouble(
        where, Outcome.FAIL, f"{printable(path)} has {size:,} bytes; files of more than {limit} are not copied"
    )
