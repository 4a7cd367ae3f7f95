"""A clone: a throwaway cluster restored from a repository, which cannot hurt production.

It archives nothing, listens on no network, subscribes to nothing, loads no libraries, runs none of production's
commands, and reads the repository with the drill's own credentials. Production's configuration files come along with
the data and are not read.
"""

import contextlib
import logging
import os
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import psycopg

from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.drills.clones.access import Access
from printflow_reliability.drills.clones.aim import Aim, go_on_to
from printflow_reliability.drills.clones.configuration import HBA, PORT, kept_of_auto_conf, server_settings
from printflow_reliability.drills.clones.confinement import Confinement, confine
from printflow_reliability.drills.clones.control import control_data, segment_bytes
from printflow_reliability.drills.clones.reaper import end_processes, processes_in
from printflow_reliability.drills.clones.server_log import worth_quoting
from printflow_reliability.drills.clones.wal_inspection import inspecting
from printflow_reliability.drills.isolation import tcp_listeners
from printflow_reliability.drills.production import Production
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.programs import ProgramFailed, Programs
from printflow_reliability.settings import ClusterSettings
from printflow_reliability.text import storable

log = logging.getLogger(__name__)

SOCKET_BYTES = 107
CONFIGURATION = "postgresql.conf"
DIRECTORIES = ("data", "s", "spool", "lock", "tablespaces")
ENDING_SECONDS = 5.0
"""How long a server that ends may still be found at its socket."""
WAL_SEGMENTS = 8
"""What a clone's own pg_wal may grow to while it replays."""


@dataclass(frozen=True)
class Clone:
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

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.place / "data"

    @property
    def log_file(self) -> Path:
        """Its server log."""
        return self.place / "server.log"

    @property
    def sockets(self) -> Path:
        """The directory of its socket, its only door."""
        return self.place / "s"

    @cached_property
    def access(self) -> Access:
        """The way into it, by its socket."""
        return Access(self.cluster, self.data, self.sockets, self.production.superuser)

    def prepare(self) -> None:
        """Make its directories.

        Raises:
            ConfigError: the path is too long for a socket, or its user cannot write there.
        """
        if len(os.fsencode(self.sockets / f".s.PGSQL.{PORT}")) > SOCKET_BYTES:
            raise ConfigError(
                f"drills.directory: {self.place} is too long for a socket below it ({SOCKET_BYTES} bytes in all)",
                "choose a directory with a shorter path",
            )
        shown = storable(str(self.place))
        if "," in shown or shown != str(self.place):
            raise ConfigError(
                f"drills.directory: {shown} holds a comma, or is not UTF-8, so that no program can name a socket in it",
                "choose a directory with another path",
            )
        for directory in (self.place, *(self.place / name for name in DIRECTORIES)):
            directory.mkdir(mode=0o700)
            self.unconfined.own(directory)
        try:
            self.unconfined.run(["test", "-w", str(self.data)], timeout=10)
        except ProgramFailed:
            raise ConfigError(
                f"drills.directory: {self.unconfined.run_as} cannot write below {self.place.parent}",
                f"choose a directory that {self.unconfined.run_as} can reach",
            ) from None
        log.info("the clone of %s is confined by %s", self.cluster.name, self.confinement.by)

    def fetch(self, repository: int, backup: Backup, aim: Aim, *, timeout: float) -> None:
        """Restore a backup, and write the clone's own configuration.

        Args:
            repository: the repository's number.
            backup: which one.
            aim: where the first part of its replay ends.
            timeout: seconds until the restore is killed.

        Raises:
            ProgramFailed: as PgBackRest.restore.
            ConfigError: WAL cannot be read before it is replayed.
        """
        pgbackrest = PgBackRest(self.cluster, self.programs, config=self.cluster.drill_pgbackrest_config)
        options = (f"--lock-path={self.place / 'lock'}", "--no-log-subprocess", "--log-level-file=off")
        fetch_wal = pgbackrest.restore_command(
            self.data,
            repository=repository,
            spool=self.place / "spool",
            options=(*options, f"--process-max={os.cpu_count()}"),
        )
        pgbackrest.restore(
            self.data,
            repository=repository,
            timeout=timeout,
            recovery=aim.recovery(),
            backup_set=backup.label,
            process_max=os.cpu_count(),
            fetch_wal=inspecting(
                fetch_wal,
                self.place,
                self.programs,
                floor=parse_lsn(backup.lsn_start) if backup.lsn_start else 0,
                until=aim.moment,
                allowed=self.tablespaces,
            ),
            # A restore empties its spool, which by default is the one that production archives through.
            options=(
                *aim.options(),
                f"--tablespace-map-all={self.place / 'tablespaces'}",
                f"--spool-path={self.place / 'spool'}",
                *options,
            ),
        )
        self._configure()

    def start(self, *, timeout: float) -> None:
        """Start it, and return once it answers, which is when it is consistent.

        Raises:
            Refused: it would not recover, but begin to write at once.
            CloneEnded: it ended instead.
        """
        if not (self.data / "recovery.signal").exists():
            what = "is not set up for recovery: without a recovery.signal it would not replay the archive"
            raise Refused(f"the clone of {self.cluster.name} {what}", f"printflow backup verify {self.cluster.name}")
        self._end_what_fetches()
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
            self.prove_it_is_the_clone()
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

    def aim_at(self, moment: datetime | None) -> None:
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

    def prove_it_is_the_clone(self) -> None:
        """Make sure that this is a clone of the right cluster, and isolated.

        Raises:
            Refused: it is not.
        """
        with self.connect() as connection:
            identity = connection.execute(
                "SELECT system_identifier, current_setting('listen_addresses'), current_setting('archive_mode') "
                "FROM pg_control_system()"
            ).fetchone()
        if identity is None:
            raise CouldNotTell(f"the clone of {self.cluster.name} does not say who it is")
        identifier, addresses, archive_mode = identity
        if identifier != self.production.system_identifier:
            raise Refused(
                f"what was restored for {self.cluster.name} is another cluster: its system identifier is {identifier}, "
                f"production's is {self.production.system_identifier}",
                f'is `stanza` of cluster "{self.cluster.name}" right?',
            )
        listening = tcp_listeners(processes_in(self.place))
        if addresses or archive_mode != "off" or listening:
            raise Refused(
                f"the clone of {self.cluster.name} is not isolated: it listens on {addresses or listening!r} "
                "or archives"
            )

    def segment_bytes(self) -> int:
        """The size of a WAL segment of what was restored.

        Raises:
            CouldNotTell: its control file does not say it.
        """
        return segment_bytes(control_data(self.programs, self.server_program("pg_controldata"), self.data))

    def log_text(self) -> str:
        """All that its server has logged."""
        try:
            return self.log_file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def log_tail(self) -> str:
        """The lines of its log that say why it ended, for an error."""
        return worth_quoting(self.log_text())

    def alive(self) -> bool:
        """Whether its server still takes connections."""
        with socket.socket(socket.AF_UNIX) as door, contextlib.suppress(OSError):
            door.connect(str(self.sockets / f".s.PGSQL.{PORT}"))
            return True
        return False

    def server_program(self, name: str) -> str:
        """A server program of the version that what was restored is of."""
        return self.unconfined.postgres(name, int((self.data / "PG_VERSION").read_text(encoding="ascii")))

    def _end_what_fetches(self) -> None:
        """End every process of the clone, and remove what it was fetching.

        pgBackRest fetches ahead in processes of its own, which outlive a server, and by the same names as those of its
        next start: both would write into one file, and PostgreSQL would find half of it.
        """
        end_processes(self.place)
        for name in ("RECOVERYXLOG", "RECOVERYHISTORY"):
            (self.data / "pg_wal" / name).unlink(missing_ok=True)
        for entry in (self.place / "spool").iterdir():
            shutil.rmtree(entry)

    def _configure(self) -> None:
        auto = self.data / "postgresql.auto.conf"
        text = auto.read_text(encoding="utf-8", errors="surrogateescape") if auto.exists() else ""
        auto.write_text(kept_of_auto_conf(text), encoding="utf-8", errors="surrogateescape")
        (self.data / "standby.signal").unlink(missing_ok=True)
        self.write_settings()
        self._write("pg_hba.conf", HBA)
        self._write("pg_ident.conf", "")

    def write_settings(self) -> None:
        """Write the settings of its next start, as its control file demands them now."""
        settings = server_settings(
            data=self.data,
            place=self.place,
            sockets=self.sockets,
            cluster=self.cluster.name,
            control=control_data(self.programs, self.server_program("pg_controldata"), self.data),
            floors=self.production.floors,
        )
        self._write(CONFIGURATION, settings)

    def _write(self, name: str, content: str) -> None:
        file = self.place / name
        file.write_text(content, encoding="utf-8", errors="surrogateescape")
        file.chmod(0o600)
        self.programs.own(file)


class CloneEnded(CouldNotTell):
    """A clone's server ended, or never answered; `log` is the end of what it said."""

    def __init__(self, clone: Clone, what: str) -> None:
        self.log = clone.log_text()
        super().__init__(f"the clone of {clone.cluster.name} ended: {what}\n{clone.log_tail()}")


def required_bytes(backup: Backup, segment_bytes: int) -> int:
    """Free disk that a clone of this backup needs: its size, a tenth more for what replay adds, and some WAL."""
    return int(backup.database_bytes * 1.1) + WAL_SEGMENTS * segment_bytes
