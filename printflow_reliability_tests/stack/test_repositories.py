"""Repositories of every kind, and pgBackRest as others configure it."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from printflow_reliability.backups.pgbackrest import PgBackRest, Recovery
from printflow_reliability.drills.write_probe import PROBE, Unprovable, refuse_writer
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.programs import ProgramFailed, Programs
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def plain() -> Iterator[PlainCluster]:
    with plain_cluster() as cluster:
        cluster.pgbackrest.backup(1, "full", timeout=60)
        yield cluster


def test_a_restored_server_fetches_wal_where_archiving_is_synchronous(plain: PlainCluster) -> None:
    plain.execute("CREATE TABLE IF NOT EXISTS after_the_backup AS SELECT 1 AS n")
    plain.switch_wal()
    # What a shell and PostgreSQL's configuration file would take for their own.
    destination, spool = plain.home / "it's 100% \\ new", plain.home / "spool it's"
    for directory in (destination, spool):
        directory.mkdir(mode=0o700)
        plain.programs.own(directory)
    fetch = plain.pgbackrest.restore_command(
        destination, repository=1, spool=spool, options=(f"--lock-path={plain.home}/lock",)
    )
    plain.pgbackrest.restore(destination, repository=1, timeout=60, recovery=Recovery(), fetch_wal=fetch)
    socket = f"-c unix_socket_directories={plain.home} -p 5433"
    where = ["--wait", "--silent", "--pgdata", str(destination)]
    run, pg_ctl = plain.programs.run, plain.programs.postgres("pg_ctl")
    run([pg_ctl, "start", *where, "--log", f"{plain.home}/restored.log", "--options", socket], timeout=60)
    try:
        run(
            [
                *(plain.programs.postgres("psql"), "-h", str(plain.home), "-p", "5433", "-U", "postgres"),
                *("-v", "ON_ERROR_STOP=1", "-c", "SELECT n FROM after_the_backup", "postgres"),
            ],
            timeout=30,
        )
    finally:
        run([pg_ctl, "stop", *where, "--mode=immediate"], timeout=60)


def test_a_posix_repository_is_refused_to_its_owner_and_open_to_its_group(plain: PlainCluster) -> None:
    before = sorted(plain.home.joinpath("repo").rglob("*"))
    with pytest.raises(ConfigError, match="can write to repo1") as refused:
        refuse_writer(plain.pgbackrest, plain.programs, 1)
    assert "a member of its group" in refused.value.next_step
    assert sorted(plain.home.joinpath("repo").rglob("*")) == before
    if os.geteuid() != 0:
        pytest.skip("only root can run programs as another user")
    group = pwd.getpwnam("nobody").pw_gid
    for path in (plain.home, *before, plain.home / "repo"):
        os.chown(path, -1, group, follow_symlinks=False)
    plain.home.chmod(0o750)
    reader = Programs(run_as="nobody", postgres_bin=plain.programs.postgres_bin, path=plain.programs.path)
    refuse_writer(plain.pgbackrest, reader, 1)


def test_a_posix_repository_that_is_not_there_proves_nothing(plain: PlainCluster, tmp_path: Path) -> None:
    elsewhere = tmp_path / "pgbackrest.conf"
    elsewhere.write_text("[global]\nrepo1-path=/nowhere\n")
    with pytest.raises(CouldNotTell, match="No such file"):
        refuse_writer(PgBackRest(plain.settings, plain.programs, config=elsewhere), plain.programs, 1)


@pytest.mark.parametrize("option", ["repo1-type=azure", "repo1-type=gcs", "repo1-type=sftp", "repo1-host=backup"])
def test_a_repository_that_cannot_be_tried_is_named(plain: PlainCluster, tmp_path: Path, option: str) -> None:
    elsewhere = tmp_path / "pgbackrest.conf"
    elsewhere.write_text(f"[global]\nrepo1-type=posix\n[plain]\n{option}\n")
    with pytest.raises(Unprovable, match="cannot be tried"):
        refuse_writer(PgBackRest(plain.settings, plain.programs, config=elsewhere), plain.programs, 1)


def objects(sandbox: StackSandbox) -> list[str]:
    client = seaweedfs.client(sandbox.home, "pgbackrest-repo1")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="pgbackrest-repo1")
    return [one["Key"] for page in pages for one in page.get("Contents", ())]


def test_credentials_that_can_only_read_s3_are_let_through_and_writers_leave_nothing(sandbox: StackSandbox) -> None:
    cluster, programs = sandbox.settings.cluster[0], sandbox.settings.runner()
    refuse_writer(PgBackRest(cluster, programs, config=cluster.drill_pgbackrest_config), programs, 1)
    with pytest.raises(ConfigError, match="can write to repo1"):
        refuse_writer(PgBackRest(cluster, programs), programs, 1)
    assert not [name for name in objects(sandbox) if PROBE in name]


@pytest.mark.parametrize(
    ("option", "instead", "said"),
    [
        ("repo1-s3-key=", "nobody", "InvalidAccessKeyId"),
        ("repo1-s3-key-secret=", "wrong", "SignatureDoesNotMatch"),
        ("repo1-storage-port=", "1", "refused"),
        ("repo1-storage-ca-file=", "/etc/ssl/certs/ca-certificates.crt", "certificate verify failed"),
    ],
)
def test_an_attempt_that_fails_for_another_reason_proves_nothing(
    sandbox: StackSandbox, tmp_path: Path, option: str, instead: str, said: str
) -> None:
    cluster, programs = sandbox.settings.cluster[0], sandbox.settings.runner()
    assert cluster.drill_pgbackrest_config
    lines = cluster.drill_pgbackrest_config.read_text().splitlines()
    broken = tmp_path / "pgbackrest.conf"
    broken.write_text("\n".join(f"{option}{instead}" if line.startswith(option) else line for line in lines))
    with pytest.raises(CouldNotTell, match=said) as unknown:
        refuse_writer(PgBackRest(cluster, programs, config=broken), programs, 1)
    assert not isinstance(unknown.value, ConfigError)
    assert not isinstance(unknown.value, ProgramFailed)
