"""The commands of pgBackRest that are used here, for one cluster's stanza, and what their answers mean.

Its exit code 0 proves little: a missing stanza, a backup that met bad pages and a damaged repository all end with 0.
What a command achieved is read from `info` and from the repository itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from printflow_reliability.backups.info import (
    RepositoryStatus,
    StanzaInfo,
    parse_info,
    parse_tablespaces,
)
from printflow_reliability.backups.listing import RepositoryFile, parse_listing
from printflow_reliability.backups.pgbackrest_errors import unreadable
from printflow_reliability.backups.pgbackrest_program import ASK_SECONDS, PgBackRestProgram
from printflow_reliability.backups.restore_command import as_setting, restore_command
from printflow_reliability.platform.connect import answer_watch
from printflow_reliability.programs import Completed, ProgramFailed, Programs, Watches
from printflow_reliability.settings import ClusterSettings

BackupType = Literal["full", "diff", "incr"]
RecoveryType = Literal["default", "immediate", "lsn", "name", "time", "xid"]
TargetAction = Literal["pause", "promote", "shutdown"]

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
    """Its commands, for one cluster's stanza.

    Attributes:
        cluster: whose stanza.
        config: its configuration file; a drill sets the one with read-only credentials.
    """

    def __init__(self, cluster: ClusterSettings, programs: Programs, *, config: Path | None = None) -> None:
        self.cluster = cluster
        self.config = config or cluster.pgbackrest_config
        self.programs = programs

    def unreadable(self, status: RepositoryStatus) -> ProgramFailed:
        """What to tell a person of a repository whose status in `info` is an error."""
        return unreadable(status, self.program.where(status.number))

    def info(self, repository: int | None = None) -> StanzaInfo:
        """What the stanza holds, in one repository or all; of a missing stanza only its status.

        Raises:
            CouldNotTell: it cannot be asked, or its answer cannot be read.
        """
        answer = self.program.run("info", PATIENCE, "--output=json", repository=repository)
        return parse_info(answer.stdout, self.cluster.stanza)

    def tablespaces(self, label: str, repository: int) -> frozenset[int]:
        """The OIDs of the tablespaces that a backup's manifest knows.

        Raises:
            CouldNotTell: it cannot be asked, or its answer cannot be read.
        """
        answer = self.program.run("info", PATIENCE, "--output=json", f"--set={label}", repository=repository)
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

        Nothing expires after it, whatever the configuration's own retention: `backup expire` has the policy.

        Raises:
            Busy: another backup of this stanza is running.
            LockHeld: somebody ran `pgbackrest stop`.
            ArchiveTimeout: WAL did not reach the archive, so the backup was given up.
        """
        noted = [f"--annotation={key}={value}" for key, value in (annotations or {}).items()]
        silence = self.program.silence(repository)
        watches: Watches = [*silence, answer_watch(self.cluster)]
        backup = ("backup", f"--type={backup_type}", "--no-expire-auto", *noted)
        return self.program.run(*backup, repository=repository, timeout=timeout, watches=watches)

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
        replay = (recovery or Recovery()).options()
        arguments = [f"--pg1-path={destination}", _HERE, *_WHOLE, "--archive-mode=off", *replay]
        if backup_set is not None:
            arguments.append(f"--set={backup_set}")
        if process_max is not None:
            arguments.append(f"--process-max={process_max}")
        if fetch_wal is not None:
            arguments.append(f"--recovery-option=restore_command={as_setting(fetch_wal)}")
        watches = self.program.silence(repository)
        return self.program.run(
            "restore", *arguments, *options, repository=repository, timeout=timeout, watches=watches
        )

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
        answer = self.program.run("repo-ls", *options, path, repository=repository, timeout=LIST_SECONDS)
        return parse_listing(answer.stdout)

    def repo_get(self, path: str, repository: int) -> str:
        """A text file of a repository, decrypted; RepositoryDamaged if it is not there, or cannot be decrypted."""
        return self.program.run("repo-get", PATIENCE, path, repository=repository).stdout

    def verify(self, repository: int, *, timeout: float) -> Completed:
        """Check every stored byte of one repository: the report on stdout, the names of bad files on stderr.

        It exits with 0 whatever it finds, even if it could not read the repository at all; `verify_report` reads it.
        """
        said = ("--output=text", "--verbose", "--log-level-stderr=detail")
        watches = self.program.silence(repository)
        return self.program.run("verify", *said, repository=repository, timeout=timeout, watches=watches)

    def check(self, *, timeout: float = ASK_SECONDS) -> None:
        """Ask pgBackRest to switch WAL in production and wait for it in every repository's archive."""
        self.program.run("check", timeout=timeout)

    def version(self) -> str:
        """The program's version, such as "2.45"."""
        return self.program.version()

    @property
    def program(self) -> PgBackRestProgram:
        """The program behind these commands."""
        return PgBackRestProgram(self.cluster, self.programs, self.config)
