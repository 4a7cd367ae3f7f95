"""How a clone comes to lie on disk: its directories, a backup restored into them, and a configuration of its own."""

import logging
import os

from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.errors import ConfigError
from printflow_reliability.programs import ProgramFailed
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.configuration import HBA, kept_of_auto_conf, quoted, server_settings
from printflow_reliability.restore.clones.control import control_data
from printflow_reliability.restore.clones.files import CONFIGURATION
from printflow_reliability.restore.recovery_target import RecoveryTarget
from printflow_reliability.restore.wal_inspection import inspecting
from printflow_reliability.text import storable

log = logging.getLogger(__name__)

AUTO = "postgresql.auto.conf"
SOCKET_BYTES = 107
DIRECTORIES = ("data", "s", "spool", "lock", "tablespaces")
WAL_SEGMENTS = 8
"""What a clone's own pg_wal may grow to while it replays."""


def required_bytes(backup: Backup, segment_bytes: int) -> int:
    """Free disk that a clone of this backup needs: its size, a tenth more for what replay adds, and some WAL."""
    return int(backup.database_bytes * 1.1) + WAL_SEGMENTS * segment_bytes


def prepare(clone: Clone) -> None:
    """Make a clone's directories.

    Raises:
        ConfigError: the path is too long for a socket, or the clone's user cannot write there.
    """
    place, unconfined = clone.place, clone.unconfined
    if len(os.fsencode(clone.socket_file)) > SOCKET_BYTES:
        raise ConfigError(
            f"drills.directory: {place} is too long for a socket below it ({SOCKET_BYTES} bytes in all)",
            "choose a directory with a shorter path",
        )
    shown = storable(str(place))
    if "," in shown or shown != str(place):
        raise ConfigError(
            f"drills.directory: {shown} holds a comma, or is not UTF-8, so that no program can name a socket in it",
            "choose a directory with another path",
        )
    for directory in (place, *(place / name for name in DIRECTORIES)):
        directory.mkdir(mode=0o700)
        unconfined.own(directory)
    try:
        unconfined.run(["test", "-w", str(clone.data)], timeout=10)
    except ProgramFailed:
        raise ConfigError(
            f"drills.directory: {unconfined.run_as} cannot write below {place.parent}",
            f"choose a directory that {unconfined.run_as} can reach",
        ) from None
    log.info("the clone of %s is confined by %s", clone.cluster.name, clone.confinement.by)


def fetch(
    clone: Clone, repository: int, backup: Backup, target: RecoveryTarget, *, timeout: float, taken: bool = False
) -> None:
    """Restore a backup into a clone that was prepared, and write the clone's own configuration.

    Args:
        clone: which one.
        repository: the repository's number.
        backup: which one.
        target: where the first part of its replay ends.
        timeout: seconds until the restore is killed.
        taken: whether the backup's files lie there already, since they were taken of a standby.

    Raises:
        ProgramFailed: as PgBackRest.restore.
        ConfigError: WAL cannot be read before it is replayed.
    """
    pgbackrest = PgBackRest(clone.cluster, clone.programs, config=clone.cluster.drill_pgbackrest_config)
    options = (f"--lock-path={clone.place / 'lock'}", "--no-log-subprocess", "--log-level-file=off")
    fetch_wal = pgbackrest.restore_command(
        clone.data,
        repository=repository,
        spool=clone.spool,
        options=(*options, f"--process-max={os.cpu_count()}"),
    )
    fetch_wal = inspecting(
        fetch_wal,
        clone.place,
        clone.programs,
        floor=parse_lsn(backup.lsn_start) if backup.lsn_start else 0,
        until=target.moment,
        allowed=clone.tablespaces,
    )
    if taken:
        _recover(clone, target, fetch_wal)
        return
    pgbackrest.restore(
        clone.data,
        repository=repository,
        timeout=timeout,
        recovery=target.recovery(),
        backup_set=backup.label,
        process_max=os.cpu_count(),
        fetch_wal=fetch_wal,
        # A restore empties its spool, which by default is the one that production archives through.
        options=(
            *target.options(),
            f"--tablespace-map-all={clone.place / 'tablespaces'}",
            f"--spool-path={clone.spool}",
            *options,
        ),
    )
    auto = clone.data / AUTO
    text = auto.read_text(encoding="utf-8", errors="surrogateescape") if auto.exists() else ""
    _configure(clone, kept_of_auto_conf(text))


def _recover(clone: Clone, target: RecoveryTarget, fetch_wal: str) -> None:
    """Let files that were taken replay from the repository, and no more follow the primary of their standby."""
    settings = f"restore_command = {quoted(fetch_wal)}\n{target.settings()}"
    _configure(clone, f"# Written for this drill\n{settings}")
    signal = clone.data / "recovery.signal"
    signal.touch(mode=0o600)
    clone.programs.own(signal)


def _configure(clone: Clone, auto_conf: str) -> None:
    auto = clone.data / AUTO
    auto.write_text(auto_conf, encoding="utf-8", errors="surrogateescape")
    clone.programs.own(auto)
    (clone.data / "standby.signal").unlink(missing_ok=True)
    write_settings(clone)
    _write(clone, "pg_hba.conf", HBA)
    _write(clone, "pg_ident.conf", "")


def write_settings(clone: Clone) -> None:
    """Write the settings of a clone's next start, as its control file demands them now."""
    settings = server_settings(
        data=clone.data,
        place=clone.place,
        sockets=clone.sockets,
        cluster=clone.cluster.name,
        control=control_data(clone.programs, clone.server_program("pg_controldata"), clone.data),
        floors=clone.production.floors,
    )
    _write(clone, CONFIGURATION, settings)


def _write(clone: Clone, name: str, content: str) -> None:
    file = clone.place / name
    file.write_text(content, encoding="utf-8", errors="surrogateescape")
    file.chmod(0o600)
    clone.programs.own(file)
