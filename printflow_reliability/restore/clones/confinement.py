"""Where a clone may write: in its own directory and nowhere else, whatever its WAL, settings or functions say.

The kernel sees to it by the first means that the system gives: a mount namespace (root, or a user namespace), else
Landlock. Where there is neither, no place of production may be writable to the clone's user, or nothing is started.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.programs import ProgramFailed, Programs
from printflow_reliability.restore.production import Production

LAUNCHER = Path(__file__).with_name("confined.py")
MEANS = {"namespace": "a mount namespace", "landlock": "Landlock"}
"""In the order of preference: a namespace also hides what production has on the same host."""
UNIX_SOCKETS = Path("/proc/net/unix")
LISTENS = "00010000"
"""The flag of a listening socket there."""
TRY_SECONDS = 30.0
ONLY_THERE = """
touch "$0/.try" && rm "$0/.try" || exit 1
if touch "$1/.try" 2> /dev/null; then rm "$1/.try"; exit 1; fi
"""


@dataclass(frozen=True)
class Confinement:
    """How a clone is confined.

    Attributes:
        programs: runs programs that are.
        by: the means, for a person.
        by_kernel: whether the kernel sees to it; else only the places of production that were known are out of reach.
    """

    programs: Programs
    by: str
    by_kernel: bool = True


def confine(
    programs: Programs,
    place: Path,
    production: Production,
    *,
    also_writable: Sequence[Path] = (),
    reaching: bool = False,
) -> Confinement:
    """Find the means of this system.

    Args:
        programs: who runs them.
        place: the clone's directory, which exists and belongs to the user that programs run as.
        production: whose clone it is; what it has on this host is hidden where possible.
        also_writable: directories of tablespaces that a person has allowed.
        reaching: whether it has to reach a server of this host, so that nothing is hidden from it.

    Raises:
        Refused: there is no means, and the clone could write to a place of production.
    """
    writable = [os.path.realpath(path) for path in (place, *also_writable)]
    hidden = [path for path in _places_of(production) if not reaching and not _overlaps(path, writable)]
    if confined := _by_the_kernel(programs, place, writable, hidden, alone=False):
        return confined
    for path in _places_of(production):
        for known in (path, os.path.dirname(path)):  # noqa: PTH120 - paths of another host
            if known not in writable and _may_write(programs, known):
                raise Refused(
                    f"the clone of {production.cluster} could write to {known}, which is production's: this system "
                    "has neither mount namespaces nor Landlock for it",
                    "run printflow as root or with user namespaces allowed, or on a host without production",
                )
    return Confinement(programs, "permissions: no place of production is writable to it", by_kernel=False)


def confine_alone(programs: Programs, place: Path, installed: Path) -> Confinement:
    """Find the means of this system for a server that nobody but its client at a socket has to do with.

    It has no network, the sockets of this host are hidden from it, and it may end no process that it has not started.
    Without namespaces sockets stay in its reach; an old kernel (before 6.12) does not keep it from signals.

    Args:
        programs: who runs them.
        place: the server's directory, which exists and belongs to the user that programs run as.
        installed: the directory of the server's programs.

    Raises:
        CouldNotTell: there is no means.
    """
    writable = [os.path.realpath(place)]
    kept = [*writable, os.path.realpath(installed)]
    found = (_hideable(socket, kept) for socket in listening_sockets() if not _overlaps(socket, writable))
    if confined := _by_the_kernel(programs, place, writable, list(dict.fromkeys(found)), alone=True):
        return confined
    raise CouldNotTell(
        "what a dump holds cannot be confined here: this system has neither mount namespaces nor Landlock for it",
        "run printflow as root or with user namespaces allowed",
    )


def listening_sockets() -> Iterator[str]:
    """The paths of the Unix sockets of this host on which something listens."""
    with contextlib.suppress(OSError):
        for line in UNIX_SOCKETS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()[1:]:
            columns = line.split(maxsplit=7)
            if len(columns) == 8 and columns[3] == LISTENS and columns[7].startswith("/"):
                yield columns[7]


def _hideable(socket: str, kept: Sequence[str]) -> str:
    """The directory of a socket, so that one that is made anew there stays hidden; else the socket alone."""
    directory = os.path.dirname(os.path.realpath(socket))  # noqa: PTH120 - a path as the kernel tells it
    return socket if _overlaps(directory, kept) else directory


def _by_the_kernel(
    programs: Programs, place: Path, writable: Sequence[str], hidden: Sequence[str], *, alone: bool
) -> Confinement | None:
    """The first means that really keeps a program in its place; None if there is none."""
    identity = programs.identity()
    user = None if identity is None else [identity.uid, identity.gid, list(identity.groups)]
    for means, name in MEANS.items():
        request = {"means": means, "writable": writable, "hidden": hidden, "user": user, "alone": alone}
        # -I and -S: whatever the environment says, the launcher is all that is imported.
        launcher = (sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(request))
        confined = replace(programs, launcher=launcher)
        with contextlib.suppress(ProgramFailed):
            confined.run(["sh", "-c", ONLY_THERE, str(place), str(place.parent)], timeout=TRY_SECONDS)
            return Confinement(confined, name)
    return None


def _places_of(production: Production) -> Iterator[str]:
    """What production has on this host, if this is its host: data, tablespaces, WAL and its socket."""
    data = Path(production.data_directory or "/nonexistent")
    yield from (str(data), *(tablespace.path for tablespace in production.tablespaces))
    with contextlib.suppress(OSError):
        for link in (data / "pg_wal", *(data / "pg_tblspc").iterdir()):
            if link.is_symlink():
                yield os.path.realpath(link)
    with contextlib.suppress(OSError, IndexError):
        lines = (data / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        if lines[4]:
            yield f"{lines[4]}/.s.PGSQL.{lines[3]}"


def _overlaps(path: str, writable: Sequence[str]) -> bool:
    real = os.path.realpath(path)
    return any(
        directory == real or directory.startswith(f"{real}/") or real.startswith(f"{directory}/")
        for directory in writable
    )


def _may_write(programs: Programs, path: str) -> bool:
    """Whether the clone's user may; a directory for everybody, such as /tmp, protects what others own in it."""
    with contextlib.suppress(ProgramFailed):
        programs.run(["sh", "-c", 'test -w "$0" && ! test -k "$0"', path], timeout=TRY_SECONDS)
        return True
    return False
