"""A clone: a throwaway cluster restored from a repository, which cannot hurt production.

It archives nothing, listens on no network, subscribes to nothing, loads no libraries, runs none of production's
commands, and reads the repository with the drill's own credentials. Production's configuration files come along with
the data and are not read.
"""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import psycopg

from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.programs import ProgramFailed, Programs
from printflow_reliability.restore.clones.access import Access
from printflow_reliability.restore.clones.confinement import Confinement, confine
from printflow_reliability.restore.clones.control import control_data, segment_bytes
from printflow_reliability.restore.clones.files import CONFIGURATION, CloneFiles
from printflow_reliability.restore.clones.identity import require_isolated_clone
from printflow_reliability.restore.production import Production
from printflow_reliability.restore.reaper import end_processes
from printflow_reliability.restore.recovery_target import go_on_to
from printflow_reliability.settings import ClusterSettings

ENDING_SECONDS = 5.0
"""How long a server that ends may still be found at its socket."""


@dataclass(frozen=True)
class Clone(CloneFiles):
    """A clone's place on disk, and how it is run.

    Attributes:
        cluster: the cluster in production.
        production: that cluster as the drill met it.
        place: the clone's own directory; everything of it lies below.
        unconfined: who would run it anywhere.
        tablespaces: where replay may make tablespaces that the backup does not know.
    """

    cluster: ClusterSettings
    production: Production
    place: Path
    unconfined: Programs
    tablespaces: Sequence[Path] = ()

    @cached_property
    def confinement(self) -> Confinement:
        """What keeps it in its directory, once that is there.

        Raises:
            Refused: nothing does.
        """
        return confine(self.unconfined, self.place, self.production, also_writable=self.tablespaces)

    @property
    def programs(self) -> Programs:
        """Who runs it, in its directory only."""
        return self.confinement.programs

    @cached_property
    def access(self) -> Access:
        """The way into it, by its socket."""
        return Access(self.cluster, self.data, self.sockets, self.production.superuser)

    def start(self, *, timeout: float) -> None:
        """Start it, and return once it answers, which is when it is consistent.

        Raises:
            Refused: it would not recover, but begin to write at once.
            CloneEnded: it ended instead.
        """
        if not (self.data / "recovery.signal").exists():
            what = "is not set up for recovery: without a recovery.signal it would not replay the archive"
            raise Refused(f"the clone of {self.cluster.name} {what}", f"printflow backup verify {self.cluster.name}")
        self._end_what_is_left()
        if self.log_file.exists():
            # What it said before its last stop must not be taken for what it says now.
            self.log_file.rename(self.place / f"server.{len(list(self.place.glob('server.*.log'))) + 1}.log")
        try:
            self.programs.run(
                [
                    *(self.server_program("pg_ctl"), "start", "--wait", "--silent"),
                    # pg_ctl hands these to a shell, for which a path may hold anything.
                    *("--pgdata", ".", "--log", f"../{self.log_file.name}", "--timeout", str(int(timeout))),
                    *("--options", f"-c config_file=../{CONFIGURATION}"),
                ],
                timeout=timeout + 10,
                cwd=self.data,
            )
        except ProgramFailed as failed:
            raise CloneEnded(self, failed.what) from None
        try:
            self.require_isolated()
        except CouldNotTell as gone:
            # Replay may end before its target at once; the server then ends under the first connection.
            deadline = time.monotonic() + ENDING_SECONDS
            while self.alive():
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            raise CloneEnded(self, gone.what) from None

    def stop(self, *, timeout: float) -> None:
        """Stop it in good order, so that it can go on from there.

        Raises:
            ProgramFailed: it does not stop in time.
        """
        self.programs.run(
            [
                *(self.server_program("pg_ctl"), "stop", "--wait", "--silent", "--mode=fast"),
                *("--pgdata", str(self.data), "--timeout", str(int(timeout))),
            ],
            timeout=timeout + 10,
        )

    def set_target(self, moment: datetime | None) -> None:
        """From its next start on, replay goes on to a moment, or to the end of WAL; then the clone promotes itself."""
        with (self.data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write(go_on_to(moment))

    @contextmanager
    def connect(
        self, database: str | None = None, *, read_only: bool = True, statement_seconds: float = 600
    ) -> Iterator[psycopg.Connection]:
        """A superuser's connection to the clone, and to nothing else.

        Raises:
            CouldNotTell: it does not answer.
            Refused: what answers is another server.
        """
        with self.access.connect(database, read_only=read_only, statement_seconds=statement_seconds) as connection:
            yield connection

    def require_isolated(self) -> None:
        """As `require_isolated_clone`."""
        with self.connect() as connection:
            require_isolated_clone(connection, self.production, self.place)

    def segment_bytes(self) -> int:
        """The size of a WAL segment of what was restored.

        Raises:
            CouldNotTell: its control file does not say it.
        """
        return segment_bytes(control_data(self.programs, self.server_program("pg_controldata"), self.data))

    def server_program(self, name: str) -> str:
        """A server program of the version that what was restored is of."""
        return self.unconfined.postgres(name, self.major_version)

    def _end_what_is_left(self) -> None:
        """End every process of the clone, and remove its locks and what it was fetching.

        pgBackRest fetches ahead in processes of its own, which outlive a server, and by the same names as those of its
        next start: both would write into one file, and PostgreSQL would find half of it. A server that is ended here
        leaves its locks, and would not start while a process of its user has that pid: another one, or the dead one
        itself, which nobody has waited for yet.
        """
        end_processes(self.place)
        for lock in (self.data / "postmaster.pid", self.socket_file.with_name(f"{self.socket_file.name}.lock")):
            lock.unlink(missing_ok=True)
        for name in ("RECOVERYXLOG", "RECOVERYHISTORY"):
            (self.data / "pg_wal" / name).unlink(missing_ok=True)
        for entry in self.spool.iterdir():
            shutil.rmtree(entry)


class CloneEnded(CouldNotTell):
    """A clone's server ended, or never answered; `log` is the end of what it said."""

    def __init__(self, clone: Clone, what: str) -> None:
        self.log = clone.log_text()
        super().__init__(f"the clone of {clone.cluster.name} ended: {what}\n{clone.log_tail()}")
