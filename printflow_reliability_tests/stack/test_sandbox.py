"""The sandbox keeps its promises: it comes up anywhere, survives kills, meets no other, and leaves nothing running."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from printflow_reliability.errors import CouldNotTell, LockHeld
from printflow_reliability.sandbox import commands, node_pdf_service, postgres, processes, seaweedfs
from printflow_reliability.sandbox import up as lifecycle
from printflow_reliability.sandbox.home import SandboxHome, programs
from printflow_reliability.sandbox.services import recorded
from printflow_reliability_tests.stack.conftest import StackSandbox, new_home

pytestmark = pytest.mark.stack

UP = """
import sys, pathlib
from printflow_reliability.sandbox import home, up
up.up(home.SandboxHome.at(pathlib.Path(sys.argv[1])))
"""
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}
"""127.0.0.1 and ::1, as the kernel writes them."""
EVERY_SERVER = {"primary", "offsite", "live_db", "admin_db", "system_db", "redis", "receiver"} | (
    set() if node_pdf_service.missing() else {node_pdf_service.NAME}
)


@pytest.fixture(scope="module")
def own() -> Iterator[SandboxHome]:
    """An empty sandbox of this module's own, wished for where only we can enter."""
    with new_home() as beside:
        closed = beside.wished.with_name("closed")
        closed.mkdir(mode=0o700)
        home = SandboxHome.at(closed / "sb")
        try:
            lifecycle.up(home)
            yield home
        finally:
            lifecycle.down(home, remove=True)


def pids(home: SandboxHome) -> dict[str, int]:
    return {name: service.pid for name, service in recorded(home).items()}


def all_answer(home: SandboxHome) -> bool:
    states = lifecycle.status(home)
    return {state.name for state in states} >= EVERY_SERVER and all(state.ok for state in states)


def test_it_comes_up_below_a_directory_that_only_we_can_enter(own: SandboxHome) -> None:
    assert all_answer(own)
    assert own.wished.resolve() == own.root
    if os.geteuid() == 0:
        assert own.wished.is_symlink()
    assert own.settings().platform.environment == "sandbox"


def test_up_on_a_running_sandbox_changes_nothing(own: SandboxHome) -> None:
    before = pids(own)
    lifecycle.up(own)
    assert pids(own) == before


def test_every_server_listens_on_loopback_alone(own: SandboxHome) -> None:
    inodes = {
        str(descriptor.readlink())
        for pid in pids(own).values()
        for descriptor in Path(f"/proc/{pid}/fd").iterdir()
        if descriptor.is_symlink()  # one may be closed meanwhile
    }
    listening = [
        columns[1]
        for table in ("tcp", "tcp6")
        for columns in (line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:])
        if columns[3] == "0A" and f"socket:[{columns[9]}]" in inodes
    ]
    assert len(listening) >= 20
    assert {address.partition(":")[0] for address in listening} <= LOOPBACK


def test_wal_reaches_both_repositories(own: SandboxHome) -> None:
    config = own.path("pgbackrest", "pgbackrest.conf")
    programs().run(["pgbackrest", f"--config={config}", "--stanza=live_db", "check"], timeout=60)


def test_the_credentials_of_drills_cannot_write(own: SandboxHome) -> None:
    for name in ("pgbackrest-repo1", "pgbackrest-repo2"):
        drill = seaweedfs.client(own, name, "drill")
        assert drill.list_objects_v2(Bucket=name)["KeyCount"] > 0
        with pytest.raises(ClientError, match="AccessDenied"):
            drill.put_object(Bucket=name, Key="mark", Body=b"")


def test_what_is_offsite_is_under_object_lock_and_print_files_are_versioned(own: SandboxHome) -> None:
    for name in ("print-files-replica", "pgbackrest-repo2", "reports"):
        lock = seaweedfs.client(own, name).get_object_lock_configuration(Bucket=name)
        assert lock["ObjectLockConfiguration"]["ObjectLockEnabled"] == "Enabled"
        assert seaweedfs.client(own, name).get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert seaweedfs.client(own, "print-files").get_bucket_versioning(Bucket="print-files")["Status"] == "Enabled"


def test_the_product_can_read_everything_and_write_nothing(own: SandboxHome) -> None:
    with psycopg.connect(postgres.url(own, "live_db", "printflow"), autocommit=True) as connection:
        assert connection.execute("SELECT pg_create_restore_point('mark') IS NOT NULL").fetchone() == (True,)
        assert connection.execute("SELECT pg_switch_wal() IS NOT NULL").fetchone() == (True,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mark ()")


def test_killed_servers_come_back_with_their_data(own: SandboxHome) -> None:
    with postgres.superuser(own, "live_db", "live_db") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS survives AS SELECT 1 AS one")
    seaweedfs.client(own, "print-files").put_object(Bucket="print-files", Key="survives", Body=b"one" * 100_000)
    before = pids(own)
    for name in ("primary", "live_db", "redis"):
        os.kill(before[name], signal.SIGKILL)
    lifecycle.up(own)
    assert all_answer(own)
    assert {name for name, pid in pids(own).items() if pid != before[name]} == {"primary", "live_db", "redis"}
    with postgres.superuser(own, "live_db", "live_db") as connection:
        assert connection.execute("SELECT one FROM survives").fetchone() == (1,)
    kept = seaweedfs.client(own, "print-files", "app").get_object(Bucket="print-files", Key="survives")
    assert kept["Body"].read() == b"one" * 100_000


def test_only_one_up_or_down_is_at_work(own: SandboxHome) -> None:
    with own.locked(), pytest.raises(LockHeld, match="another sandbox up or down"):
        lifecycle.down(own)


def listening(home: SandboxHome) -> set[int]:
    """The ports of what is always up; on that of `printflow serve` nobody listens, so that another may be given it."""
    ports: dict[str, int] = json.loads(home.path("ports.json").read_text())
    return {port for name, port in ports.items() if name != "http"}


def test_two_sandboxes_do_not_meet_and_down_leaves_nothing_running(own: SandboxHome, sandbox: StackSandbox) -> None:
    assert not listening(own) & listening(sandbox.home)
    shared_pids = pids(sandbox.home)
    own_services = recorded(own)
    lifecycle.down(own)
    assert not [service for service in own_services.values() if service.running]
    assert processes.working_in(own.root) == []
    assert not any(service.ok for service in lifecycle.status(own))
    assert pids(sandbox.home) == shared_pids
    assert all_answer(sandbox.home)


def test_an_up_that_fails_says_why_and_leaves_nothing_half_started(own: SandboxHome) -> None:
    lifecycle.down(own)
    manifest = own.path("redis", "appendonlydir", "appendonly.aof.manifest")
    sound = manifest.read_bytes()
    manifest.write_bytes(b"garbage\n")
    with pytest.raises(CouldNotTell, match=r"redis ended as soon as it was started:\n(.*\n)*.*manifest") as failed:
        lifecycle.up(own)
    assert str(own.path("logs", "redis.log")) in failed.value.next_step
    assert recorded(own) == {}
    assert processes.working_in(own.root) == []
    manifest.write_bytes(sound)


def test_up_recovers_from_an_up_that_was_killed(own: SandboxHome) -> None:
    lifecycle.down(own)
    argv = [sys.executable, "-c", UP, str(own.root)]
    with subprocess.Popen(argv, start_new_session=True) as killed:
        deadline = time.monotonic() + 20
        while len(recorded(own)) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        killed.kill()
    lifecycle.up(own)
    assert all_answer(own)


def test_a_port_that_somebody_took_meanwhile_is_chosen_again(own: SandboxHome) -> None:
    lifecycle.down(own)
    before = json.loads(own.path("ports.json").read_text())
    # create_server reuses an address whose last connections linger in TIME_WAIT, as a server of somebody else would
    with (
        socket.create_server(("127.0.0.1", before["live_db"])),
        socket.create_server(("127.0.0.1", before["primary.filer.grpc"])),
    ):
        lifecycle.up(own)
    after = json.loads(own.path("ports.json").read_text())
    assert {name for name in after if after[name] != before[name]} == {"live_db", "primary.filer.grpc"}
    assert all_answer(own)
    assert f":{after['live_db']}/" in own.settings().cluster_named("live_db").url
    assert seaweedfs.client(own, "print-files").list_buckets()["Buckets"]


def test_status_says_which_server_is_down_and_exits_with_1(sandbox: StackSandbox) -> None:
    call = CliRunner(env={"PRINTFLOW_HOME": str(sandbox.home.wished)})
    healthy = call.invoke(commands.app, ["status", "--json"])
    assert healthy.exit_code == 0
    with sandbox.stopped("redis"):
        answer = call.invoke(commands.app, ["status", "--json"])
        states = {service["name"]: service["ok"] for service in json.loads(answer.stdout)["services"]}
        assert answer.exit_code == 1
        assert states == {name: name != "redis" for name in states}
    assert all_answer(sandbox.home)


def test_a_frozen_server_is_not_up(sandbox: StackSandbox) -> None:
    with sandbox.frozen("redis"):
        assert [service.name for service in lifecycle.status(sandbox.home) if not service.ok] == ["redis"]
    assert all_answer(sandbox.home)
