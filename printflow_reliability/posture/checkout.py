"""A checkout of the platform's source, opened read-only: which files it has, and their text within limits.

Nothing outside of it is read: a symbolic link that leaves it, a device and a file that is too large are named as not
read, so that nobody takes them for sound.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from printflow_reliability.errors import ConfigError

LARGEST_BYTES = 4_000_000
"""Of one file: a lock file of a large application has a tenth of it."""
MOST_FILES = 100_000
NOT_SOURCE = frozenset(
    {".git", ".hg", ".svn", "node_modules", "vendor", ".nuxt", ".output", "dist", ".venv", "__pycache__"}
)
"""Directories of what others wrote or a build made."""
MANIFESTS = ("composer.json", "package.json")


@dataclass(frozen=True)
class NotRead:
    """A file of the checkout that was not read, by its path in it, and why."""

    path: str
    why: str


class Unreadable(Exception):
    """A file of the checkout cannot be read; the message says why, as the end of a sentence about it."""


class Checkout:
    """The files of a checkout by their paths in it, with "/" between the parts.

    Attributes:
        root: the checkout's directory.
        paths: every regular file, and every link to one within the checkout, in order.
        not_read: what was passed over.
    """

    def __init__(self, root: Path, paths: Iterable[str], not_read: Iterable[NotRead]) -> None:
        self.root = root
        self.paths = tuple(sorted(paths))
        self.not_read = tuple(sorted(not_read, key=lambda file: file.path))
        self._known = frozenset(self.paths)
        self._content = lru_cache(maxsize=None)(self._load)

    def has(self, path: str) -> bool:
        """Whether there is such a file, readable or not."""
        return path in self._known

    def below(self, directory: str, *endings: str) -> list[str]:
        """The files below a directory ("" is the checkout itself), where given with one of these endings."""
        prefix = f"{directory}/" if directory else ""
        return [path for path in self.paths if path.startswith(prefix) and path.endswith(endings or ("",))]

    def why_not(self, path: str) -> str:
        """Why a file was passed over; empty where it was not."""
        return next((file.why for file in self.not_read if file.path == path), "")

    def content(self, path: str) -> bytes:
        """The bytes of a file.

        Raises:
            Unreadable: it cannot be read, is too large, or is no text.
        """
        content = self._content(path)
        if isinstance(content, str):
            raise Unreadable(content)
        return content

    def text(self, path: str) -> str:
        """The text of a file, without a byte order mark.

        Raises:
            Unreadable: as for `content`, or it is not UTF-8.
        """
        try:
            return self.content(path).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Unreadable("is not UTF-8") from None

    def _load(self, path: str) -> bytes | str:
        if why := self.why_not(path):
            return why
        if not self.has(path):
            return "is not there"
        try:
            # What became a pipe or a link since it was listed does not hold us up, nor lead us out.
            descriptor = os.open((self.root / path).resolve(strict=True), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    return "is no regular file"
                content = file.read(LARGEST_BYTES + 1)
        except (OSError, RuntimeError) as refused:
            return f"cannot be read: {getattr(refused, 'strerror', None) or 'its links lead nowhere'}"
        if len(content) > LARGEST_BYTES:
            return f"has more than {LARGEST_BYTES:,} bytes"
        return "is no text" if b"\0" in content else content


def open_checkout(directory: Path) -> Checkout:
    """The checkout in that directory.

    Raises:
        ConfigError: there is no such directory, it cannot be listed, holds more files than any checkout, or none of
            them is a manifest of Composer or npm.
    """
    next_step = "name the directory of the platform's checkout: printflow posture --source DIR"
    try:
        root = directory.resolve(strict=True)
        with os.scandir(root):
            pass
    except (OSError, RuntimeError, ValueError) as refused:
        why = getattr(refused, "strerror", None) or "it is no path"
        raise ConfigError(f"{directory} is no checkout: {why}", next_step) from None
    paths: list[str] = []
    not_read: list[NotRead] = []
    waiting = [root]
    while waiting:
        _look_into(waiting.pop(), root, paths, not_read, waiting)
        if len(paths) > MOST_FILES:
            raise ConfigError(f"{directory} holds more than {MOST_FILES:,} files, more than a checkout", next_step)
    if not any(PurePosixPath(path).name in MANIFESTS for path in paths):
        raise ConfigError(f"{directory} is no checkout of the platform: no composer.json or package.json", next_step)
    return Checkout(root, paths, not_read)


def _look_into(directory: Path, root: Path, paths: list[str], not_read: list[NotRead], waiting: list[Path]) -> None:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as refused:
        not_read.append(NotRead(_path(directory, root), f"cannot be listed: {refused.strerror}"))
        return
    for entry in entries:
        path = _path(Path(entry.path), root)
        if entry.name in NOT_SOURCE:
            continue
        if entry.is_symlink():
            if why := _why_not_followed(Path(entry.path), root):
                not_read.append(NotRead(path, why))
            elif entry.is_file():  # a directory within is looked into by its own path
                paths.append(path)
        elif entry.is_dir(follow_symlinks=False):
            waiting.append(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            paths.append(path)
        else:
            not_read.append(NotRead(path, "is no regular file"))


def _why_not_followed(link: Path, root: Path) -> str:
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return "is a link that leads nowhere"
    return "" if target.is_relative_to(root) else "is a link that leaves the checkout"


def _path(path: Path, root: Path) -> str:
    """The path in the checkout as text, whatever bytes its name has."""
    return os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace")
