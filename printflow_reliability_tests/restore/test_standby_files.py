"""Files out of a standby: how they are asked for, what they say of themselves, and why they did not come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from printflow_reliability.backups.info import Backup
from printflow_reliability.errors import CouldNotTell, PrintflowError
from printflow_reliability.programs import ProgramFailed, Programs
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.standby_files import (
    StandbyDamaged,
    base_backup_command,
    explained,
    positioned,
    take,
    verify_command,
)
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.production import Production, Tablespace
from printflow_reliability.restore.recovery_target import RecoveryTarget
from printflow_reliability.restore.standby import LABEL, Standby
from printflow_reliability.settings import ClusterSettings

AT = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
PRODUCTION = Production("shop", 7, 1, "postgres", "/var/lib", 16 * 1024**2, 150000, {}, frozenset(), frozenset())
PLANNED = Backup(LABEL, LABEL, 1, "15-1", AT, AT, 1000, 0, None)
CONTROL = """\
Database system identifier:           7
Latest checkpoint's REDO location:    0/5000028
Minimum recovery ending location:     0/50001F0
Min recovery ending loc's timeline:   1
"""
OF_STANDBY = """\
START WAL LOCATION: 0/5000028 (file 000000010000000000000005)
CHECKPOINT LOCATION: 0/5000060
BACKUP METHOD: streamed
BACKUP FROM: standby
"""


class Installed(Programs):
    """Programs of every version, by their names alone."""

    def postgres(self, name: str, major: int | None = None) -> str:
        return f"/postgresql/{major}/{name}"


@dataclass(frozen=True)
class System(Installed):
    """Where the kernel confines a program or nothing does, and pg_basebackup fails."""

    confines: bool = False
    ran: list[str] = field(default_factory=list)

    def identity(self) -> None:
        """It runs programs as itself."""

    def run(self, argv: Sequence[str], **_: Any) -> Any:
        self.ran.append(argv[0])
        if argv[0] != "sh" or not (self.launcher and self.confines):
            raise ProgramFailed("it said no", exit_code=1)


def standby(*tablespaces: Tablespace) -> Standby:
    cluster = ClusterSettings(
        name="shop (standby)", url="postgresql://watcher:hunter2@replica:5433/shop", pgbackrest_config=Path("/p.conf")
    )
    return Standby(cluster, "watcher", 15, 1000, tablespaces, AT)


@pytest.fixture
def asked() -> tuple[list[str], Mapping[str, str]]:
    spaces = (Tablespace(16384, "fast", "/mnt/fast disk"), Tablespace(16385, "odd", "/mnt/a=b"))
    return base_backup_command(Installed("postgres"), standby(*spaces), Path("/d/data"), Path("/d/tablespaces"))


def test_no_password_is_in_an_argument_and_the_primary_is_never_copied(
    asked: tuple[list[str], Mapping[str, str]],
) -> None:
    argv, environment = asked
    assert "hunter2" not in " ".join(argv)
    assert environment == {"PGPASSWORD": "hunter2"}
    conninfo = conninfo_to_dict(next(option for option in argv if option.startswith("--dbname="))[9:])
    assert (conninfo["host"], conninfo["port"], conninfo["target_session_attrs"]) == ("replica", "5433", "standby")


def test_every_tablespace_comes_into_the_clones_own_directory_and_no_slot_is_needed(
    asked: tuple[list[str], Mapping[str, str]],
) -> None:
    argv, _ = asked
    assert argv[0] == "/postgresql/15/pg_basebackup"
    assert [option for option in argv if option.startswith("--tablespace-mapping=")] == [
        "--tablespace-mapping=/mnt/fast disk=/d/tablespaces/16384",
        r"--tablespace-mapping=/mnt/a\=b=/d/tablespaces/16385",
    ]
    assert {"--pgdata=/d/data", "--format=plain", "--wal-method=none", "--no-password"} <= set(argv)
    assert not any("slot" in option for option in argv)


@pytest.mark.parametrize(("confines", "said"), [(False, "could come outside of"), (True, "could not be taken")])
def test_nothing_is_taken_where_only_permissions_keep_a_new_tablespace_in_the_clones_directory(
    tmp_path: Path, confines: bool, said: str
) -> None:
    system = System("postgres", confines=confines)
    clone = Clone(standby().cluster, PRODUCTION, tmp_path, system)
    with pytest.raises(CouldNotTell, match=said):
        take(clone, standby(), PLANNED, timeout=1)
    assert ("/postgresql/15/pg_basebackup" in system.ran) is confines


def test_the_manifest_is_read_without_wal_by_the_program_of_the_clusters_version() -> None:
    argv = verify_command(Installed("postgres"), standby(), Path("/d/data"))
    assert argv == ["/postgresql/15/pg_verifybackup", "--no-parse-wal", "--quiet", "/d/data"]


def test_where_replay_begins_and_must_end_is_what_the_files_say() -> None:
    taken = positioned(PLANNED, PRODUCTION, OF_STANDBY, CONTROL)
    assert (taken.lsn_start, taken.wal_start, taken.lsn_stop) == (
        *("0/5000028", "000000010000000000000005"),
        "0/50001F0",
    )


@pytest.mark.parametrize(
    ("label", "control", "said"),
    [
        (OF_STANDBY, CONTROL.replace("identifier:           7", "identifier:           8"), "is of another cluster"),
        (OF_STANDBY, "", "is of another cluster"),
        (OF_STANDBY.replace("FROM: standby", "FROM: primary"), CONTROL, "takes writes of its own"),
        ("BACKUP FROM: standby\n", CONTROL, "do not say where replay begins"),
        (OF_STANDBY, CONTROL.replace("Minimum", "Other"), "do not say where replay begins"),
    ],
)
def test_files_of_another_server_are_refused(label: str, control: str, said: str) -> None:
    with pytest.raises(CouldNotTell, match=said):
        positioned(PLANNED, PRODUCTION, label, control)


@pytest.mark.parametrize(
    ("said", "told", "next_step"),
    [
        (
            'FATAL:  no pg_hba.conf entry for replication connection from host "10.0.0.7", user "watcher"',
            "its pg_hba.conf has no line for that",
            'add a line such as "host replication watcher ADDRESS',
        ),
        ("FATAL:  must be superuser or replication role to start walsender", "no REPLICATION", 'ROLE "watcher"'),
        ("FATAL:  permission denied to start WAL sender", "no REPLICATION", 'ALTER ROLE "watcher" REPLICATION'),
        (
            "FATAL:  number of requested standby connections exceeds max_wal_senders (currently 10)",
            "has no free walsender",
            "raise max_wal_senders",
        ),
        ("ERROR:  the standby was promoted during online backup", "takes writes of its own", "printflow ready"),
        ("error: connection to server failed: server is not in hot standby mode", "takes writes", "printflow ready"),
        (
            'could not write to file "/d/7/shop/data/base/1/2": No space left on device',
            "did not fit on the disk of /d/7",
            "make room there",
        ),
        (
            'pg_basebackup: error: could not create directory "/mnt/new": Read-only file system',
            'made while its files were taken: pg_basebackup: error: could not create directory "/mnt/new"',
            "makes tablespaces",
        ),
        (
            "ERROR:  WAL generated with full_page_writes=off was replayed since last restartpoint",
            "replayed WAL without full pages",
            "full_page_writes = on",
        ),
        ("FATAL:  something else", "could not be taken: it said FATAL:  something else", "printflow ready"),
    ],
)
def test_why_files_did_not_come_is_told_with_the_next_step(said: str, told: str, next_step: str) -> None:
    error = failure(f"{said}\npg_basebackup: removing contents of data directory")
    assert isinstance(error, CouldNotTell)
    assert 'the standby of cluster "shop"' in error.what
    assert told in error.what
    assert next_step in error.next_step


def test_damaged_pages_are_a_failure_that_names_the_file() -> None:
    error = failure(
        'WARNING:  checksum verification failed in file "base/1/2619", block 0, calculated 1 but expected 2\n'
        "pg_basebackup: error: checksum error occurred"
    )
    assert isinstance(error, StandbyDamaged)
    assert 'checksum verification failed in file "base/1/2619"' in error.what


def failure(said: str) -> PrintflowError:
    return explained("shop", "watcher", Path("/d/7"), ProgramFailed(f"it said {said}", exit_code=1, said=said))


def test_what_was_taken_stops_where_what_was_restored_would() -> None:
    fence = Fence("shop", "f", AT, 3, "0/6000148", "0/6000160", "000000030000000000000006", None, {}, PRODUCTION)
    assert RecoveryTarget(fence).settings() == (
        "recovery_target_lsn = '0/6000148'\nrecovery_target_inclusive = 'off'\n"
        "recovery_target_action = 'pause'\nrecovery_target_timeline = '3'\n"
    )
    assert "recovery_target_action = 'promote'" in RecoveryTarget().settings()
