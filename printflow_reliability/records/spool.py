"""A spool on this machine's disk for what the records would hold while they are away: lines of JSON, never lost.

What was appended is on the disk before anybody acts on it. A line that was cut off by a crash was never acted upon.
"""

import fcntl
import json
import logging
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from printflow_reliability.errors import ConfigError, CouldNotTell, LockHeld
from printflow_reliability.paths import is_there
from printflow_reliability.records.spool_lines import Entry, read_line
from printflow_reliability.text import counted, size

log = logging.getLogger(__name__)

LINES, LOCK, NOTE = "spool.jsonl", "lock", "known.json"
DAMAGED = "damaged-{}.jsonl"


def entry(kind: str, **fields: Any) -> Entry:
    """A new entry, with an id by which it is taken over once."""
    return {"id": str(uuid.uuid4()), "kind": kind, "at": datetime.now(UTC).isoformat(), **fields}


def _private(path: str, flags: int) -> int:
    """Opens a file that is its owner's alone, and never another one that a link leads to."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


class Spool:
    """The spool of one process, which has it to itself until its end.

    Raises:
        ConfigError: the directory cannot be made or written (on opening).
        LockHeld: another process has it.
    """

    def __init__(self, directory: Path, most_bytes: int) -> None:
        self._directory = directory
        self._most_bytes = most_bytes
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _private(str(directory / LOCK), os.O_RDWR | os.O_CREAT)
        except OSError as refused:
            raise ConfigError(
                f"watch.spool_directory: {directory} cannot be written ({refused.strerror})",
                "name a directory that this user can write",
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise LockHeld(f"another printflow watch has the spool {directory}", "end it first") from None

    def close(self) -> None:
        """Leave the spool to others; what is in it stays."""
        os.close(self._lock)

    def read(self) -> list[Entry]:
        """Every entry, oldest first; what cannot be read is left out and kept aside when the spool is emptied.

        Raises:
            CouldNotTell: the file itself cannot be read.
        """
        with self._usable("read", f"give the user who runs this the file {self._directory / LINES}, or move it away"):
            return self._read()[0]

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep these entries, all or none, on the disk before this returns.

        Raises:
            CouldNotTell: the spool or its disk is full, or cannot be written.
        """
        text = "".join(json.dumps(added) + "\n" for added in entries).encode()
        path = self._directory / LINES
        with self._usable("written", f"free space there: df -h {self._directory}"):
            with open(path, "ab", opener=_private) as file:
                have = file.tell()
                if have + len(text) > self._most_bytes:
                    raise CouldNotTell(
                        f"the spool {self._directory} is full: it holds {size(have)} of watch.spool_bytes "
                        f"({size(self._most_bytes)}) until the records are back",
                        "bring the records database back, or raise watch.spool_bytes in printflow.toml",
                    )
                self._write(file.fileno(), have, text)
            if not have:
                self._sync_directory()

    def clear(self, *, refused: int = 0) -> None:
        """Empty the spool: what is in it was taken over. What could not be is kept in a file beside.

        Args:
            refused: how many of its entries were not taken over, and never will be.

        Raises:
            CouldNotTell: it cannot be emptied; whatever is in it is taken over once, so that this harms nobody.
        """
        with self._usable("emptied", f"look at the rights and the disk of {self._directory}"):
            left = self._read()[1] + refused
            path = self._directory / LINES
            if not is_there(path):
                return
            if left:
                aside = self._directory / DAMAGED.format(datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f"))
                path.rename(aside)
                log.error("%s could not be taken over and are kept in %s", counted(left, "line"), aside)
            else:
                path.unlink()
            self._sync_directory()

    def note(self, document: Mapping[str, Any]) -> None:
        """Keep a document instead of the last one; a disk that refuses costs a warning."""
        path, beside = self._directory / NOTE, self._directory / f"{NOTE}.new"
        try:
            with open(beside, "w", encoding="utf-8", opener=_private) as file:
                json.dump(document, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as refused:
            log.warning("%s cannot be written: %s", path, refused.strerror)

    def noted(self) -> Mapping[str, Any]:
        """The document that was kept last; empty if there is none that can be read."""
        try:
            found = json.loads((self._directory / NOTE).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, file: int, have: int, text: bytes) -> None:
        """Write all of it or nothing: a torn line would join the next one."""
        try:
            left = text
            while left:
                left = left[os.write(file, left) :]
            os.fsync(file)
        except OSError:
            os.ftruncate(file, have)
            raise

    def _read(self) -> tuple[list[Entry], int]:
        path = self._directory / LINES
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return [], 0
        whole, newline, torn = content.rpartition(b"\n")
        if torn:
            os.truncate(path, len(whole) + len(newline))
        entries: list[Entry] = []
        unread = 0
        for line in whole.splitlines():
            if (found := read_line(line)) is not None:
                entries.append(found)
            else:
                unread += 1
        return entries, unread

    @contextmanager
    def _usable(self, done: str, next_step: str) -> Iterator[None]:
        try:
            yield
        except OSError as refused:
            said = f"the spool {self._directory} cannot be {done}: {refused.strerror}"
            raise CouldNotTell(said, next_step) from None

    def _sync_directory(self) -> None:
        """A file that was made or removed is so after a crash too."""
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
