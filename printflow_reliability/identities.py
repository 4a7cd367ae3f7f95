"""Whom programs run as where we are root, and how one of them is started as somebody else."""

import errno
import os
import pwd
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from printflow_reliability.errors import ConfigError

SETPRIV_SAYS = re.compile(r"setpriv: (?:failed to execute .*: )?(.+)")
"""What it says of its own, ending with 126 or 127, where it could not become the program."""


@dataclass(frozen=True)
class Identity:
    """An OS user by number, with all groups: a repository or a certificate may be readable by one of them alone."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


def identity_of(run_as: str) -> Identity | None:
    """Whom programs run as that should run as this user; None when that is simply us, who may not become another.

    Raises:
        ConfigError: there is no such user.
    """
    if os.geteuid() != 0:
        return None
    try:
        user = pwd.getpwnam(run_as)
    except KeyError:
        raise ConfigError(
            f'programs.run_as: there is no user "{run_as}" here, and PostgreSQL does not run as root',
            "name an unprivileged user, such as postgres",
        ) from None
    return Identity(user.pw_uid, user.pw_gid, tuple(os.getgrouplist(user.pw_name, user.pw_gid)))


def setpriv(identity: Identity) -> tuple[str, ...]:
    """What becomes a user and then the program; nothing where it is not installed (BusyBox's cannot change the user).

    Where Python changes the user itself, it forks: that copies the page tables of a process of several hundred MB.
    """
    program = shutil.which("setpriv", path=os.defpath)
    if program is None or Path(program).resolve().name != "setpriv":
        return ()
    groups = ",".join(map(str, identity.groups))
    return (
        program,
        f"--reuid={identity.uid}",
        f"--regid={identity.gid}",
        f"--groups={groups}" if groups else "--clear-groups",
    )


def started_as(run_as: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """How a program is started as this user: what its argument list begins with, and options of `subprocess`."""
    if (identity := identity_of(run_as)) is None:
        return (), {}
    if launcher := setpriv(identity):
        return launcher, {}
    return (), {"user": identity.uid, "group": identity.gid, "extra_groups": identity.groups}


def refused_by_setpriv(exit_code: int, said: str) -> OSError | None:
    """Why setpriv could not become the program; None where it did."""
    if exit_code not in (126, 127) or (refused := SETPRIV_SAYS.match(said)) is None:
        return None
    return (FileNotFoundError if refused[1] == os.strerror(errno.ENOENT) else OSError)(0, refused[1])
