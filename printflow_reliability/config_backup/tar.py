"""A tar archive as a stream: nothing of it touches a disk, and no more than one member is in memory."""

import tarfile
from collections.abc import Callable, Iterator

from printflow_reliability.config_backup.members import Kind, Member

TYPES = {Kind.FILE: tarfile.REGTYPE, Kind.DIRECTORY: tarfile.DIRTYPE, Kind.LINK: tarfile.SYMTYPE}
END = b"\0" * 2 * tarfile.BLOCKSIZE
"""What every archive ends with."""


class TarStream:
    """A tar archive of members, which is made as it is read."""

    def __init__(self, members: Iterator[Member], included: Callable[[Member], None]) -> None:
        """Args:
        members: what it will hold.
        included: hears of each member as it goes into the archive.
        """
        self._chunks = self._made(members, included)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most that many; none at the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = chunk
        if size < 0:
            data, self._rest = self._rest + b"".join(self._chunks), b""
        else:
            data, self._rest = self._rest[:size], self._rest[size:]
        return data

    @staticmethod
    def _made(members: Iterator[Member], included: Callable[[Member], None]) -> Iterator[bytes]:
        for member in members:
            included(member)
            yield header(member)
            if member.kind is Kind.FILE and member.content:
                yield member.content
                yield b"\0" * (-len(member.content) % tarfile.BLOCKSIZE)
        yield END


def header(member: Member) -> bytes:
    """The header of a member, in GNU's form, which keeps paths of any length and any bytes."""
    info = tarfile.TarInfo(member.path)
    info.type = TYPES[member.kind]
    info.mode, info.uid, info.gid = member.mode, member.uid, member.gid
    info.uname, info.gname = member.owner, member.group
    info.mtime = int(max(member.modified, 0))
    if member.kind is Kind.FILE:
        info.size = len(member.content)
    if member.kind is Kind.LINK:
        info.linkname = member.content.decode("utf-8", "surrogateescape")
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
