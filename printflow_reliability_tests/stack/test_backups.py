"""Base backups and WAL on real clusters and repositories: each check rings, is silent, and says when it cannot tell."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from printflow_reliability.backups.backup_list import list_backups
from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.integrity import verify_repositories
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.retention.pgbackrest_expire import expire
from printflow_reliability.backups.taken import BackupRequest
from printflow_reliability.backups.wal import WalReport, verify_wal
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.cli import run
from printflow_reliability.errors import ConfigError
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox.faults import planted
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.repository_objects import flipped, tampered
from printflow_reliability_tests.stack.wal import superuser, switch_wal

pytestmark = pytest.mark.stack

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def backed_up(sandbox: StackSandbox) -> StackSandbox:
    """The sandbox with at least one full backup in each repository, and some WAL after it."""
    info = PgBackRest(sandbox.settings.cluster[0], sandbox.settings.runner()).info()
    if {backup.repository for backup in info.backups} != {1, 2}:
        take_base_backups(sandbox.settings, BackupRequest(type="full"))
    for cluster in sandbox.settings.cluster:
        switch_wal(sandbox, cluster.name, times=3)
    return sandbox


def result(checks: tuple[CheckResult, ...], name: str) -> CheckResult:
    return next(check for check in checks if check.check == name)


@pytest.mark.alarm("backup.recent", "silent")
def test_a_backup_is_read_from_info_in_both_repositories(backed_up: StackSandbox) -> None:
    before = list_backups(backed_up.settings, clusters=["live_db"])

    told: list[str] = []
    request = BackupRequest(("live_db",), by="mona", reason="a test")
    report = take_base_backups(backed_up.settings, request, tell=told.append)

    assert told == []
    known = {backup.label for backup in before.clusters[0].backups}
    assert [taken.repository for taken in report.backups] == [1, 2]
    assert all(
        taken.backup and taken.backup.type == "incr" and taken.backup.label not in known for taken in report.backups
    )
    assert result(report.checks, "backup.recent").outcome is Outcome.PASS
    for document in report.as_json()["backups"]:
        assert document["annotations"] == {"by": "mona", "reason": "a test"}
        assert document["wal_start"] <= document["wal_stop"]
        assert document["database_bytes"] > document["copied_bytes"] > 0
        assert (document["damaged_files"], document["resumed"]) == ([], False)


def test_a_repository_that_a_cluster_does_not_have_is_named(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*config(backed_up), "backup", "run", "live_db", "--repo", "3"]) == 2
    assert "live_db has no repository 3" in capsys.readouterr().err


@pytest.mark.alarm("backup.recent", "ring")
def test_a_backup_of_a_damaged_page_rings_although_pgbackrest_ends_with_0(
    backed_up: StackSandbox, record_property: Record
) -> None:
    program = PgBackRest(backed_up.settings.cluster_named("admin_db"), backed_up.settings.runner())
    with damaged_page(backed_up, "admin_db"):
        began = time.monotonic()
        taken = take_base_backups(backed_up.settings, BackupRequest(("admin_db",), repository=1))
        listing = list_backups(backed_up.settings, clusters=["admin_db"])
        record_property("seconds_to_ring", time.monotonic() - began)
    program.backup(1, "full", timeout=60)

    newest = [backup for backup in listing.clusters[0].backups if backup.repository == 1][-1]
    found = result(listing.checks, "backup.recent")
    assert found.outcome is Outcome.FAIL
    assert newest.error is True
    assert newest.label in found.detail
    (attempt,) = taken.backups
    assert attempt.verdict.outcome is Outcome.FAIL
    assert taken.numbers["damaged_files"] == len(attempt.damaged_files) == 1
    assert attempt.damaged_files[0].startswith("base/")
    assert "repo2" not in found.detail
    assert list_backups(backed_up.settings, clusters=["admin_db"]).checks[0].outcome is Outcome.PASS
    expire(program.program, 1, newest.label)


def test_backups_that_are_too_old_ring(backed_up: StackSandbox) -> None:
    strict = backed_up.settings.model_copy(
        update={"backups": backed_up.settings.backups.model_copy(update={"max_age_seconds": 0.001})}
    )

    found = result(list_backups(strict).checks, "backup.recent")

    assert found.outcome is Outcome.FAIL
    assert "printflow backup run live_db" in found.detail


def test_a_stanza_that_is_not_there_rings(backed_up: StackSandbox) -> None:
    other = tuple(cluster.model_copy(update={"stanza": "nobody"}) for cluster in backed_up.settings.cluster)
    settings = backed_up.settings.model_copy(update={"cluster": other})

    for report in (list_backups(settings), verify_repositories(settings), verify_wal(settings)):
        assert report.checks[0].outcome is Outcome.FAIL
        assert "no stanza" in report.checks[0].detail
    taken = take_base_backups(settings)
    assert taken.checks[0].outcome is Outcome.FAIL
    assert "stanza-create" in taken.backups[0].verdict.sentence


@pytest.mark.alarm("backup.integrity", "silent")
@pytest.mark.alarm("wal.continuity", "silent")
@pytest.mark.alarm("wal.lag", "silent")
def test_healthy_repositories_are_silent(backed_up: StackSandbox) -> None:
    wal = verify_wal(backed_up.settings)
    integrity = verify_repositories(backed_up.settings, clusters=["admin_db"])

    assert [check.outcome for check in wal.checks] == [Outcome.PASS, Outcome.PASS]
    assert all(cluster.recoverable_from and cluster.recoverable_to for cluster in wal.clusters)
    assert result(integrity.checks, "backup.integrity").outcome is Outcome.PASS
    assert integrity.numbers["files_checked"] > 100


@pytest.mark.alarm("backup.integrity", "ring")
def test_a_flipped_byte_in_a_backup_rings(backed_up: StackSandbox, record_property: Record) -> None:
    with (
        planted(backed_up.home, "backup_byte_flipped") as fault,
        tampered(backed_up, 1, "backup/live_db/backup.info.copy", flipped),
    ):
        began = time.monotonic()
        report = verify_repositories(backed_up.settings, clusters=["live_db"])
        record_property("seconds_to_ring", time.monotonic() - began)

    assert result(report.checks, "backup.integrity").outcome is Outcome.FAIL
    assert [repository.verdict.outcome for repository in report.repositories] == [Outcome.FAIL, Outcome.PASS]
    named = [finding.key or "" for finding in report.repositories[0].findings]
    assert any(name.startswith(fault.where["label"]) for name in named)
    assert "backup.info" in named  # verify itself is content with one of two copies


@pytest.mark.alarm("wal.continuity", "ring")
def test_a_missing_segment_rings_by_its_name_until_it_is_acknowledged(
    backed_up: StackSandbox, record_property: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    with planted(backed_up.home, "wal_segment_missing") as fault:
        missing = fault.where["segment"]
        began = time.monotonic()
        report = verify_wal(backed_up.settings, clusters=["live_db"])
        record_property("seconds_to_ring", time.monotonic() - began)
        code = run([*config(backed_up), "wal", "verify", "live_db"])
        said = capsys.readouterr().out
        acknowledge = [*config(backed_up), "wal", "acknowledge", "live_db", missing, missing, "--reason", "a test"]
        try:
            assert run(acknowledge) == 0
            assert gaps(verify_wal(backed_up.settings, clusters=["live_db"])) == [(missing, missing, 1, None)]
            assert (
                run(
                    [*config(backed_up), "wal", "acknowledge", "live_db", missing[:-2] + "00", missing, "--reason", "x"]
                )
                == 2
            )
            assert run([*acknowledge, "--apply"]) == 0
            accepted = verify_wal(backed_up.settings, clusters=["live_db"])
        finally:
            with open_records(backed_up.settings.records) as connection:
                connection.execute("DELETE FROM acknowledged_gaps WHERE cluster = 'live_db'")

    assert result(report.checks, "wal.continuity").outcome is Outcome.FAIL
    assert gaps(report) == [(missing, missing, 1, None)]
    assert code == 1
    assert missing in said
    assert "printflow backup run live_db --type full" in said
    assert gaps(accepted) == [(missing, missing, 1, "a test")]
    assert result(accepted.checks, "wal.continuity").outcome is Outcome.PASS


@pytest.mark.alarm("wal.lag", "ring")
def test_archiving_that_fails_rings(backed_up: StackSandbox, record_property: Record) -> None:
    with archiving_broken(backed_up, "admin_db"):
        began = time.monotonic()
        for _ in range(60):
            report = verify_wal(backed_up.settings, clusters=["admin_db"])
            if result(report.checks, "wal.lag").outcome is Outcome.FAIL:
                break
            time.sleep(0.3)
        record_property("seconds_to_ring", time.monotonic() - began)

    found = result(report.checks, "wal.lag")
    assert found.outcome is Outcome.FAIL
    assert "admin_db: archiving is failing" in found.detail
    switch_wal(backed_up, "admin_db")
    assert result(verify_wal(backed_up.settings).checks, "wal.lag").outcome is Outcome.PASS


@pytest.mark.alarm("wal.lag", "unknown")
def test_the_archive_can_be_judged_while_production_is_down(backed_up: StackSandbox) -> None:
    with backed_up.stopped("admin_db"):
        report = verify_wal(backed_up.settings)
        taken = take_base_backups(backed_up.settings, BackupRequest(("admin_db",)))

    assert result(report.checks, "wal.lag").outcome is Outcome.UNKNOWN
    assert result(report.checks, "wal.continuity").outcome is Outcome.PASS
    assert [cluster.lag.outcome for cluster in report.clusters] == [Outcome.PASS, Outcome.UNKNOWN]
    assert result(taken.checks, "backup.recent").outcome is Outcome.UNKNOWN
    assert [backup.backup for backup in taken.backups] == [None, None]


@pytest.mark.alarm("backup.recent", "unknown")
@pytest.mark.alarm("backup.integrity", "unknown")
@pytest.mark.alarm("backup.reread", "unknown")
@pytest.mark.alarm("wal.continuity", "unknown")
def test_with_its_repository_away_nothing_is_called_healthy(backed_up: StackSandbox) -> None:
    with backed_up.stopped("offsite"), ThreadPoolExecutor(3) as pool:
        listing = pool.submit(list_backups, backed_up.settings)
        integrity = pool.submit(verify_repositories, backed_up.settings, clusters=["admin_db"])
        wal = pool.submit(verify_wal, backed_up.settings)
        checks = (*listing.result().checks, *integrity.result().checks, *wal.result().checks)

    for name in ("backup.recent", "backup.integrity", "backup.reread", "wal.continuity"):
        assert result(checks, name).outcome is Outcome.UNKNOWN, name
    assert "repo2" in result(checks, "wal.continuity").detail


def test_only_one_backup_of_a_cluster_runs_at_a_time(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*config(backed_up), "backup", "run", "admin_db"]

    with ThreadPoolExecutor(2) as pool:
        codes = sorted(pool.map(run, [command, command]))

    assert codes == [0, 2]
    assert "already" in capsys.readouterr().out


def test_a_cluster_that_nobody_knows_is_answered_with_those_there_are(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="admin_db, live_db"):
        list_backups(backed_up.settings, clusters=["life_db"])
    assert run([*config(backed_up), "backup", "list", "life_db", "--json"]) == 2
    assert "life_db" in json.loads(capsys.readouterr().out)["error"]["what"]


def config(sandbox: StackSandbox) -> list[str]:
    return ["--config", str(sandbox.config)]


def gaps(report: WalReport) -> list[tuple[str, str, int, str | None]]:
    return [
        (gap.first, gap.last, gap.count, gap.acknowledged)
        for cluster in report.clusters
        for repository in cluster.repositories
        for gap in repository.gaps
    ]


@contextmanager
def archiving_broken(sandbox: StackSandbox, cluster: str) -> Iterator[None]:
    """Production's archive_command fails for the block, and there is something to archive."""
    with superuser(sandbox, cluster) as connection:
        try:
            connection.execute("ALTER SYSTEM SET archive_command = '/bin/false'")
            connection.execute("SELECT pg_reload_conf()")
            time.sleep(1)  # the archiver reads its configuration between two files
            connection.execute("SELECT pg_logical_emit_message(true, 'printflow', 'something to archive')")
            connection.execute("SELECT pg_switch_wal()")
            yield
        finally:
            connection.execute("ALTER SYSTEM RESET archive_command")
            connection.execute("SELECT pg_reload_conf()")


@contextmanager
def damaged_page(sandbox: StackSandbox, cluster: str) -> Iterator[None]:
    """A table of production with a flipped byte on disk, dropped at the end."""
    with superuser(sandbox, cluster) as connection:
        connection.execute("CREATE TABLE damaged AS SELECT generate_series(1, 5000) AS n")
        try:
            connection.execute("CHECKPOINT")
            row = connection.execute(
                "SELECT current_setting('data_directory') || '/' || pg_relation_filepath('damaged')"
            ).fetchone()
            assert row is not None
            path = Path(row[0])
            content = bytearray(path.read_bytes())
            content[8192 + 4000] ^= 1
            with path.open("r+b") as file:
                file.write(content)
            yield
        finally:
            connection.execute("DROP TABLE damaged")
