"""The pgBackRest program, called in one way: an argument list, a time limit, its exit codes as errors.

Messages on stdout are off whatever the configuration sets, as they would end up inside the JSON.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from printflow_reliability.backups.causes import AskedRepository
from printflow_reliability.backups.pgbackrest_errors import explained
from printflow_reliability.backups.s3_endpoint import silence_watches
from printflow_reliability.piped import piped
from printflow_reliability.programs import Completed, ProgramFailed, Programs, Watches
from printflow_reliability.settings import ClusterSettings

ASK_SECONDS = 120
"""How long a question (info, one small file) may take."""


@dataclass(frozen=True)
class PgBackRestProgram:
    """The program with one configuration file, for one cluster's stanza."""

    cluster: ClusterSettings
    programs: Programs
    config: Path

    def run(
        self,
        command: str,
        *arguments: str,
        repository: int | None = None,
        timeout: float = ASK_SECONDS,
        watches: Watches = (),
    ) -> Completed:
        """Carry out one command; a failure is explained."""
        argv = _argv(self.config, self.cluster.stanza, command, arguments, repository)
        try:
            return self.programs.run(argv, timeout=timeout, watches=watches)
        except ProgramFailed as failed:
            raise explained(failed, command, repository, self.where(repository), self.version) from None

    @contextmanager
    def output(
        self, command: str, *arguments: str, repository: int, timeout: float, watches: Watches = ()
    ) -> Iterator[IO[bytes]]:
        """What one command prints, as a stream that the block reads to its end; a failure is explained."""
        argv = _argv(self.config, self.cluster.stanza, command, arguments, repository)
        try:
            with piped(self.programs, argv, timeout=timeout, watches=watches) as process:
                assert process.stdout is not None  # noqa: S101 - piped opens it
                yield process.stdout
        except ProgramFailed as failed:
            raise explained(failed, command, repository, self.where(repository), self.version) from None

    def version(self) -> str:
        """The program's version, such as "2.45"."""
        return self.programs.run(["pgbackrest", "version"], timeout=10).stdout.split()[-1]

    def where(self, repository: int | None) -> AskedRepository:
        """What a message names."""
        return AskedRepository(self.cluster.name, self.cluster.stanza, str(self.config), f"repo{repository or '*'}")

    def silence(self, repository: int) -> Watches:
        """Watches that end a command whose S3 server says nothing any more."""
        return silence_watches(self.config, self.cluster.stanza, repository)


def _argv(config: Path, stanza: str, command: str, arguments: Sequence[str], repository: int | None) -> list[str]:
    where = [f"--repo={repository}"] if repository is not None else []
    # Whatever level the file sets: messages on stdout would end up inside the JSON.
    quiet = ["--log-level-console=off"]
    if not any(argument.startswith("--log-level-stderr") for argument in arguments):
        quiet.append("--log-level-stderr=warn")
    return ["pgbackrest", f"--config={config}", f"--stanza={stanza}", *where, *quiet, command, *arguments]
