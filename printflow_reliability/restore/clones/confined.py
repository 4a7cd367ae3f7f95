"""Starts a program that can write nowhere but in a clone's directory: `python confined.py JSON PROGRAM ARGUMENT...`.

JSON: `means` ("namespace" or "landlock"), `writable` and `hidden` (paths), `user` ([uid, gid, groups] or null), `alone`
(whether it also has no network, and may send no signal to what was started otherwise).
It is run by its path and imports nothing of ours: a process of several threads may not enter a user namespace.
"""

import contextlib
import ctypes
import json
import os
import re
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWIPC, CLONE_NEWNET = 0x20000, 0x10000000, 0x8000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
KEPT = {"nosuid": MS_NOSUID, "nodev": MS_NODEV, "noexec": MS_NOEXEC}
"""A user namespace may not take these from a mount, so that making it read-only must repeat them."""
PR_SET_NO_NEW_PRIVS = 38
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
"""The same numbers on every architecture."""
WRITES = {1: 0b1_1111_1111_0010, 2: 1 << 13, 3: 1 << 14}
"""Rights to write, remove, make, then to move and to truncate, by the version of Landlock that first knew them."""
FILE_WRITES = 0b10 | 1 << 14
TCP, SCOPES = 0b11, 0b11
"""To bind and to connect; abstract Unix sockets, and signals."""
KNOWS_TCP, KNOWS_SCOPES = 4, 6
"""The versions of Landlock that first knew them."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/tty")
FAILED = 125
NO_PROGRAM = 127
LIBC = ctypes.CDLL(None, use_errno=True)


def main(request: Mapping[str, Any], argv: Sequence[str]) -> NoReturn:
    """Confine this process, become the user, and turn into the program."""
    try:
        if request["means"] == "namespace":
            _enter_namespace(request["writable"], request["hidden"], alone=request["alone"])
            os.chdir(Path.cwd())  # until then it is below the mount that is read-only now
        if request["user"] is not None:
            uid, gid, groups = request["user"]
            os.setgroups(groups)
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
        # No sudo and the like: it would not be bound by a mount that root may change.
        _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if request["means"] == "landlock":
            _enter_landlock(request["writable"], alone=request["alone"])
        elif request["alone"]:
            _leave_others_alone()
    except OSError as refused:
        _say(f"this system cannot confine a clone by {request['means']}: {refused}")
        sys.exit(FAILED)
    try:
        os.execvp(argv[0], list(argv))  # noqa: S606 - there is no shell on purpose
    except OSError as missing:
        _say(f"{argv[0]} cannot be run: {missing.strerror}")
        sys.exit(NO_PROGRAM)


def _enter_namespace(writable: Sequence[str], hidden: Sequence[str], *, alone: bool) -> None:
    """Make every mount read-only in a mount namespace of our own, which ends with its last process."""
    uid, gid = os.geteuid(), os.getegid()
    # What shared memory is left by a killed server ends with the IPC namespace.
    new = CLONE_NEWNS | CLONE_NEWIPC | (CLONE_NEWNET if alone else 0)
    _call("unshare", new | (CLONE_NEWUSER if uid else 0))
    if uid:
        for file, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            Path("/proc/self", file).write_text(text, encoding="ascii")
    _mount(None, "/", MS_REC | MS_PRIVATE)
    for path in writable:
        _mount(path, path, MS_BIND | MS_REC)
    for path, options in _mounts().items():
        if not any(path == directory or path.startswith(f"{directory}/") for directory in writable):
            # What we cannot reach nobody can who is started from here.
            with contextlib.suppress(FileNotFoundError, PermissionError):
                Path(path).stat()
                _mount(None, path, MS_REMOUNT | MS_BIND | MS_RDONLY | options)
    for path in hidden:
        with contextlib.suppress(FileNotFoundError, PermissionError):
            _hide(path)


def _hide(path: str) -> None:
    """Put something empty over a directory or a file."""
    if stat.S_ISDIR(Path(path).stat().st_mode):
        _mount("none", path, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "tmpfs", "size=4k,mode=0")
    else:
        _mount("/dev/null", path, MS_BIND)


def _mounts() -> dict[str, int]:
    """Where something is mounted, and which of its flags must be kept; of several at one place the uppermost."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        columns = line.split()
        path = os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), columns[4]))
        options = columns[5].decode().split(",")
        found[path] = sum(flag for name, flag in KEPT.items() if name in options)
    return found


def _mount(source: str | None, target: str, flags: int, kind: str | None = None, data: str | None = None) -> None:
    arguments = [None if argument is None else os.fsencode(argument) for argument in (source, target, kind, data)]
    _call("mount", arguments[0], arguments[1], arguments[2], ctypes.c_ulong(flags), arguments[3])


def _enter_landlock(writable: Sequence[str], *, alone: bool) -> None:
    """Let the kernel refuse every write outside of these directories, to this process and all that it starts."""
    version = _landlock_version()
    handled = sum(rights for since, rights in WRITES.items() if since <= version)
    ruleset = _ruleset(version, handled, TCP if alone else 0, SCOPES if alone else 0)
    for path, rights in (
        *((directory, handled) for directory in writable),
        *((device, handled & FILE_WRITES) for device in DEVICES),
    ):
        with contextlib.suppress(FileNotFoundError):
            _allow(ruleset, path, rights)
    _call("syscall", LANDLOCK_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _leave_others_alone() -> None:
    """Let the kernel refuse signals to processes that were not started from here, where it can."""
    with contextlib.suppress(OSError):
        if (version := _landlock_version()) >= KNOWS_SCOPES:
            ruleset = _ruleset(version, 0, 0, SCOPES)
            _call("syscall", LANDLOCK_RESTRICT_SELF, ruleset, 0)
            os.close(ruleset)


def _landlock_version() -> int:
    return _call("syscall", LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1)


def _ruleset(version: int, files: int, tcp: int, scopes: int) -> int:
    """A ruleset that handles these rights, and those of sockets and signals that this version of Landlock knows."""
    handled = [files]
    if version >= KNOWS_TCP:
        handled.append(tcp)
    if version >= KNOWS_SCOPES:
        handled.append(scopes)
    attributes = (ctypes.c_uint64 * len(handled))(*handled)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    return _call("syscall", LANDLOCK_CREATE_RULESET, ctypes.byref(attributes), size, 0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = rights.to_bytes(8, sys.byteorder) + opened.to_bytes(4, sys.byteorder)
    _call("syscall", LANDLOCK_ADD_RULE, ruleset, 1, ctypes.c_char_p(rule), 0)
    os.close(opened)


def _call(function: str, *arguments: Any) -> int:
    """Call a function of the C library.

    Raises:
        OSError: it failed.
    """
    result = int(getattr(LIBC, function)(*arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")
    return result


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
