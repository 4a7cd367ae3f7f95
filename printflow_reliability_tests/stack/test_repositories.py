"""Repositories of every kind, and pgBackRest as others configure it."""

import os
import pwd
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from printflow_reliability.backups.backup_list import list_backups
from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.integrity import verify_repositories
from printflow_reliability.backups.pgbackrest import PgBackRest, Recovery
from printflow_reliability.backups.pgbackrest_errors import RepositoryDamaged
from printflow_reliability.backups.segment import parse_segment
from printflow_reliability.backups.wal import verify_wal
from printflow_reliability.checks import Outcome
from printflow_reliability.drills.isolation import repository_state
from printflow_reliability.drills.write_probe import PROBE, Unprovable, refuse_writer
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.programs import ProgramFailed, Programs
from printflow_reliability.restore.expected_end import archived_in_repository
from printflow_reliability.restore.plan import Point, backups_in
from printflow_reliability.restore.production import ask_production
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster, settings_with

pytestmark = pytest.mark.stack

PASSPHRASE = "the-passphrase-of-the-test"


@pytest.fixture(scope="module")
def plain() -> Iterator[PlainCluster]:
    with plain_cluster(f"job-retry=0\nrepo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass={PASSPHRASE}") as cluster:
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
        with psycopg.connect(plain.settings.url, port=5433, autocommit=True) as restored:
            # A server that is started is consistent, and not yet at the end of its WAL.
            deadline = time.monotonic() + 30
            while restored.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
                assert time.monotonic() < deadline, "the restored server does not reach the end of its WAL"
                time.sleep(0.05)
            assert restored.execute("SELECT n FROM after_the_backup").fetchone() == (1,)
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
    reader = Programs(run_as="nobody", path=plain.programs.path)
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
    return [item["Key"] for page in pages for item in page.get("Contents", ())]


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


def test_the_backups_of_a_former_cluster_are_not_taken_for_productions() -> None:
    with plain_cluster() as plain:
        settings = plain.whole_settings
        plain.pgbackrest.backup(1, "full", timeout=60)
        for _ in range(3):
            plain.switch_wal()
        former = plain.pgbackrest.info(1).backups
        plain.stop()
        shutil.rmtree(plain.home / "data")
        plain.initdb()

        for advice in ("stanza-upgrade", "backup run plain --type full"):
            listing, wal = list_backups(settings), verify_wal(settings)
            for check in (listing.checks[0], wal.checks[0]):
                assert check.outcome is Outcome.FAIL
                assert "holds no backup of plain: 1 backup of another cluster (system identifier " in check.detail
                assert advice in check.detail
            assert listing.as_json()["clusters"][0]["backups"][0]["former_cluster"] is True
            with pytest.raises(Refused, match="backups of another cluster than plain"):
                backups_in(plain.pgbackrest, 1, ask_production(plain.settings))
            if advice == "stanza-upgrade":
                plain.command("stanza-upgrade")

        newest = plain.switch_wal()
        plain.pgbackrest.backup(1, "incr", timeout=60)
        production = ask_production(plain.settings)
        own = backups_in(plain.pgbackrest, 1, production)[1]
        assert [backup.type for backup in own] == ["full"]
        assert not {backup.label for backup in own} & {backup.label for backup in former}
        listing, wal = list_backups(settings), verify_wal(settings)
        assert [listing.checks[0].outcome, wal.checks[0].outcome] == [Outcome.PASS, Outcome.PASS]
        assert wal.clusters[0].recoverable_from == own[0].finished_at
        # The former cluster's segments have higher numbers; they are nothing that this one must reach.
        reach = archived_in_repository(plain.pgbackrest, 1, Point(production, own[0]), 1024**2)
        assert reach < (parse_segment(newest, 1024**2).number + 5) * 1024**2

        plain.stop()
        for check in (list_backups(settings).checks[0], verify_wal(settings).checks[0]):
            assert check.outcome is Outcome.PASS
            assert "whether it is of plain is not known" in check.detail
        # Segments of 1 MB, which nobody can be asked for.
        assert verify_wal(settings).clusters[0].repositories[0].unknown is None
        shutil.rmtree(plain.home / "data")
        plain.initdb()


def test_certain_damage_is_not_hidden_by_a_file_that_cannot_be_read(plain: PlainCluster) -> None:
    stored = sorted((plain.home / "repo/archive/plain").rglob("0000000*-*.gz"))
    # The first one verify opens by itself, to learn the size of segments, and gives up if it cannot.
    unreadable, damaged = stored[1], stored[-1]
    good = damaged.read_bytes()
    mode = unreadable.stat().st_mode
    try:
        unreadable.chmod(0)
        settings = plain.whole_settings
        doubt = verify_repositories(settings).checks[0]
        damaged.write_bytes(good[: len(good) // 2])
        found = verify_repositories(settings).checks[0]
    finally:
        unreadable.chmod(mode)
        damaged.write_bytes(good)

    assert (doubt.outcome, found.outcome) == (Outcome.UNKNOWN, Outcome.FAIL)
    assert damaged.name[:24] in found.detail
    assert "besides, not known: " in found.detail
    assert unreadable.name[:24] in doubt.detail
    assert verify_repositories(settings).checks[0].outcome is Outcome.PASS


def test_a_file_that_is_still_being_written_is_no_change_of_the_repository(plain: PlainCluster) -> None:
    before = repository_state(plain.pgbackrest, 1)
    (folder, *_) = (path for path in (plain.home / "repo/archive/plain").glob("*-1/*") if path.is_dir())
    written = folder / f"{folder.name}000000FE-{'0' * 40}.gz.pgbackrest.tmp"
    stray = folder / "stray.gz"
    try:
        written.write_bytes(b"half of it")
        assert repository_state(plain.pgbackrest, 1) == before
        stray.write_bytes(b"whole")
        assert repository_state(plain.pgbackrest, 1).files.keys() - before.files.keys() == {
            f"archive/{folder.parent.name}/{folder.name}/stray.gz"
        }
    finally:
        for path in (written, stray):
            path.unlink(missing_ok=True)


@pytest.mark.parametrize("instead", ["repo1-cipher-pass=wrong", "repo1-cipher-type=none"])
def test_a_wrong_passphrase_is_named_whatever_is_asked(plain: PlainCluster, instead: str) -> None:
    option = instead.partition("=")[0]
    lines = (plain.home / "pgbackrest.conf").read_text().splitlines()
    broken = plain.home / "wrong.conf"
    broken.write_text("\n".join(instead if line.startswith(option) else line for line in lines))
    broken.chmod(0o644)
    wrong = plain.settings.model_copy(update={"pgbackrest_config": broken})
    settings = settings_with(wrong)
    for report in (list_backups(settings), verify_repositories(settings), verify_wal(settings)):
        check = report.checks[0]
        assert check.outcome is Outcome.UNKNOWN
        assert "repo1 cannot be decrypted: repo1-cipher-pass or -cipher-type" in check.detail
        assert check.detail.isprintable()
    told: list[str] = []
    taken = take_base_backups(settings, tell=told.append)
    assert "repo1 cannot be decrypted" in taken.backups[0].verdict.sentence
    assert told == [taken.backups[0].verdict.sentence]
    pgbackrest = PgBackRest(wrong, plain.programs)
    with pytest.raises(RepositoryDamaged, match="repo1 cannot be decrypted") as refused:
        pgbackrest.restore(plain.home / "nowhere", repository=1, timeout=60)
    assert PASSPHRASE not in str(refused.value)
    with pytest.raises(RepositoryDamaged, match="repo1 cannot be decrypted"):
        backups_in(pgbackrest, 1)


@pytest.mark.parametrize(
    ("option", "instead", "said"),
    [
        ("repo1-s3-key=", "nobody", "S3 does not know the access key in repo1-s3-key"),
        ("repo1-s3-key-secret=", "wrong", "S3 refuses the secret in repo1-s3-key-secret"),
        ("repo1-s3-bucket=", "no-such-bucket", "or there is no such bucket"),
        ("repo1-storage-ca-file=", "/nowhere.pem", "the file of repo1-storage-ca-file cannot be read"),
        ("repo1-storage-ca-file=", "/etc/ssl/certs/ca-certificates.crt", "is not trusted"),
        ("repo1-path=", "/elsewhere", "has no stanza live_db"),
    ],
)
def test_the_true_cause_is_said_and_the_other_repository_is_judged_all_the_same(
    sandbox: StackSandbox, option: str, instead: str, said: str
) -> None:
    cluster = sandbox.settings.cluster[0]
    lines = cluster.pgbackrest_config.read_text().splitlines()
    broken = sandbox.home.path("pgbackrest") / "wrong.conf"
    broken.write_text("\n".join(f"{option}{instead}" if line.startswith(option) else line for line in lines))
    broken.chmod(0o644)
    settings = sandbox.settings.model_copy(
        update={"cluster": (cluster.model_copy(update={"pgbackrest_config": broken}),)}
    )
    first, second = list_backups(settings).clusters[0].verdicts
    assert said in first.sentence
    assert sandbox.home.secret("s3-backup.secret") not in first.sentence
    assert "repo2" in second.sentence
    assert "could not tell" not in second.sentence


@pytest.mark.parametrize("config", ["/nowhere/pgbackrest.conf", "mode 0000", "[syntax"])
def test_a_configuration_that_cannot_be_read_is_that_clusters_own_trouble(
    sandbox: StackSandbox, plain: PlainCluster, config: str
) -> None:
    file = plain.home / "broken.conf"
    if not config.startswith("/"):
        file.unlink(missing_ok=True)
        file.write_text(config)
        file.chmod(0 if config.startswith("mode") else 0o644)
    wrong = plain.settings.model_copy(update={"pgbackrest_config": Path(config) if config.startswith("/") else file})
    settings = sandbox.settings.model_copy(update={"cluster": (wrong, *sandbox.settings.cluster)})
    for report in (list_backups(settings), verify_wal(settings)):
        check = report.checks[0]
        assert str(wrong.pgbackrest_config) in check.detail
        assert "plain" in check.detail
    verdicts = [cluster.verdicts[0].outcome for cluster in list_backups(settings).clusters]
    assert len(verdicts) == 3
    assert verdicts[0] is Outcome.UNKNOWN


def test_why_archiving_fails_is_read_from_the_log_and_the_advice_follows_it(plain: PlainCluster) -> None:
    plain.execute("ALTER SYSTEM SET logging_collector = on")
    plain.restart()
    plain.switch_wal()
    try:
        plain.execute("ALTER SYSTEM SET archive_command = 'echo \"ERROR: [082]: no room\" >&2; exit 7'")
        plain.execute("SELECT pg_reload_conf()")
        time.sleep(1)
        plain.execute("SELECT pg_logical_emit_message(true, 'printflow', 'something to archive')")
        plain.execute("SELECT pg_switch_wal()")
        for _ in range(50):
            failing = verify_wal(plain.whole_settings)
            if "exit code 7" in failing.checks[1].detail:
                break
            time.sleep(0.2)
        plain.execute("ALTER SYSTEM SET archive_command = ''")
        plain.execute("SELECT pg_reload_conf()")
        time.sleep(0.5)
        empty = verify_wal(plain.whole_settings).checks[1]
    finally:
        plain.execute("ALTER SYSTEM RESET archive_command")
        plain.execute("SELECT pg_reload_conf()")
    said = failing.checks[1].detail
    assert failing.checks[1].outcome is Outcome.FAIL
    assert "archive_command failed with exit code 7, after [082]: no room (last for 0000" in said
    assert "fix archive_command, then: printflow wal verify plain" in said
    assert "echo" not in said
    assert empty.outcome is Outcome.FAIL
    assert "archive_command is empty" in empty.detail
