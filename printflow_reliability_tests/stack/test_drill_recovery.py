"""Drills whose recovery fails, or whose clones or servers are not what they should be: nothing is said to be well."""

import json
import re
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.drills.report import CHECKS
from printflow_reliability.restore.clones.configuration import SERVER
from printflow_reliability.restore.phases import Phase
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.drilling import (
    archive_id,
    detail,
    left_behind,
    outcomes,
)
from printflow_reliability_tests.stack.repository_objects import tampered
from printflow_reliability_tests.stack.wal import switch_wal

pytestmark = pytest.mark.stack

Record = Callable[[str, object], None]


@pytest.mark.alarm("drill.recovery", "ring")
@pytest.mark.alarm("drill.isolation", "ring")
def test_a_clone_that_promotes_before_the_end_of_wal_and_a_repository_that_changed_are_noticed(
    backed_up: StackSandbox, record_property: Record
) -> None:
    client = seaweedfs.client(backed_up.home, "pgbackrest-repo1")
    # What a clone does that archives: a segment of its own timeline, in production's repository.
    archives = {name: f"archive/{name}/{archive_id(backed_up, name)}" for name in ("live_db", "admin_db")}
    pushed = f"repo1/{archives['admin_db']}/{2:08X}{0:08X}/{2:08X}{0:08X}{9:08X}-{'0' * 40}.zst"
    with ExitStack() as stack:
        stack.callback(_drop_slot, backed_up)
        stack.callback(client.delete_object, Bucket="pgbackrest-repo1", Key=pushed)

        def tell(phase: Phase) -> None:
            if phase is Phase.FETCH:
                # Archived before the disaster, and gone from the repository when it is needed.
                lost = switch_wal(backed_up, "live_db")
                stack.enter_context(
                    tampered(
                        backed_up,
                        1,
                        f"archive/live_db/{archive_id(backed_up, 'live_db')}/{lost[:16]}/{lost}",
                        lambda _: None,
                    )
                )
                client.put_object(Bucket="pgbackrest-repo1", Key=pushed, Body=b"")
                with postgres.superuser(backed_up.home, "live_db") as connection:
                    connection.execute("SELECT pg_create_physical_replication_slot('drill_test')")

        began = time.monotonic()
        report = run_drill(backed_up.settings, repository=1, tell=tell)
        record_property("seconds_to_ring", time.monotonic() - began)
    found = outcomes(report)
    assert found["drill.fence"] is Outcome.PASS
    assert found["drill.recovery"] is Outcome.FAIL
    assert "live_db" in detail(report, "drill.recovery")
    assert found["drill.isolation"] is Outcome.FAIL
    assert "drill_test" in detail(report, "drill.isolation")
    assert f"new in repo1 of admin_db: archive/{archive_id(backed_up, 'admin_db')}/00000002" in detail(
        report, "drill.isolation"
    )
    for name in ("drill.indexes", "drill.foreign_keys", "drill.files", "drill.objectives"):
        assert found[name] is Outcome.UNKNOWN
    assert report.outcome is Outcome.FAIL
    assert left_behind(backed_up) == []


def test_wal_missing_before_the_fence_fails_the_recovery(backed_up: StackSandbox) -> None:
    lost = switch_wal(backed_up, "live_db")
    with tampered(
        backed_up, 2, f"archive/live_db/{archive_id(backed_up, 'live_db')}/{lost[:16]}/{lost}", lambda _: None
    ):
        report = run_drill(backed_up.settings, repository=2)
    assert outcomes(report)["drill.recovery"] is Outcome.FAIL
    assert outcomes(report)["drill.fence"] is Outcome.UNKNOWN
    assert "missing or damaged" in detail(report, "drill.recovery")


@pytest.mark.alarm("drill.tenant", "unknown")
@pytest.mark.alarm("drill.links", "unknown")
@pytest.mark.alarm("drill.inventory", "unknown")
@pytest.mark.alarm("drill.checksums", "unknown")
@pytest.mark.alarm("drill.shrinkage", "unknown")
@pytest.mark.alarm("drill.constraints", "unknown")
@pytest.mark.alarm("drill.sequences", "unknown")
@pytest.mark.alarm("drill.smoke", "unknown")
@pytest.mark.alarm("drill.fence", "unknown")
@pytest.mark.alarm("drill.recovery", "unknown")
@pytest.mark.alarm("drill.indexes", "unknown")
@pytest.mark.alarm("drill.foreign_keys", "unknown")
@pytest.mark.alarm("drill.files", "unknown")
@pytest.mark.alarm("drill.rollback", "unknown")
@pytest.mark.alarm("drill.printable", "unknown")
@pytest.mark.alarm("drill.objectives", "unknown")
@pytest.mark.alarm("drill.isolation", "unknown")
@pytest.mark.parametrize(("server", "how"), [("live_db", "stopped"), ("admin_db", "frozen"), ("primary", "stopped")])
def test_with_a_cluster_or_the_repository_away_nothing_is_said_to_have_passed(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str], server: str, how: str
) -> None:
    began = time.monotonic()
    with getattr(backed_up, how)(server):
        assert run(["--config", str(backed_up.config), "drill", "run", "--repo", "1", "--json"]) == 2
        assert time.monotonic() - began < 90
    drill = json.loads(capsys.readouterr().out)
    assert {check["name"]: check["outcome"] for check in drill["checks"]} == dict.fromkeys(CHECKS, "unknown")
    assert (drill["passed"], drill["outcome"]) == (False, "unknown")
    assert all("Next:" in check["detail"] for check in drill["checks"])
    assert left_behind(backed_up) == []


def test_another_cluster_under_the_stanzas_name_is_refused(backed_up: StackSandbox) -> None:
    live, admin = backed_up.settings.cluster
    wrong = live.model_copy(update={"stanza": admin.stanza})
    report = run_drill(backed_up.settings.model_copy(update={"cluster": (wrong, admin)}))
    assert outcomes(report)["drill.recovery"] is Outcome.FAIL
    assert "backups of another cluster than live_db" in detail(report, "drill.recovery")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"listen_addresses": "127.0.0.1"}, "is not isolated: it listens on '127.0.0.1'"),
        pytest.param({"archive_mode": "on"}, "is not isolated", marks=pytest.mark.exhaustive),
    ],
)
def test_a_clone_that_is_not_isolated_is_ended_at_once(
    backed_up: StackSandbox, monkeypatch: pytest.MonkeyPatch, setting: dict[str, str], said: str
) -> None:
    port = free_port()
    for module in ("files", "access"):
        monkeypatch.setattr(f"printflow_reliability.restore.clones.{module}.PORT", port)
    monkeypatch.setattr(
        "printflow_reliability.restore.clones.configuration.SERVER", {**SERVER, "port": str(port), **setting}
    )
    report = run_drill(backed_up.settings)
    assert outcomes(report)["drill.recovery"] is Outcome.FAIL
    assert said in detail(report, "drill.recovery")
    assert left_behind(backed_up) == []


def test_a_restore_command_that_hangs_is_noticed(backed_up: StackSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    drills = backed_up.settings.drills.model_copy(update={"stall_seconds": 2.0})
    monkeypatch.setattr(
        "printflow_reliability.restore.clones.configuration.SERVER",
        {**SERVER, "restore_command": "sleep 60 # archive-get %f"},
    )
    monkeypatch.setattr(
        "printflow_reliability.restore.clones.configuration.RECOVERY_SETTING", re.compile(r"recovery_target\w*\s*=")
    )
    began = time.monotonic()
    report = run_drill(backed_up.settings.model_copy(update={"drills": drills}))
    assert time.monotonic() - began < 55
    assert outcomes(report)["drill.recovery"] is Outcome.UNKNOWN
    assert "nothing moved in the replay of" in detail(report, "drill.recovery")
    assert left_behind(backed_up) == []


def free_port() -> int:
    """One that a server could listen on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _drop_slot(sandbox: StackSandbox) -> None:
    with postgres.superuser(sandbox.home, "live_db") as connection:
        connection.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
