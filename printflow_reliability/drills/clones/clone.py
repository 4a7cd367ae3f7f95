"""A clone: a throwaway cluster restored from a repository, which cannot hurt production.

It archives nothing, listens on no network, subscribes to nothing, loads no libraries, runs none of production's
commands, and reads the repository with the drill's own credentials. Production's configuration files come along with
the data and are not read.
"""

import contextlib
import logging
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.pgbackrest import PgBackRest, Recovery
from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.drills.clones.control import control_data, segment_bytes, wal_sizes
from printflow_reliability.drills.clones.reaper import processes_in
from printflow_reliability.drills.clones.wal_inspection import inspecting
from printflow_reliability.drills.fences.fence import Fence
from printflow_reliability.drills.isolation import tcp_listeners
from printflow_reliability.drills.production import FLOORS, Production
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.platform.connect import connect
from printflow_reliability.programs import ProgramFailed, Programs
from printflow_reliability.settings import ClusterSettings

log = logging.getLogger(__name__)

PORT = 5432
"""Only a part of the socket's name; nothing listens on it."""
SOCKET_BYTES = 107
LOG_TAIL = 12
ENDING_SECONDS = 5.0
"""How long a server that closes its connections may still be found at its socket."""
WAL_SEGMENTS = 8
"""What a clone's own pg_wal may grow to while it replays."""
RECOVERY_SETTING = re.compile(r"(?:restore_command|recovery_target\w*)\s*=")
"""The lines of postgresql.auto.conf that pgBackRest wrote and the clone needs; production's own are dropped."""
HBA = "# The socket's directory can only be entered by the user that the clone runs as.\nlocal all all trust\n"
CONF = """\
# A drill's clone. Production's own configuration is not read: nothing of it may act here.
data_directory = '{data}'
hba_file = '{place}/pg_hba.conf'
ident_file = '{place}/pg_ident.conf'
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
port = {port}
cluster_name = 'drill {cluster}'
archive_mode = off
hot_standby = on
max_logical_replication_workers = 0
shared_preload_libraries = ''
shared_buffers = '64MB'
work_mem = '64MB'
autovacuum = off
ssl = off
huge_pages = off
log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%m [%p] '
log_min_messages = 'log'
timezone = 'UTC'
log_timezone = 'UTC'
"""


@dataclass(frozen=True)
class Aim:
    """Where the first part of a replay ends: at a fence, in a pause; at a moment, or at the end of WAL, promoted."""

    fence: Fence | None = None
    moment: datetime | None = None

    def recovery(self) -> Recovery:
        """In pgBackRest's terms."""
        if self.fence is not None:
            return Recovery("lsn", self.fence.lsn, "pause", str(self.fence.timeline))
        if self.moment is not None:
            return Recovery("time", self.moment.isoformat(sep=" "), "promote", "latest")
        return Recovery("default", None, None, "latest")

    def options(self) -> tuple[str, ...]:
        """Stop before the record that begins where the restore point's ends."""
        return ("--target-exclusive",) if self.fence is not None else ()


@dataclass(frozen=True)
class Clone:
    """A clone's place on disk, and how it is run.

    Attributes:
        cluster: the cluster in production.
        production: that cluster as the drill met it.
        place: the clone's own directory; everything of it lies below.
        programs: who runs it.
    """

    cluster: ClusterSettings
    production: Production
    place: Path
    programs: Programs

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

    @property
    def settings(self) -> ClusterSettings:
        """The cluster's settings with a url that leads to the clone."""
        conninfo = psycopg.conninfo.make_conninfo(
            host=str(self.sockets),
            port=PORT,
            user=self.production.superuser,
            dbname=self.cluster.database,
        )
        return self.cluster.model_copy(update={"url": conninfo})

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
        for directory in (self.place, self.data, self.sockets, self.place / "spool", self.place / "lock"):
            directory.mkdir(mode=0o700)
            self.programs.own(directory)
        (self.place / "tablespaces").mkdir(mode=0o700)
        self.programs.own(self.place / "tablespaces")
        try:
            self.programs.run(["test", "-w", str(self.data)], timeout=10)
        except ProgramFailed:
            raise ConfigError(
                f"drills.directory: {self.programs.run_as} cannot write below {self.place.parent}",
                f"choose a directory that {self.programs.run_as} can reach",
            ) from None

    def fetch(
        self, repository: int, backup: Backup, aim: Aim, *, tablespaces: Sequence[Path] = (), timeout: float
    ) -> None:
        """Restore a backup, and write the clone's own configuration.

        Args:
            repository: the repository's number.
            backup: which one.
            aim: where the first part of its replay ends.
            tablespaces: where replay may make tablespaces that the backup does not know.
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
                allowed=tablespaces,
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
            CloneEnded: it ended instead.
        """
        if self.log_file.exists():
            # What it said before its last stop must not be taken for what it says now.
            self.log_file.rename(self.place / f"server.{len(list(self.place.glob('server.*.log'))) + 1}.log")
        try:
            self.programs.run(
                [
                    *(self.server_program("pg_ctl"), "start", "--wait", "--silent"),
                    *("--pgdata", str(self.data), "--log", str(self.log_file), "--timeout", str(int(timeout))),
                    *("--options", f"-c config_file={self.place}/postgresql.conf"),
                ],
                timeout=timeout + 10,
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
        settings = [
            "recovery_target_lsn = ''",
            f"recovery_target_time = '{moment.isoformat(sep=' ') if moment else ''}'",
            "recovery_target_action = 'promote'",
            "recovery_target_timeline = 'latest'",
        ]
        with (self.data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write("\n".join([*settings, ""]))

    @contextmanager
    def connect(
        self, database: str | None = None, *, read_only: bool = True, statement_seconds: float = 600
    ) -> Iterator[psycopg.Connection]:
        """A superuser's connection to the clone, and to nothing else.

        Raises:
            CouldNotTell: it does not answer.
            Refused: what answers is another server.
        """
        # The socket is only a name: production, reached through it, would have the same system identifier.
        with connect(
            self.settings, database=database, read_only=read_only, statement_seconds=statement_seconds
        ) as connection:
            row = connection.execute("SELECT current_setting('data_directory')").fetchone()
            if row is None or Path(row[0]).resolve() != self.data.resolve():
                raise Refused(
                    f"what answers as the clone of {self.cluster.name} is another server; it lives in {row and row[0]}",
                    "end the drill and look at what listens in the clone's directory",
                )
            # Neither triggers nor event triggers of the platform act on what a drill does in its clone.
            connection.execute("SET session_replication_role = replica")
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
        """The last lines of its log, for an error."""
        return "\n".join(self.log_text().splitlines()[-LOG_TAIL:])

    def alive(self) -> bool:
        """Whether its server still takes connections."""
        with socket.socket(socket.AF_UNIX) as door, contextlib.suppress(OSError):
            door.connect(str(self.sockets / f".s.PGSQL.{PORT}"))
            return True
        return False

    def server_program(self, name: str) -> str:
        """A server program of the version that what was restored is of."""
        return self.programs.postgres(name, int((self.data / "PG_VERSION").read_text(encoding="ascii")))

    def _configure(self) -> None:
        auto = self.data / "postgresql.auto.conf"
        ours = [line for line in auto.read_text(encoding="utf-8").splitlines() if RECOVERY_SETTING.match(line)]
        auto.write_text("\n".join(["# Written by pgBackRest for this drill", *ours, ""]), encoding="utf-8")
        text = CONF.format(
            data=self.data,
            place=self.place,
            sockets=self.sockets,
            port=PORT,
            cluster=self.cluster.name,
        )
        control = control_data(self.programs, self.server_program("pg_controldata"), self.data)
        floors = at_least(self.production.floors, parse_control_floors(control))
        text += wal_sizes(segment_bytes(control))
        text += "".join(f"{name} = {value}\n" for name, value in sorted(floors.items()))
        for name, content in (("postgresql.conf", text), ("pg_hba.conf", HBA), ("pg_ident.conf", "")):
            file = self.place / name
            file.write_text(content, encoding="utf-8")
            file.chmod(0o600)
            self.programs.own(file)


class CloneEnded(CouldNotTell):
    """A clone's server ended, or never answered; `log` is the end of what it said."""

    def __init__(self, clone: Clone, what: str) -> None:
        self.log = clone.log_text()
        super().__init__(f"the clone of {clone.cluster.name} ended: {what}\n{clone.log_tail()}")


def parse_control_floors(text: str) -> dict[str, int]:
    """The settings that pg_controldata shows as "max_connections setting: 100"."""
    found = re.findall(r"^(\w+) setting:\s+(\d+)$", text, flags=re.MULTILINE)
    # PostgreSQL's own name for it there is "max_prepared_xacts".
    named = {("max_prepared_transactions" if name == "max_prepared_xacts" else name): value for name, value in found}
    named |= {"max_locks_per_transaction": named.pop("max_locks_per_xact", "64")}
    return {name: int(value) for name, value in named.items() if name in FLOORS}


def at_least(*floors: Mapping[str, int]) -> dict[str, int]:
    """For each setting the largest value that any of them demands."""
    merged: dict[str, int] = {}
    for one in floors:
        for name, value in one.items():
            merged[name] = max(value, merged.get(name, value))
    return merged


def required_bytes(backup: Backup, segment_bytes: int) -> int:
    """Free disk that a clone of this backup needs: its size, a tenth more for what replay adds, and some WAL."""
    return int(backup.database_bytes * 1.1) + WAL_SEGMENTS * segment_bytes


Connector = Callable[[ClusterSettings, str | None], AbstractContextManager[psycopg.Connection]]


def connector(clones: Mapping[str, Clone]) -> Connector:
    """How a capability that was written for production reads the clones instead: by cluster, never by url.

    A cluster of which there is no clone is an error, not a glance at production.
    """

    def connect_with(
        cluster: ClusterSettings, database: str | None = None
    ) -> AbstractContextManager[psycopg.Connection]:
        if cluster.name not in clones:
            raise Refused(f"cluster {cluster.name} has no clone in this drill")
        return clones[cluster.name].connect(database)

    return connect_with
