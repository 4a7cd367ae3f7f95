"""pgBackRest, called in one way: an argument list, a time limit, its exit codes as errors that say what to do next.

Its exit code 0 proves little: a missing stanza, a backup that met bad pages and a damaged repository all end with 0.
What a command achieved is read from `info` and from the repository itself.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from printflow_reliability.backups.causes import Kind, Where, find_cause, shortened
from printflow_reliability.backups.info import RepositoryStatus, StanzaInfo, parse_info, parse_tablespaces
from printflow_reliability.backups.listing import RepositoryFile, parse_listing
from printflow_reliability.backups.restore_command import as_setting, restore_command
from printflow_reliability.backups.s3_endpoint import silence_watches
from printflow_reliability.errors import ConfigError, LockHeld, PrintflowError
from printflow_reliability.platform.connect import require_answer
from printflow_reliability.programs import Completed, ProgramFailed, Programs, Watches
from printflow_reliability.settings import ClusterSettings

BackupType = Literal["full", "diff", "incr"]
RecoveryType = Literal["default", "immediate", "lsn", "name", "time", "xid"]
TargetAction = Literal["pause", "promote", "shutdown"]

ASK_SECONDS = 120
"""How long a question (info, one small file) may take."""
LIST_SECONDS = 3600
"""How long a listing may take: years of WAL are some minutes."""
PATIENCE = "--io-timeout=5"
"""pgBackRest tries a dead S3 server for four times its io-timeout of 60 s: a question would hang for 4 minutes."""

_HERE = "--reset-pg1-host"
"""On a repository's own host the file says where production is, and a restore would be refused."""
_WHOLE = (
    *("--no-delta", "--no-link-all", "--reset-link-map", "--reset-tablespace-map"),
    *("--reset-db-include", "--reset-db-exclude"),
)
"""Whatever the file has for restores in place: all of a backup's databases, and nothing where production has it."""


class ArchiveTimeout(ProgramFailed):
    """WAL that a backup or a check needs did not reach the archive in time: archiving is broken or too slow."""


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
_STOPPED = 62


@dataclass(frozen=True)
class Recovery:
    """Where a restored cluster's replay ends.

    Attributes:
        type: pgBackRest's recovery type; "default" replays to the end of WAL.
        target: LSN, time, name or xid; None for "default" and "immediate".
        action: what the server does at the target.
        timeline: "latest", "current" or a timeline number; None leaves the server's default.
    """

    type: RecoveryType = "default"
    target: str | None = None
    action: TargetAction | None = None
    timeline: str | None = None

    def options(self) -> list[str]:
        """As options of `pgbackrest restore`."""
        given = {
            "type": self.type,
            "target": self.target,
            "target-action": self.action,
            "target-timeline": self.timeline,
        }
        return [f"--{name}={value}" for name, value in given.items() if value is not None]


class PgBackRest:
    """The program, for one cluster's stanza.

    Attributes:
        cluster: whose stanza.
        config: its configuration file; a drill sets the one with read-only credentials.
    """

    def __init__(self, cluster: ClusterSettings, programs: Programs, *, config: Path | None = None) -> None:
        self.cluster = cluster
        self.config = config or cluster.pgbackrest_config
        self._programs = programs

    def unreadable(self, status: RepositoryStatus) -> ProgramFailed:
        """What to tell a person of a repository whose status in `info` is an error."""
        where = f"repo{status.number} of {self.cluster.name}"
        if cause := find_cause(status.message, self._where(status.number)):
            return _BY_CAUSE[cause.kind](f"{where}: {cause.what}", cause.next_step)
        return ProgramFailed(
            f"{where} cannot be read: {shortened(status.message)}",
            f"pgbackrest --config={self.config} --stanza={self.cluster.stanza} --repo={status.number} info",
        )

    def info(self, repository: int | None = None) -> StanzaInfo:
        """What the stanza holds, in one repository or all; of a missing stanza only its status.

        Raises:
            CouldNotTell: it cannot be asked, or its answer cannot be read.
        """
        answer = self._run("info", PATIENCE, "--output=json", repository=repository)
        return parse_info(answer.stdout, self.cluster.stanza)

    def tablespaces(self, label: str, repository: int) -> frozenset[int]:
        """The OIDs of the tablespaces that a backup's manifest knows.

        Raises:
            CouldNotTell: it cannot be asked, or its answer cannot be read.
        """
        answer = self._run("info", PATIENCE, "--output=json", f"--set={label}", repository=repository)
        return parse_tablespaces(answer.stdout, label)

    def backup(
        self,
        repository: int,
        backup_type: BackupType,
        *,
        timeout: float,
        annotations: Mapping[str, str] | None = None,
    ) -> Completed:
        """Take a base backup into one repository. Read from `info` whether there is one.

        Raises:
            LockHeld: another backup of this stanza is running.
            ArchiveTimeout: WAL did not reach the archive, so the backup was given up.
        """
        noted = [f"--annotation={key}={value}" for key, value in (annotations or {}).items()]
        silence = silence_watches(self.config, self.cluster.stanza, repository)
        watches: Watches = [*silence, partial(require_answer, self.cluster)]
        backup = ("backup", f"--type={backup_type}", *noted)
        return self._run(*backup, repository=repository, timeout=timeout, watches=watches)

    def restore(
        self,
        destination: Path,
        *,
        repository: int,
        timeout: float,
        recovery: Recovery | None = None,
        backup_set: str | None = None,
        process_max: int | None = None,
        fetch_wal: str | None = None,
        options: Sequence[str] = (),
    ) -> Completed:
        """Restore into a directory; archiving is off in what is restored, so that a clone never pushes WAL.

        Args:
            destination: the data directory to make; it must be empty or absent, and its parent writable for the
                user that programs run as.
            repository: the number of the repository.
            timeout: seconds until the restore is killed.
            recovery: where replay ends; the end of WAL if None.
            backup_set: the label of the backup; the newest that fits the target if None.
            process_max: parallel transfers; the configuration's if None.
            fetch_wal: the restore_command of the restored server, as `restore_command` makes it; pgBackRest's if None.
            options: further options, such as `--tablespace-map-all=DIR`.

        Raises:
            NoBackupForTarget, PathNotEmpty, PostmasterRunning, RepositoryDamaged: as named.
        """
        arguments = [
            f"--pg1-path={destination}",
            _HERE,
            *_WHOLE,
            "--archive-mode=off",
            *(recovery or Recovery()).options(),
        ]
        if backup_set is not None:
            arguments.append(f"--set={backup_set}")
        if process_max is not None:
            arguments.append(f"--process-max={process_max}")
        if fetch_wal is not None:
            arguments.append(f"--recovery-option=restore_command={as_setting(fetch_wal)}")
        watches = silence_watches(self.config, self.cluster.stanza, repository)
        return self._run("restore", *arguments, *options, repository=repository, timeout=timeout, watches=watches)

    def restore_command(self, destination: Path, *, repository: int, spool: Path, options: Sequence[str] = ()) -> str:
        """The command with which a server restored into a directory fetches WAL, several segments ahead.

        Args:
            destination: its data directory.
            repository: the number of the repository.
            spool: an empty directory for segments that were fetched ahead.
            options: further options of `archive-get`, such as `--lock-path=DIR`.
        """
        return restore_command(
            [
                *("pgbackrest", f"--config={self.config}", f"--stanza={self.cluster.stanza}", f"--repo={repository}"),
                *(f"--pg1-path={destination}", _HERE, "--archive-async", f"--spool-path={spool}", *options),
            ]
        )

    def repo_ls(self, path: str, repository: int, *, recurse: bool = True) -> tuple[RepositoryFile, ...]:
        """The files below a path of a repository, in order of name, names relative to the path.

        A path that is not there is an empty listing: 2.45 makes no difference.
        """
        options = (PATIENCE, "--output=json", *(("--recurse",) if recurse else ()))
        answer = self._run("repo-ls", *options, path, repository=repository, timeout=LIST_SECONDS)
        return parse_listing(answer.stdout)

    def repo_get(self, path: str, repository: int) -> str:
        """A text file of a repository, decrypted.

        Raises:
            RepositoryDamaged: it is not there, or cannot be decrypted.
        """
        return self._run("repo-get", PATIENCE, path, repository=repository).stdout

    def verify(self, repository: int, *, timeout: float) -> Completed:
        """Check every stored byte of one repository: the report on stdout, the names of bad files on stderr.

        It exits with 0 whatever it finds, even if it could not read the repository at all; `verify_report` reads it.
        """
        said = ("--output=text", "--verbose", "--log-level-stderr=detail")
        watches = silence_watches(self.config, self.cluster.stanza, repository)
        return self._run("verify", *said, repository=repository, timeout=timeout, watches=watches)

    def check(self, *, timeout: float = ASK_SECONDS) -> None:
        """Ask pgBackRest to switch WAL in production and wait for it in every repository's archive."""
        self._run("check", timeout=timeout)

    def version(self) -> str:
        """The program's version, such as "2.45"."""
        return self._programs.run(["pgbackrest", "version"], timeout=10).stdout.split()[-1]

    def _too_old(self) -> str | None:
        """The version if it is older than the oldest that will do."""
        version = self.version()
        return version if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < MINIMUM_VERSION else None

    def _where(self, repository: int | None) -> Where:
        name = f"repo{repository}" if repository is not None else "repo*"
        return Where(self.cluster.name, self.cluster.stanza, str(self.config), name)

    def _run(
        self,
        command: str,
        *arguments: str,
        repository: int | None = None,
        timeout: float = ASK_SECONDS,
        watches: Watches = (),
    ) -> Completed:
        where = [f"--repo={repository}"] if repository is not None else []
        # Whatever level the file sets: messages on stdout would end up inside the JSON.
        quiet = ["--log-level-console=off"]
        if not any(argument.startswith("--log-level-stderr") for argument in arguments):
            quiet.append("--log-level-stderr=warn")
        argv = [
            "pgbackrest",
            f"--config={self.config}",
            f"--stanza={self.cluster.stanza}",
            *where,
            *quiet,
            command,
            *arguments,
        ]
        try:
            return self._programs.run(argv, timeout=timeout, watches=watches)
        except ProgramFailed as failed:
            raise self._explained(command, repository, failed) from None

    def _explained(self, command: str, repository: int | None, failed: ProgramFailed) -> PrintflowError:
        """The failure in our words: what was done to which stanza, and what comes next."""
        where = f" repo{repository}" if repository is not None else ""
        subject = f"pgbackrest {command} of {self.cluster.name}{where}"
        if failed.exit_code < 0:
            return ProgramFailed(f"{subject}: {failed.what}", failed.next_step, exit_code=failed.exit_code)
        said = " ".join(failed.stderr_tail.split()) or "it said nothing"
        what = f"{subject} failed with code {failed.exit_code}: {said}"
        if re.search(rf"unable to open (?:missing )?file '{re.escape(str(self.config))}'", failed.said):
            return ConfigError(f"{subject}: {said}", f"check the path of {self.config}, its owner and mode")
        if failed.exit_code == _LOCK_HELD:
            return LockHeld(f"pgbackrest is at work on {self.cluster.name} already: {said}", "wait for it to end")
        if failed.exit_code == _STOPPED:
            return LockHeld(what, f"somebody ran `pgbackrest stop`; pgbackrest --stanza={self.cluster.stanza} start")
        if failed.exit_code in _INVALID and (version := self._too_old()):
            return ConfigError(
                f"pgBackRest {version} is too old: {'.'.join(map(str, MINIMUM_VERSION))} or later is needed",
                "upgrade pgBackRest",
            )
        if failed.exit_code in _CONFIGURATION or _SYNTAX.search(failed.said):
            return ConfigError(what, f"correct {self.config}")
        if failed.exit_code in _HIDES_CAUSE and (cause := find_cause(failed.said, self._where(repository))):
            return _BY_CAUSE[cause.kind](
                f"{subject}: {cause.what}",
                cause.next_step,
                exit_code=failed.exit_code,
                stderr_tail=failed.stderr_tail,
            )
        kind, next_step = _KINDS.get(failed.exit_code, (ProgramFailed, "read what it said, and its log"))
        names = {"cluster": self.cluster.name, "stanza": self.cluster.stanza, "config": self.config}
        return kind(what, next_step.format(**names), exit_code=failed.exit_code, stderr_tail=failed.stderr_tail)
