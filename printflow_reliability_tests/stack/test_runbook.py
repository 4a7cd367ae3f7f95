"""The runbook's commands, verbatim and in order, on servers of their own: each branch rehearsed in earnest."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.taken import BackupRequest
from printflow_reliability.cli import run
from printflow_reliability.platform.tenancy import tenants
from printflow_reliability.restore import reaper
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability.sandbox import up as lifecycle
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability_tests.stack.conftest import StackSandbox, new_home
from printflow_reliability_tests.stack.wal import switch_wal

pytestmark = pytest.mark.stack

ROWS = "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM quotes), (SELECT count(*) FROM tenants)"


@pytest.fixture(scope="module")
def own() -> Iterator[StackSandbox]:
    with new_home() as home:
        lifecycle.up(home)
        lifecycle.fill(home, tenants=2, orders=12, seed=1)
        take_base_backups(home.settings(), BackupRequest(type="full"))
        yield StackSandbox(home, home.settings())


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which `printflow` is this program."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "printflow"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nfrom printflow_reliability.cli import main\nsys.exit(main())\n"
    )
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def rows(home: SandboxHome) -> tuple[object, ...]:
    with postgres.superuser(home, "live_db", "live_db") as connection:
        row = connection.execute(ROWS).fetchone()
    assert row is not None
    return row


def moment_before(own: StackSandbox, statements: Sequence[str]) -> str:
    """Do damage; a moment just before it, with commits after it in the archive of every cluster."""
    time.sleep(1.1)
    with postgres.superuser(own.home, "live_db", "live_db") as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        time.sleep(0.1)
        for statement in statements:
            connection.execute(statement.encode())
    with postgres.superuser(own.home, "admin_db", "admin_db") as connection:
        connection.execute("CREATE TABLE later (); DROP TABLE later")
    for cluster in ("live_db", "admin_db"):
        switch_wal(own, cluster)
    assert row is not None
    return str(row[0].isoformat())


def follow(own: StackSandbox, path: str, capsys: pytest.CaptureFixture[str], scenario: str, *facts: str) -> int:
    """Run every command of a scenario as it stands; how many there were."""
    shutil.rmtree(own.settings.runbook.directory, ignore_errors=True)
    assert run(["--config", str(own.config), "runbook", scenario, *facts, "--json"]) == 0
    steps = json.loads(capsys.readouterr().out)["scenarios"][0]["steps"]
    commands = [step for step in steps if step["command"]]
    for step in commands:
        carry_out(step["command"], path, (0, 1) if step["findings"] else (0,))
    return len(commands)


def carry_out(command: str, path: str, allowed: Sequence[int]) -> None:
    """What a person does with a command of the runbook."""
    done = subprocess.run(
        ["/bin/bash", "-c", command],
        env={**os.environ, "PATH": path, "PYTHONPATH": str(Path.cwd())},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode in allowed, f"{command}\n{done.stdout}\n{done.stderr}"


def printed_commands(own: StackSandbox, capsys: pytest.CaptureFixture[str], scenario: str, *facts: str) -> list[str]:
    """The commands in the very text that a person reads."""
    assert run(["--config", str(own.config), "runbook", scenario, *facts]) == 0
    lines = capsys.readouterr().out.splitlines()
    return [line.strip() for line in lines if line.startswith(" " * 7) and line.strip()]


def content(own: StackSandbox) -> tuple[object, ...]:
    """Every row of orders, their items and quotes, and every object of the bucket, as one would compare them."""
    s3 = seaweedfs.client(own.home, "print-files", "app")
    listed = s3.get_paginator("list_objects_v2").paginate(Bucket="print-files")
    objects = {item["Key"]: (item["ETag"], item["Size"]) for page in listed for item in page.get("Contents", ())}
    with postgres.superuser(own.home, "live_db", "live_db") as connection:
        tables = ("orders", "order_items", "quotes", "tenants")
        every = [f"(SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM {table} t)" for table in tables]
        row = connection.execute(f"SELECT {', '.join(every)}".encode()).fetchone()
    assert row is not None
    return (*row, objects)


def forget_lost(own: StackSandbox) -> None:
    """Remove what a rehearsal has kept aside: the next one keeps its own there."""
    for cluster in own.settings.cluster:
        shutil.rmtree(own.home.path("postgres", f"{cluster.name}.lost"), ignore_errors=True)


def end_recovered(own: StackSandbox) -> None:
    """What the runbook leaves running on purpose."""
    for cluster in own.settings.cluster:
        data = own.settings.runbook.directory / cluster.name / "data"
        if (data / "postmaster.pid").exists():
            runner = own.settings.runner()
            runner.run([runner.postgres("pg_ctl"), "stop", "-D", str(data), "-m", "immediate"], timeout=30)


def test_a_lost_table_and_a_deleted_tenant_come_back(
    own: StackSandbox, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows(own.home)
    at = moment_before(own, ["DROP TABLE quotes"])
    assert follow(own, path, capsys, "table-dropped", "--at", at, "--table", "public.quotes") >= 7
    assert rows(own.home) == before
    tenant = tenants(own.settings)[0].id
    lost = [
        f"DELETE FROM order_items WHERE order_id IN (SELECT id FROM orders WHERE tenant_id = '{tenant}')",
        f"DELETE FROM invoices WHERE order_id IN (SELECT id FROM orders WHERE tenant_id = '{tenant}')",
        f"DELETE FROM orders WHERE tenant_id = '{tenant}'",
    ]
    at = moment_before(own, lost)
    assert follow(own, path, capsys, "tenant-deleted", "--at", at, "--tenant", tenant) >= 4
    assert rows(own.home) == before


def test_a_lost_region_and_an_intruder_are_recovered_from_offsite_alone(
    own: StackSandbox, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert follow(own, path, capsys, "region-lost") >= 3
    end_recovered(own)
    at = moment_before(own, ["CREATE TABLE ransom_note AS SELECT 1 AS bitcoin"])
    assert follow(own, path, capsys, "ransomware", "--at", at) >= 5
    sockets = own.settings.runbook.directory / "live_db" / "s"
    with psycopg.connect(host=str(sockets), port=5432, user="postgres", dbname="live_db") as connection:
        assert connection.execute("SELECT to_regclass('ransom_note')").fetchone() == (None,)
    end_recovered(own)
    with postgres.superuser(own.home, "live_db", "live_db") as connection:
        connection.execute("DROP TABLE ransom_note")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root puts files back below /")
def test_an_empty_machine_gets_its_configuration_first(
    own: StackSandbox, path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["--config", str(own.config), "config", "backup"]) == 0
    capsys.readouterr()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", own.home.secret("s3-recovery.key"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", own.home.secret("s3-recovery.secret"))
    before = own.config.read_bytes()
    identity = str(own.home.path("secrets", "dumps.identity"))
    try:
        assert follow(own, path, capsys, "empty-machine", "--identity", identity) >= 4
        end_recovered(own)
    finally:
        into = own.settings.runbook.directory
        shutil.rmtree(into.with_name(f"{into.name}-configuration"), ignore_errors=True)
    assert own.config.read_bytes() == before


def test_files_that_are_missing_are_listed(own: StackSandbox, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert follow(own, path, capsys, "bucket-damaged", "--at", datetime.now(UTC).isoformat()) >= 5


@pytest.mark.exhaustive
def test_a_bad_deploy_that_damaged_rows_and_files_is_undone_to_one_moment(
    own: StackSandbox, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows by a recovery to the restore point before it, files by the command that the recovery offers."""
    s3 = seaweedfs.client(own.home, "print-files", "app")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="print-files", MaxKeys=6)["Contents"]]
    etags = {key: s3.head_object(Bucket="print-files", Key=key)["ETag"] for key in keys}
    before = rows(own.home)
    with postgres.superuser(own.home, "live_db", "live_db") as connection:
        connection.execute("UPDATE heartbeats SET at = now()")
    assert run(["--config", str(own.config), "backup", "before-migrate", "--name", "before-a-deploy"]) == 0
    time.sleep(1.1)
    for key in keys[:4]:
        s3.put_object(Bucket="print-files", Key=key, Body=b"a bad deploy")
    for key in keys[4:]:
        s3.delete_object(Bucket="print-files", Key=key)
    with postgres.superuser(own.home, "live_db", "live_db") as connection:
        connection.execute("DROP TABLE quotes; CREATE TABLE quotes (id int)")
    capsys.readouterr()
    assert follow(own, path, capsys, "migration-failed", "--point", "before-a-deploy") >= 12
    into = own.home.root / "recovered-again"
    try:
        recover = ["recover", "--to", "point:before-a-deploy", "--into", str(into), "--json"]
        assert run(["--config", str(own.config), *recover]) in (0, 1)
        offered = shlex.split(json.loads(capsys.readouterr().out)["files_rollback"])[1:]
    finally:
        reaper.remove(into)
    assert run(["--config", str(own.config), *offered]) == 1
    assert run(["--config", str(own.config), *offered, "--apply"]) in (0, 1)  # 1: open orders are held first
    capsys.readouterr()
    assert run(["--config", str(own.config), *offered]) == 0
    assert rows(own.home) == before
    assert {key: s3.head_object(Bucket="print-files", Key=key)["ETag"] for key in keys} == etags
    assert run(["--config", str(own.config), "files", "reconcile"]) == 0


@pytest.mark.exhaustive
def test_the_whole_disaster_is_undone_to_one_moment_by_the_runbooks_own_text(
    own: StackSandbox, path: str, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    """A bad deploy damages rows and files from a known moment on; databases and bucket are as at that moment again."""
    s3 = seaweedfs.client(own.home, "print-files", "app")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="print-files", MaxKeys=6)["Contents"]]
    with postgres.superuser(own.home, "live_db", "live_db") as connection:
        connection.execute("UPDATE heartbeats SET at = clock_timestamp()")
    before = content(own)
    damage = (
        "UPDATE orders SET total_cents = 0",
        "DELETE FROM quotes",
        "UPDATE order_items SET print_ready_file = 'x'",
    )
    at = moment_before(own, damage)
    time.sleep(1.1)
    for key in keys[:4]:
        s3.put_object(Bucket="print-files", Key=key, Body=b"a bad deploy")
    for key in keys[4:]:
        s3.delete_object(Bucket="print-files", Key=key)
    assert all(was != now for was, now in zip(content(own)[:3], before[:3], strict=True))

    shutil.rmtree(own.settings.runbook.directory, ignore_errors=True)
    forget_lost(own)
    seconds = {}
    for command in printed_commands(own, capsys, "bad-deploy", "--at", at):
        began = time.monotonic()
        carry_out(command, path, (0, 1))  # what a command finds is for a person to look at
        seconds[command] = round(time.monotonic() - began, 1)
    record_property("seconds_of_the_whole_disaster", sum(seconds.values()))
    print(*(f"{took:>6.1f} s  {command}" for command, took in seconds.items()), sep="\n")

    assert any(" files rollback --to " in command and command.endswith(" --apply") for command in seconds)
    forget_lost(own)
    assert content(own) == before
    assert run(["--config", str(own.config), "files", "reconcile"]) == 0


def test_a_migration_that_went_wrong_is_undone(
    own: StackSandbox, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows(own.home)
    assert run(["--config", str(own.config), "backup", "before-migrate", "--name", "before-quotes"]) == 0
    with postgres.superuser(own.home, "live_db", "live_db") as connection:
        connection.execute("DROP TABLE quotes; CREATE TABLE quotes (id int)")
    capsys.readouterr()
    assert follow(own, path, capsys, "migration-failed", "--point", "before-quotes") >= 12
    assert rows(own.home) == before


def test_a_lost_cluster_is_replaced_and_archives_again(
    own: StackSandbox, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows(own.home)
    assert follow(own, path, capsys, "cluster-lost") >= 15
    assert rows(own.home) == before
    with postgres.superuser(own.home, "live_db") as connection:
        row = connection.execute("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)").fetchone()
        assert row is not None
        assert row[0] > "00000001"
    switch_wal(own, "live_db")
