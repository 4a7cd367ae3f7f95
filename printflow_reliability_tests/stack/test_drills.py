"""Restore drills on real clusters: silent on a healthy platform, ringing where a restore looks good and is not."""

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.checks import Outcome
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.drills.fences.nightly import record_fence
from printflow_reliability.drills.fences.snapshot import Snapshot
from printflow_reliability.drills.history import list_drills, show_drill
from printflow_reliability.drills.report import CHECKS
from printflow_reliability.records.database import open_records
from printflow_reliability.restore.phases import RECOVERY, Phase
from printflow_reliability.restore.plan import backups_in
from printflow_reliability.restore.reaper import reap
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.drilling import (
    detail,
    killed_drill,
    left_behind,
    outcomes,
    without_production,
)
from printflow_reliability_tests.stack.wal import switch_wal

pytestmark = pytest.mark.stack

KILLED_IN = (
    Phase.FETCH,
    Phase.PROMOTE,
    *(pytest.param(phase, marks=pytest.mark.exhaustive) for phase in (Phase.FENCE, Phase.START, Phase.FILES)),
)
"""Before there is anything, while files come, and while a server runs: recovering, promoted, read."""


@pytest.mark.alarm("drill.tenant", "silent")
@pytest.mark.alarm("drill.links", "silent")
@pytest.mark.alarm("drill.inventory", "silent")
@pytest.mark.alarm("drill.checksums", "silent")
@pytest.mark.alarm("drill.shrinkage", "silent")
@pytest.mark.alarm("drill.constraints", "silent")
@pytest.mark.alarm("drill.sequences", "silent")
@pytest.mark.alarm("drill.smoke", "silent")
@pytest.mark.alarm("drill.fence", "silent")
@pytest.mark.alarm("drill.recovery", "silent")
@pytest.mark.alarm("drill.indexes", "silent")
@pytest.mark.alarm("drill.foreign_keys", "silent")
@pytest.mark.alarm("drill.files", "silent")
@pytest.mark.alarm("drill.rollback", "silent")
@pytest.mark.alarm("drill.printable", "silent")
@pytest.mark.alarm("drill.objectives", "silent")
@pytest.mark.alarm("drill.isolation", "silent")
def test_a_healthy_platform_comes_back_whole_even_after_a_drill_that_was_killed(backed_up: StackSandbox) -> None:
    assert killed_drill(backed_up, Phase.VALIDATE, signal.SIGKILL) == -signal.SIGKILL
    assert left_behind(backed_up)
    report = run_drill(backed_up.settings)
    assert outcomes(report) == dict.fromkeys(CHECKS, Outcome.PASS)
    assert report.passed
    assert left_behind(backed_up) == []
    killed, done = list_drills(backed_up.settings)[1::-1]
    assert killed["outcome"] == "unknown"
    assert done == show_drill(backed_up.settings, report.id)
    document = report.as_json()
    assert document["rto_seconds"] == pytest.approx(sum(document["phases"][phase] for phase in RECOVERY), abs=0.01)
    assert 0 <= document["rpo_seconds"] < 60
    assert document["fence"]["matched"] is True
    assert document["fence"]["rows"] > 0
    assert document["printable_orders"] == document["open_orders"] > 0
    assert (document["numbers"]["not_read_orders"], document["numbers"]["rollback_files"]) == (0, 0)
    assert list(document["phases"]) == [phase.value for phase in Phase]
    client = seaweedfs.client(backed_up.home, "reports")
    kept = client.get_object(Bucket="reports", Key=f"drills/{report.id}/report.json")["Body"].read()
    assert json.loads(kept)["id"] == report.id
    page = client.get_object(Bucket="reports", Key=f"drills/{report.id}/report.html")["Body"].read().decode()
    assert "PASSED" in page
    assert "Paid orders that could be printed" in page
    assert f"drill {killed['id']}: unknown, not measured" in page
    lock = client.get_object_retention(Bucket="reports", Key=f"drills/{report.id}/report.html")["Retention"]
    assert lock["RetainUntilDate"] > datetime.now(UTC) + timedelta(days=300)


def test_wal_that_only_production_has_counts_as_lost_although_the_fence_sends_it_on_its_way(
    backed_up: StackSandbox,
) -> None:
    with postgres.superuser(backed_up.home, "live_db", "live_db") as connection:
        switch_wal(backed_up, "live_db")
        time.sleep(3)
        connection.execute("INSERT INTO heartbeats VALUES (-1, clock_timestamp())")
        try:
            report = run_drill(backed_up.settings)
        finally:
            connection.execute("DELETE FROM heartbeats WHERE id = -1")
    assert report.numbers["unarchived_seconds"] >= 3
    assert report.numbers["rpo_seconds"] >= report.numbers["unarchived_seconds"]


def test_a_random_moment_without_any_fence_is_recovered_and_its_rows_are_not_claimed(backed_up: StackSandbox) -> None:
    with open_records(backed_up.settings.records) as records:
        records.execute("UPDATE fences SET production = NULL")  # as one recorded before drills knew of it
    switch_wal(backed_up, "live_db")
    switch_wal(backed_up, "admin_db")
    report = run_drill(backed_up.settings, target="random")
    assert outcomes(report)["drill.recovery"] is Outcome.PASS, detail(report, "drill.recovery")
    assert outcomes(report)["drill.fence"] is Outcome.UNKNOWN
    assert "printflow drill fence" in detail(report, "drill.fence")


def test_a_drill_that_is_told_to_end_leaves_nothing_and_is_recorded(backed_up: StackSandbox) -> None:
    assert killed_drill(backed_up, Phase.REPLAY_TO_FENCE, signal.SIGTERM) != 0
    assert left_behind(backed_up) == []
    newest = list_drills(backed_up.settings)[0]
    assert newest["outcome"] == "unknown"
    assert {check["name"] for check in newest["checks"]} == set(CHECKS)


def test_a_commit_that_is_written_and_not_yet_visible_is_never_counted_as_absent(
    backed_up: StackSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("printflow_reliability.drills.world.production.QUIET_SECONDS", 0.4)
    with postgres.superuser(backed_up.home, "live_db") as connection, _commit_waiting_for_a_standby(backed_up):
        snapshot = connection.execute("SELECT pg_current_snapshot()::text").fetchone()
        assert snapshot is not None
        assert Snapshot.parse(snapshot[0]).quiet  # a snapshot alone does not show it
        report = run_drill(backed_up.settings)
    assert outcomes(report)["drill.fence"] is Outcome.UNKNOWN
    assert "1 transaction of live_db was just being committed" in detail(report, "drill.fence")
    assert report.matched is None


def test_a_transaction_that_stays_open_for_hours_keeps_nobody_from_an_exact_fence(
    backed_up: StackSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("printflow_reliability.drills.world.production.QUIET_SECONDS", 2.0)
    with postgres.superuser(backed_up.home, "live_db", "live_db") as batch, batch.transaction(force_rollback=True):
        batch.execute("CREATE TABLE batch AS SELECT generate_series(1, 1000) AS n")
        batch.execute("UPDATE orders SET total_cents = total_cents")
        report = run_drill(backed_up.settings)
    assert outcomes(report)["drill.fence"] is Outcome.PASS, detail(report, "drill.fence")
    with open_records(backed_up.settings.records) as records:
        newest = "SELECT open_transactions FROM fences WHERE cluster = 'live_db' ORDER BY taken_at DESC LIMIT 1"
        row = records.execute(newest).fetchone()
    assert row is not None
    assert len(row[0]) == 1


@pytest.mark.parametrize("phase", KILLED_IN)
def test_whatever_phase_a_drill_is_killed_in_the_next_start_reaps_what_it_left(
    backed_up: StackSandbox, phase: Phase
) -> None:
    assert killed_drill(backed_up, phase, signal.SIGKILL) == -signal.SIGKILL
    assert left_behind(backed_up)
    reap(backed_up.settings.drills.directory)
    assert left_behind(backed_up) == []
    with postgres.superuser(backed_up.home, "live_db") as connection:
        assert connection.execute("SELECT count(*) FROM pg_replication_slots").fetchone() == (0,)


@pytest.mark.parametrize(
    ("repository", "dead"), [pytest.param(1, "offsite", marks=pytest.mark.exhaustive), (2, "primary")]
)
def test_either_repository_alone_is_enough_while_the_other_server_is_dead(
    backed_up: StackSandbox, repository: int, dead: str
) -> None:
    record_fence(backed_up.settings)
    switch_wal(backed_up, "live_db")
    switch_wal(backed_up, "admin_db")
    with backed_up.stopped(dead):
        report = run_drill(without_production(backed_up.settings), repository=repository)
    found = outcomes(report)
    wrong = {name for name, outcome in found.items() if outcome is not Outcome.PASS}
    # Files lie in the primary region and their copies offsite; the dead repository cannot be listed.
    assert wrong <= {"drill.isolation", "drill.files", "drill.rollback", "drill.printable"}, report.checks
    assert found["drill.isolation"] is Outcome.UNKNOWN


def test_a_moment_is_compared_with_a_fence_recorded_before_it(backed_up: StackSandbox) -> None:
    with open_records(backed_up.settings.records) as records:
        # What others recorded while they had planted faults is not what this one is about.
        records.execute("DELETE FROM fences")
    record_fence(backed_up.settings)
    with postgres.superuser(backed_up.home, "live_db", "live_db") as connection:
        connection.execute("CREATE TABLE later AS SELECT now() AS at")
        time.sleep(1.1)
        moment = connection.execute("SELECT clock_timestamp()").fetchone()
        time.sleep(0.2)
        connection.execute("DROP TABLE later")
    assert moment is not None
    try:
        given = run_drill(backed_up.settings, target=moment[0].isoformat())
    finally:
        record_fence(backed_up.settings)
    assert outcomes(given)["drill.fence"] is Outcome.PASS, detail(given, "drill.fence")
    assert outcomes(given)["drill.recovery"] is Outcome.PASS, detail(given, "drill.recovery")
    assert given.moment == moment[0]


@pytest.mark.exhaustive
def test_a_random_moment_that_is_chosen_is_compared_with_the_fence_before_it(backed_up: StackSandbox) -> None:
    with open_records(backed_up.settings.records) as records:
        records.execute("DELETE FROM fences")
    for _ in range(2):
        record_fence(backed_up.settings)
        switch_wal(backed_up, "live_db")
        switch_wal(backed_up, "admin_db")
    chosen = run_drill(without_production(backed_up.settings), target="random")
    assert chosen.moment is not None
    assert outcomes(chosen)["drill.fence"] is Outcome.PASS, detail(chosen, "drill.fence")
    assert outcomes(chosen)["drill.recovery"] is Outcome.PASS, detail(chosen, "drill.recovery")


def test_the_longest_replay_begins_at_the_oldest_backup(backed_up: StackSandbox) -> None:
    report = run_drill(backed_up.settings, target="longest", repository=2)
    oldest = backups_in(PgBackRest(backed_up.settings.cluster[0], backed_up.settings.runner()), 2)[1][0]
    assert report.clusters[0].backup == oldest.label
    assert report.passed, report.checks


@contextmanager
def _commit_waiting_for_a_standby(sandbox: StackSandbox) -> Iterator[None]:
    """A transaction whose commit is in the WAL, and which nobody sees: its standby does not exist."""
    with postgres.superuser(sandbox.home, "live_db") as connection, ThreadPoolExecutor(max_workers=1) as pool:

        def commit() -> None:
            with postgres.superuser(sandbox.home, "live_db") as waiting:
                waiting.execute("CREATE TABLE waits_for_a_standby ()")

        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        connection.execute("SELECT pg_reload_conf()")
        time.sleep(0.3)
        waiting = pool.submit(commit)
        try:
            for _ in range(100):
                if connection.execute("SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'").rowcount:
                    break
                time.sleep(0.05)
            yield
        finally:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("SELECT pg_reload_conf()")
            waiting.result(timeout=20)
            connection.execute("DROP TABLE waits_for_a_standby")
