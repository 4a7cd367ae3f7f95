"""Directories that a dump is read or restored in: removed at the end, also those of a program that was killed.

Whoever works in one holds its lock, which the kernel frees; a directory whose lock is free is nobody's any more.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from printflow_reliability.errors import ConfigError
from printflow_reliability.paths import is_directory
from printflow_reliability.restore.interrupts import Interrupts
from printflow_reliability.restore.reaper import remove

NAME = "dump-"
"""How these directories are called; whatever else lies beside them is left alone."""
LOCK = "lock"


@contextmanager
def workplace(directory: Path, *, mode: int = 0o700) -> Iterator[Path]:
    """An empty directory for the block; what killed programs left beside it is removed first.

    Args:
        directory: `dumps.directory`.
        mode: of the new directory; 0711 where a server of another user has its own below.

    Raises:
        ConfigError: it cannot be made.
    """
    reap(directory)
    place = directory / f"{NAME}{secrets.token_hex(4)}"
    try:
        with _changing(directory):
            place.mkdir(mode=0o700)
            lock = os.open(place / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            place.chmod(mode)
    except OSError as refused:
        raise ConfigError(
            f"dumps.directory: {place} cannot be made: {refused.strerror}", "name another directory in printflow.toml"
        ) from None
    interrupts = Interrupts()
    try:
        with interrupts.obeyed():
            try:
                yield place.resolve()
            finally:
                interrupts.hold()
                remove(place.resolve())
    finally:
        os.close(lock)


def abandoned(directory: Path) -> tuple[Path, ...]:
    """The directories of programs that were killed; none where there is no such directory."""
    return tuple(place for place in _places(directory) if not _in_use(place))


def reap(directory: Path) -> int:
    """Remove what killed programs left, and end what they had started; how many directories that were.

    Raises:
        ConfigError: the directory cannot be used.
        CouldNotTell: something of it cannot be ended or removed.
    """
    try:
        directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        with _changing(directory):
            left = abandoned(directory)
            for place in left:
                remove(place.resolve())
    except OSError as refused:
        raise ConfigError(
            f"dumps.directory: {directory} cannot be used: {refused.strerror}", "name another in printflow.toml"
        ) from None
    return len(left)


def require_room(place: Path, needed: int, what: str) -> None:
    """Make sure that so many bytes fit.

    Raises:
        ConfigError: they do not.
    """
    free = shutil.disk_usage(place).free
    if free < needed:
        raise ConfigError(
            f"dumps.directory: {what} needs {needed:,} bytes, and {place.parent} has {free:,} free",
            "make room there, or name another directory in printflow.toml",
        )


@contextmanager
def _changing(directory: Path) -> Iterator[None]:
    """Nobody makes or removes a directory meanwhile: between its making and its lock it would look abandoned."""
    gate = os.open(directory / f".{LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield
    finally:
        os.close(gate)


def _places(directory: Path) -> Iterator[Path]:
    if is_directory(directory):
        for place in sorted(directory.iterdir()):
            if place.name.startswith(NAME) and place.is_dir() and not place.is_symlink():
                yield place


def _in_use(place: Path) -> bool:
    try:
        lock = os.open(place / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
