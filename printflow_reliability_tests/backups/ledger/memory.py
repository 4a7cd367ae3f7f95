"""A repository in memory that answers as pgBackRest does, and the passes over it with their ledger."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Event
from types import SimpleNamespace
from typing import IO, Any, cast

from printflow_reliability.backups.acknowledgements import Acknowledgement
from printflow_reliability.backups.info import Backup, StanzaInfo
from printflow_reliability.backups.ledger.due_pass import DuePass, read_due
from printflow_reliability.backups.ledger.entries import LedgerEntry
from printflow_reliability.backups.ledger.outcome import Limits, Reading
from printflow_reliability.backups.listing import RepositoryFile
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.pgbackrest_errors import RepositoryDamaged
from printflow_reliability.backups.verify_report import VerifyReport
from printflow_reliability.errors import CouldNotTell
from printflow_reliability_tests.backups.ledger.manifests import sha1, written

FULL, INCREMENTAL = "20261101-010000F", "20261101-010000F_20261102-010000I"
BEGIN = datetime(2026, 11, 2, 5, tzinfo=UTC)
DAY = timedelta(days=1)
STANZA = "lab"


@dataclass
class Memory:
    """The files by their path, when each was written, and the ledger."""

    files: dict[str, bytes] = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)
    backups: list[Backup] = field(default_factory=list)
    ledger: dict[str, LedgerEntry] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)
    away: set[str] = field(default_factory=set)
    now: datetime = BEGIN
    wal_days: float | None = None
    accepted: Sequence[Acknowledgement] = ()

    def put(self, path: str, content: bytes) -> None:
        """Write a file."""
        self.files[path], self.times[path] = content, self.now

    def back_up(self, label: str, files: Mapping[str, bytes], wal_start: str, *, bundle: bool = False) -> None:
        """A backup of these files, in a bundle or each by itself."""
        entries: dict[str, dict[str, Any]] = {}
        bundled = b""
        for name, content in files.items():
            entries[name] = {"checksum": sha1(b"plain"), "rck": sha1(content), "repo-size": len(content), "size": 9}
            if bundle:
                entries[name] |= {"bni": 1, "bno": len(bundled)}
                bundled += content
            else:
                self.put(f"backup/{STANZA}/{label}/{name}.gz", content)
        if bundle:
            self.put(f"backup/{STANZA}/{label}/bundle/1", bundled)
        for manifest in ("backup.manifest", "backup.manifest.copy"):
            self.put(f"backup/{STANZA}/{label}/{manifest}", written(entries, bundle=bundle))
        self.backups.append(
            Backup(label, "full", 1, "15-1", self.now, self.now, 1, 1, False, wal_start=wal_start, wal_stop=wal_start)
        )

    def archive(self, number: int, content: bytes = b"", *, timeline: int = 1, archive_id: str = "15-1") -> str:
        """Archive a segment; its path."""
        content = content or f"segment {number}".encode()
        folder = f"{timeline:08X}00000000"
        path = f"archive/{STANZA}/{archive_id}/{folder}/{folder}{number:08X}-{sha1(content)}"
        self.put(path, content)
        return path

    def spoil(self, path: str, content: bytes) -> None:
        """Change a file as rot does: its time stays."""
        self.files[path] = content

    def flip(self, path: str) -> None:
        """Flip a bit."""
        good = self.files[path]
        self.spoil(path, bytes([good[0] ^ 1]) + good[1:])

    def verify(self, *, days: float = 0, reread_days: int = 30) -> tuple[VerifyReport, Reading]:
        """A pass, so many days after the last one; `read` says what it fetched."""
        self.now += days * DAY
        self.read = []
        limits = Limits(self.now, timedelta(days=reread_days), self.accepted, self.wal_days)
        task = DuePass(cast(PgBackRest, self), 1, dict(self.ledger), limits, 600, Event(), self._keep)
        return read_due(task, self.info(1))

    def problems(self, **passed: Any) -> list[tuple[str, str]]:
        """What a pass finds, with the name of the file alone."""
        return [(bad.name.rpartition("/")[2], bad.problem) for bad in self.verify(**passed)[0].bad_files]

    def _keep(self, entries: Mapping[str, LedgerEntry | None]) -> None:
        for name, entry in entries.items():
            if entry is None:
                del self.ledger[name]
            else:
                self.ledger[name] = entry

    # What a pass asks of pgBackRest.

    cluster = SimpleNamespace(name="lab", stanza=STANZA)

    @property
    def program(self) -> "Memory":
        return self

    def silence(self, _: int) -> tuple[()]:
        return ()

    def info(self, _: int) -> StanzaInfo:
        return StanzaInfo(STANZA, 0, "ok", False, (), (), tuple(self.backups))

    def repo_ls(self, folder: str, _: int) -> tuple[RepositoryFile, ...]:
        return tuple(
            RepositoryFile(path.removeprefix(f"{folder}/"), len(content), self.times[path])
            for path, content in self.files.items()
            if path.startswith(f"{folder}/")
        )

    @contextmanager
    def output(self, *arguments: str, **_: object) -> Iterator[IO[bytes]]:
        path = arguments[-1]
        if path in self.away:
            raise CouldNotTell("the server does not answer")
        if path not in self.files:
            raise RepositoryDamaged("it is not there", exit_code=55)
        self.read.append(path)
        yield io.BytesIO(self.files[path])


def two_backups(*, bundle: bool = False) -> Memory:
    """A repository with a full backup, an incremental one on it and WAL, all read a day after it was stored."""
    memory = Memory()
    memory.archive(1)
    memory.back_up(
        FULL,
        {"pg_data/a": b"content of a", "pg_data/b": b"content of b"},
        "0" * 7 + "1" + "0" * 15 + "2",
        bundle=bundle,
    )
    for number in range(2, 6):
        memory.archive(number)
    memory.back_up(INCREMENTAL, {"pg_data/a": b"new content of a"}, "0" * 7 + "1" + "0" * 15 + "5", bundle=bundle)
    memory.verify(days=0.1)
    return memory


def expired(memory: Memory, label: str) -> None:
    """Expire a backup as pgBackRest does: out of `info`, then its files."""
    memory.backups = [backup for backup in memory.backups if backup.label != label]
    for path in [path for path in memory.files if f"/{label}/" in path]:
        del memory.files[path]


def with_archive(backup: Backup, archive_id: str) -> Backup:
    """The same backup in another archive."""
    return replace(backup, archive_id=archive_id)
