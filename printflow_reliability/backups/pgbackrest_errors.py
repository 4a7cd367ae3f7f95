"""pgBackRest's failures in our words: which kind an exit code is, what was done to what, and what comes next."""

import re
from collections.abc import Callable, Mapping

from printflow_reliability.backups.causes import AskedRepository, Kind, find_cause, shortened
from printflow_reliability.backups.info import RepositoryStatus
from printflow_reliability.errors import ConfigError, LockHeld, PrintflowError
from printflow_reliability.programs import ProgramFailed


class ArchiveTimeout(ProgramFailed):
    """WAL that a backup or a check needs did not reach the archive in time: archiving is broken or too slow."""


class Busy(LockHeld):
    """Another backup or expiry of the stanza is running."""


class NoBackupForTarget(ProgramFailed):
    """No backup in the repository can reach the target of a restore."""


class PathNotEmpty(ProgramFailed):
    """A restore would overwrite something."""


class PostmasterRunning(ProgramFailed):
    """A restore's destination has a running server."""


class RepositoryDamaged(ProgramFailed):
    """A file of the repository is missing, truncated or cannot be decrypted."""


_KINDS: Mapping[int, tuple[type[ProgramFailed], str]] = {
    26: (RepositoryDamaged, "printflow backup verify {cluster}"),
    28: (RepositoryDamaged, "printflow backup verify {cluster}; restore from the other repository meanwhile"),
    29: (RepositoryDamaged, "printflow backup verify {cluster}; restore from the other repository meanwhile"),
    38: (PostmasterRunning, "stop the server in that directory, or restore elsewhere"),
    40: (PathNotEmpty, "restore into an empty directory"),
    49: (ProgramFailed, "is the repository's server running, and is it the right address in {config}?"),
    51: (ProgramFailed, "the stanza belongs to another cluster: compare the system identifiers before anything else"),
    55: (
        RepositoryDamaged,
        "printflow backup verify {cluster}; if there was never a stanza: pgbackrest --stanza={stanza} stanza-create",
    ),
    56: (ProgramFailed, "is cluster {cluster} running, and is pg1-* right in {config}?"),
    58: (ProgramFailed, "is it the primary that pg1-* names in {config}?"),
    64: (ProgramFailed, "is the disk full?"),
    75: (
        NoBackupForTarget,
        "printflow backup list {cluster}, then choose a target after the end of one of its backups",
    ),
    82: (ArchiveTimeout, "printflow wal verify {cluster}, and read archive_command's errors in the server's log"),
    95: (RepositoryDamaged, "is the passphrase in {config} the one that the repository was made with?"),
    103: (ProgramFailed, "the repository cannot be used: read its message, and check repo*- in {config}"),
}
_BY_CAUSE: Mapping[Kind, type[ProgramFailed]] = {
    Kind.UNREACHABLE: ProgramFailed,
    Kind.UNDECIPHERABLE: RepositoryDamaged,
    Kind.MISSING: NoBackupForTarget,
}
_CONFIGURATION = frozenset({27, 31, 32, 33, 34, 35, 36, 37, 67, 84, 90})
"""Exit codes for options that are wrong, missing or do not go together."""
_INVALID = frozenset({30, 31, 48})
"""Exit codes for commands and options that this version does not know."""
_HIDES_CAUSE = frozenset({29, 39, 41, 42, 49, 75, 95, 101, 103, 106})
"""Exit codes that do not tell the cause: it is in what was said."""
_SYNTAX = re.compile(r"^(?!.*backup manifest).*(?:ini section should end|missing '=' in key/value at line)", re.DOTALL)
MINIMUM_VERSION = (2, 45)
"""The oldest pgBackRest that all of this was tried with."""
_LOCK_HELD = 50
_LOCK_DENIED = re.compile(r"unable to acquire lock on file '(.+?)': Permission denied")
_STOPPED = 62


def unreadable(status: RepositoryStatus, where: AskedRepository) -> ProgramFailed:
    """What to tell a person of a repository whose status in `info` is an error."""
    subject = f"repo{status.number} of {where.cluster}"
    if cause := find_cause(status.message, where):
        return _BY_CAUSE[cause.kind](f"{subject}: {cause.what}", cause.next_step)
    return ProgramFailed(
        f"{subject} cannot be read: {shortened(status.message)}",
        f"pgbackrest --config={where.config} --stanza={where.stanza} --repo={status.number} info",
    )


def explained(
    failed: ProgramFailed, command: str, repository: int | None, where: AskedRepository, version: Callable[[], str]
) -> PrintflowError:
    """A failed command in our words.

    Args:
        failed: what the program ended with.
        command: the command of pgBackRest.
        repository: the number of the repository that was named; None for all.
        where: whose stanza, and the configuration file.
        version: asks for the program's version.
    """
    place = f" repo{repository}" if repository is not None else ""
    subject = f"pgbackrest {command} of {where.cluster}{place}"
    if failed.exit_code < 0:
        return ProgramFailed(f"{subject}: {failed.what}", failed.next_step, exit_code=failed.exit_code)
    said = " ".join(failed.stderr_tail.split()) or "it said nothing"
    what = f"{subject} failed with code {failed.exit_code}: {said}"
    if re.search(rf"unable to open (?:missing )?file '{re.escape(where.config)}'", failed.said):
        return ConfigError(f"{subject}: {said}", f"check the path of {where.config}, its owner and mode")
    if failed.exit_code == _LOCK_HELD and (denied := _LOCK_DENIED.search(failed.said)):
        # The same code as for a lock that is held, but nobody has to wait for anything.
        return ConfigError(
            f"{subject}: the user that pgBackRest runs as may not open the lock file {denied[1]}",
            f"remove that file if another user left it there, or correct lock-path in {where.config}",
        )
    if failed.exit_code == _LOCK_HELD:
        return Busy(f"pgbackrest is at work on {where.cluster} already: {said}", "wait for it to end")
    if failed.exit_code == _STOPPED:
        return LockHeld(what, f"somebody ran `pgbackrest stop`; pgbackrest --stanza={where.stanza} start")
    if failed.exit_code in _INVALID and version_numbers(installed := version()) < MINIMUM_VERSION:
        return ConfigError(
            f"pgBackRest {installed} is too old: {'.'.join(map(str, MINIMUM_VERSION))} or later is needed",
            "upgrade pgBackRest",
        )
    if failed.exit_code in _CONFIGURATION or _SYNTAX.search(failed.said):
        return ConfigError(what, f"correct {where.config}")
    if failed.exit_code in _HIDES_CAUSE and (cause := find_cause(failed.said, where)):
        return _BY_CAUSE[cause.kind](
            f"{subject}: {cause.what}",
            cause.next_step,
            exit_code=failed.exit_code,
            stderr_tail=failed.stderr_tail,
        )
    kind, next_step = _KINDS.get(failed.exit_code, (ProgramFailed, "read what it said, and its log"))
    names = {"cluster": where.cluster, "stanza": where.stanza, "config": where.config}
    return kind(what, next_step.format(**names), exit_code=failed.exit_code, stderr_tail=failed.stderr_tail)


def version_numbers(version: str) -> tuple[int, ...]:
    """A version such as "2.45" or "2.55.0dev", to be compared: (2, 45)."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
