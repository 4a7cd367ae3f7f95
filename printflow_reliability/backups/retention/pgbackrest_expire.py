"""`pgbackrest expire` for one backup, or for WAL, whatever retention pgBackRest's configuration sets."""

from printflow_reliability.backups.pgbackrest import LIST_SECONDS
from printflow_reliability.backups.pgbackrest_program import PgBackRestProgram
from printflow_reliability.programs import Completed

KEEP_ALL = 9_999_999
"""The largest retention that pgBackRest takes: it then expires nothing by itself."""


def expire(
    program: PgBackRestProgram, repository: int, label: str | None = None, *, wal_backups: int = KEEP_ALL
) -> Completed:
    """Expire one backup with all that build upon it, or WAL; read from `info` what is left.

    Args:
        program: of the stanza.
        repository: the number of the repository.
        label: the backup; None for WAL alone.
        wal_backups: the newest so many backups keep all WAL after them, older ones only what they need to become
            consistent.

    Raises:
        LockHeld: a backup of this stanza is running.
    """
    own = f"--repo{repository}-retention"
    kept = (f"{own}-full-type=count", f"{own}-full={KEEP_ALL}", f"{own}-diff={KEEP_ALL}")
    wal = (f"{own}-archive-type=incr", f"{own}-archive={wal_backups}")
    chosen = (f"--set={label}",) if label is not None else ()
    return program.run("expire", *kept, *wal, *chosen, repository=repository, timeout=LIST_SECONDS)
