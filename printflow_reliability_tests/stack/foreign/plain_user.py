"""The plain users of the foreign platform: its servers and the product's commands run as these, never as root.

Root's own Python often lies below a home that nobody else may enter. Then what the interpreter needs, and nothing else
of that home, is shown at its usual path in a private mount namespace: the same code in a process without privileges.
"""

import os
import pwd
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

OWNER, READER = "nobody", "daemon"
"""Whom things run as where the tests run as root: users that every system has, and that no PostgreSQL package made."""
CHECKOUT = Path(__file__).parents[3]


@dataclass(frozen=True)
class PlainUser:
    """A user without privileges, in the group of the platform's owner; us, unless we are root."""

    name: str
    uid: int
    gid: int

    @classmethod
    def owner(cls) -> "PlainUser":
        """Who owns the servers, the data and the repository."""
        entry = pwd.getpwuid(os.geteuid()) if os.geteuid() else pwd.getpwnam(OWNER)
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    @classmethod
    def reader(cls) -> "PlainUser":
        """Who can read the owner's repository and not write it; the owner again, unless we are root."""
        owner = cls.owner()
        return owner if os.geteuid() else cls(READER, pwd.getpwnam(READER).pw_uid, owner.gid)

    def own(self, path: Path) -> Path:
        """Give a file or directory to the user; returns it."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)
        return path

    def command(self, argv: Sequence[str], *, dies_by: str | None = None) -> list[str]:
        """The command that runs a program as this user.

        Args:
            argv: the program and its arguments; python means the interpreter of these tests.
            dies_by: the signal that ends it when the process of the tests ends, however that ends.
        """
        program = [sys.executable if argv[0] == "python" else argv[0], *argv[1:]]
        options = [f"--pdeathsig={dies_by}"] if dies_by else []
        if os.geteuid():
            return ["setpriv", *options, "--", *program] if options else program
        options += [f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--inh-caps=-all"]
        return [*_shown(_hidden()), "setpriv", *options, "--", *program]


def _hidden() -> dict[Path, list[Path]]:
    """What the interpreter needs of directories that only root can enter, by the outermost such directory."""
    found: dict[Path, list[Path]] = {}
    for needed in {Path(sys.base_prefix), Path(sys.prefix), CHECKOUT}:
        for parent in reversed(needed.resolve().parents):
            if not parent.stat().st_mode & 0o001:
                found.setdefault(parent, []).append(needed.resolve())
                break
    return found


def _shown(hidden: dict[Path, list[Path]]) -> list[str]:
    """The beginning of a command that shows these, read-only, in a mount namespace of its own."""
    if not hidden:
        return []
    lines = ["set -e", "mount -t tmpfs -o mode=0755,size=1m tmpfs /mnt"]
    for number, (closed, needed) in enumerate(hidden.items()):
        for path in needed:
            place = shlex.quote(f"/mnt/{number}/{path.relative_to(closed)}")
            lines += [f"(umask 022; mkdir -p {place})", f"mount --bind -o ro {shlex.quote(str(path))} {place}"]
        lines.append(f"mount --rbind /mnt/{number} {shlex.quote(str(closed))}")
    # Lazily, since what is shown goes on being used from its usual path.
    lines += ["umount --lazy /mnt", 'exec "$@"']
    return ["unshare", "--mount", "--propagation=private", "sh", "-c", "\n".join(lines), "plain-user"]
