from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability.backups.pgbackrest import PgBackRest, Recovery
from printflow_reliability.backups.pgbackrest_errors import (
    ArchiveTimeout,
    NoBackupForTarget,
    PathNotEmpty,
    PostmasterRunning,
    RepositoryDamaged,
)
from printflow_reliability.errors import ConfigError, LockHeld, PrintflowError
from printflow_reliability.programs import Completed, ProgramFailed, Programs
from printflow_reliability.settings import ClusterSettings

CLUSTER = ClusterSettings(name="live_db", stanza="live", url="postgresql://x", pgbackrest_config=Path("/etc/pgb.conf"))


@dataclass(frozen=True)
class Recording(Programs):
    """A runner that remembers what it was asked to run, and ends with the exit code it was told."""

    ends_with: int = 0
    asked: list[Sequence[str]] = field(default_factory=list)

    def run(self, argv: Sequence[str], **_: Any) -> Completed:
        self.asked.append(argv)
        if self.ends_with:
            raise ProgramFailed(
                f"pgbackrest ended with exit code {self.ends_with}", exit_code=self.ends_with, stderr_tail="ERROR: so"
            )
        return Completed("{}", "", 0.1)


def pgbackrest(ends_with: int = 0) -> tuple[PgBackRest, Recording]:
    programs = Recording("postgres", Path("/usr/bin"), ends_with=ends_with)
    return PgBackRest(CLUSTER, programs), programs


@pytest.mark.parametrize(
    ("exit_code", "kind", "next_step"),
    [
        (28, RepositoryDamaged, "backup verify live_db"),
        (32, ConfigError, "/etc/pgb.conf"),
        (38, PostmasterRunning, "stop the server"),
        (40, PathNotEmpty, "empty directory"),
        (50, LockHeld, "wait"),
        (62, LockHeld, "--stanza=live start"),
        (75, NoBackupForTarget, "backup list live_db"),
        (82, ArchiveTimeout, "wal verify live_db"),
        (101, ProgramFailed, "log"),
    ],
)
def test_an_exit_code_becomes_an_error_with_the_next_step(
    exit_code: int, kind: type[PrintflowError], next_step: str
) -> None:
    program, _ = pgbackrest(exit_code)

    with pytest.raises(kind, match="live_db") as raised:
        program.backup(1, "full", timeout=10)
    assert next_step in raised.value.next_step


def test_every_call_names_config_and_stanza_and_keeps_messages_off_stdout() -> None:
    program, programs = pgbackrest()

    program.repo_ls("archive/live", 2)

    assert programs.asked == [
        [
            "pgbackrest",
            "--config=/etc/pgb.conf",
            "--stanza=live",
            "--repo=2",
            "--log-level-console=off",
            "--log-level-stderr=warn",
            "repo-ls",
            "--io-timeout=5",
            "--output=json",
            "--recurse",
            "archive/live",
        ]
    ]


def test_a_restore_never_archives_from_the_clone() -> None:
    program, programs = pgbackrest()
    program.config = Path("/etc/drill.conf")

    program.restore(Path("/clone"), repository=1, timeout=10, recovery=Recovery("lsn", "0/5A000148", "pause"))

    assert "--archive-mode=off" in programs.asked[0]
    assert "--config=/etc/drill.conf" in programs.asked[0]
    assert {"--type=lsn", "--target=0/5A000148", "--target-action=pause"} <= set(programs.asked[0])


def test_a_restored_server_is_given_a_restore_command_that_survives_shell_and_configuration_file() -> None:
    program, programs = pgbackrest()

    command = program.restore_command(Path("/it's 100%"), repository=1, spool=Path("/spool"))
    program.restore(Path("/it's 100%"), repository=1, timeout=10, fetch_wal=command)

    assert "--archive-async --spool-path=/spool" in command
    assert command.endswith(' archive-get %f "%p"')
    assert "100%%" in command
    option = next(
        argument for argument in programs.asked[0] if argument.startswith("--recovery-option=restore_command=")
    )
    value = option.removeprefix("--recovery-option=restore_command=")
    assert value.replace("''", "'") == command
