"""Writing the members of a copy into a directory, and never outside of it, whatever an archive holds.

age does not say who encrypted: an archive may be an intruder's. So a path that leads out is refused, nothing is written
through a link, and links are made last.
"""

import grp
import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from printflow_reliability.config_backup.manifest import Manifest
from printflow_reliability.config_backup.members import Kind, Member
from printflow_reliability.errors import ConfigError
from printflow_reliability.locked_objects.decryption import DamagedObject
from printflow_reliability.text import printable, storable

SAFE = 0o777
"""A restored file runs as nobody but who starts it."""


@dataclass(frozen=True)
class Extracted:
    """What was written; `unowned` counts the files that could not be given to their owners."""

    files: int
    bytes: int
    unowned: int


def require_inside(members: Iterable[Member], manifest: Manifest) -> None:
    """Refuse an archive before anything of it is written.

    Raises:
        DamagedObject: a path leads out of the directory, stands there twice, lies below a file or a link, or is not
            what the manifest names.
    """
    kinds: dict[PurePosixPath, Kind] = {}
    for member in members:
        path = PurePosixPath(member.path)
        named = printable(storable(member.path))
        if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in member.path:
            raise DamagedObject(f"the copy holds a path that leads out of the directory: {named}; nothing was written")
        if path in kinds:
            raise DamagedObject(f"the copy holds {named} twice; nothing was written")
        kinds[path] = member.kind
    if {storable(str(path)) for path in kinds} != {entry.path for entry in manifest.entries}:
        raise DamagedObject("the copy does not hold what its manifest names; nothing was written")
    for path in kinds:
        if any(kinds.get(parent, Kind.DIRECTORY) is not Kind.DIRECTORY for parent in path.parents):
            named = printable(storable(str(path)))
            raise DamagedObject(f"the copy holds {named}, which lies below a file or a link; nothing was written")


def extract(members: Iterable[Member], into: Path) -> Extracted:
    """Write members, which `require_inside` has let pass, into an empty directory of ours.

    Raises:
        ConfigError: this machine's file system refuses.
    """
    files = written = unowned = 0
    directories: list[Member] = []
    links: list[Member] = []
    for member in members:
        target = into / member.path
        if member.kind is Kind.LINK:
            links.append(member)
            continue
        with _Refusals(target):
            if member.kind is Kind.DIRECTORY:
                target.mkdir(mode=0o700, parents=True, exist_ok=True)
                directories.append(member)
                continue
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(member.content)
                unowned += not _give(file.fileno(), member)
                os.fchmod(file.fileno(), member.mode & SAFE)
            os.utime(target, (member.modified, member.modified))
            files, written = files + 1, written + len(member.content)
    for link in links:
        target = into / link.path
        with _Refusals(target):
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.symlink_to(os.fsdecode(link.content))
    for directory in reversed(directories):  # one that nobody may write to is closed last
        target = into / directory.path
        with _Refusals(target):
            descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                _give(descriptor, directory)
                os.fchmod(descriptor, directory.mode & (SAFE | stat.S_ISVTX | stat.S_ISGID))
            finally:
                os.close(descriptor)
    return Extracted(files, written, unowned)


class _Refusals:
    """Turns what the file system refuses into an error for a person."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, OSError):
            named = printable(storable(str(self._target)))
            raise ConfigError(
                f"{named} cannot be written: {error.strerror}", "make room, or name another directory"
            ) from None


def _give(descriptor: int, member: Member) -> bool:
    """Give what was written to its owner; whether it is his. Only root can."""
    if not member.owner and not member.uid:
        return True  # it was never a file of anybody's
    info = os.fstat(descriptor)
    uid, gid = _user(member), _group(member)
    if (info.st_uid, info.st_gid) == (uid, gid):
        return True
    if os.geteuid() != 0:
        return False
    os.fchown(descriptor, uid, gid)
    return True


def _user(member: Member) -> int:
    """A user of the same name here, or the same number where there is none."""
    try:
        return pwd.getpwnam(member.owner).pw_uid if member.owner else member.uid
    except KeyError:
        return member.uid


def _group(member: Member) -> int:
    try:
        return grp.getgrnam(member.group).gr_gid if member.group else member.gid
    except KeyError:
        return member.gid
