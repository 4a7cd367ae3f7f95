"""Recoveries in earnest, from a repository alone: WAL segments of any size, and how much of production is in them."""

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

import psycopg
import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.drills.fences.nightly import record_fence
from printflow_reliability.drills.objectives import state_objectives
from printflow_reliability.records.migration import migrate
from printflow_reliability.recovery.recover import Recovered, recover, recovered_aside
from printflow_reliability.restore import reaper
from printflow_reliability.restore.phases import Phase
from printflow_reliability.restore.targets import Target
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.drilling import detail, outcomes
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster
from printflow_reliability_tests.stack.plain_settings import HEARTBEAT, settings_of

pytestmark = pytest.mark.stack

LARGE_SEGMENTS = pytest.mark.parametrize("shop", [32], indirect=True, scope="module")
PLANTED = (
    "CREATE COLLATION nordic (provider = icu, locale = 'da')",
    "CREATE COLLATION glibc (provider = libc, locale = 'C')",
    "CREATE TABLE names (name text PRIMARY KEY, a text COLLATE nordic UNIQUE, b text COLLATE glibc UNIQUE)",
    "CREATE UNLOGGED TABLE cache AS SELECT 1 AS id",
    "UPDATE pg_collation SET collversion = '1.0' WHERE collname = 'nordic'",
    "UPDATE pg_collation SET collversion = '2.28' WHERE collname = 'glibc'",
    "UPDATE pg_database SET datcollversion = '2.31' WHERE datname = 'postgres'",
    "BEGIN; INSERT INTO names VALUES ('x', 'x', 'x'); PREPARE TRANSACTION 'left open'",
)
REMOVED = (
    "ROLLBACK PREPARED 'left open'",
    "DROP TABLE names, cache",
    "DROP COLLATION nordic",
    "DROP COLLATION glibc",
    "UPDATE pg_database SET datcollversion = NULL WHERE datname = 'postgres'",
)


@pytest.fixture(scope="module", params=[1, 32])
def shop(request: pytest.FixtureRequest) -> Iterator[PlainCluster]:
    """A cluster with segments of that many MB, backed up, with rows that only its WAL holds."""
    with plain_cluster(segment_megabytes=request.param) as cluster:
        cluster.execute("CREATE TABLE heartbeats AS SELECT clock_timestamp() AS at")
        cluster.execute("CREATE DATABASE records")
        cluster.command("--start-fast", "backup", "--type=full")
        migrate(settings_of(cluster).records)
        more_rows(cluster)
        yield cluster


def more_rows(cluster: PlainCluster) -> str:
    """One more heartbeat, archived; the segment that holds it."""
    cluster.execute("INSERT INTO heartbeats VALUES (clock_timestamp())")
    return cluster.switch_wal()


def segment_file(cluster: PlainCluster, name: str) -> Path:
    (found,) = (cluster.home / "repo" / "archive").glob(f"plain/*/{name[:16]}/{name}-*")
    return found


def recovered(cluster: PlainCluster, settings: Settings, target: Target | None = None) -> Recovered:
    """Recover, unless told otherwise to the end of WAL, and see that it runs with the heartbeat that it tells of."""
    into = cluster.home / "recovered"
    try:
        done = recover(settings, target or Target("latest"), into, repository=1, tell=discard_progress)
        (restored,) = done.clusters
        with psycopg.connect(
            host=str(restored.sockets), port=restored.port, user=restored.superuser, dbname=restored.database
        ) as clone:
            assert clone.execute(HEARTBEAT).fetchone() == (restored.newest_heartbeat,)
        return done
    finally:
        reaper.remove(into)


def discard_progress(_phase: Phase, _what: str) -> None:
    """Tell nobody."""


def verdict(done: Recovered, name: str = "drill.recovery") -> CheckResult:
    return next(check for check in done.checks if check.check == name)


def now(cluster: PlainCluster) -> datetime:
    """A moment that is in no commit's second."""
    time.sleep(1.1)
    (moment,) = cluster.execute("SELECT clock_timestamp()")[0]
    assert isinstance(moment, datetime)
    return moment


@LARGE_SEGMENTS
def test_records_that_live_in_a_protected_cluster_are_a_warning(shop: PlainCluster) -> None:
    settings = settings_of(shop)
    assert not any("the records live in cluster" in check.detail for check in state_objectives(settings).checks)
    record_fence(settings)
    (told,) = [check for check in state_objectives(settings).checks if check.check == "recovery.objectives"]
    assert "the records live in cluster plain, so a disaster takes drills, fences and holds along" in told.detail


def test_a_recovery_says_how_much_it_brought_back_and_compares_it_with_the_newest_recorded_fence(
    shop: PlainCluster,
) -> None:
    settings = settings_of(shop)
    record_fence(settings)
    more_rows(shop)
    done = recovered(shop, settings)
    assert verdict(done).outcome is Outcome.PASS, verdict(done).detail
    assert "plain holds the fence recorded at" in verdict(done).detail
    (newest,) = shop.execute(HEARTBEAT)[0]
    document = json.loads(json.dumps(done.as_json(), default=str))
    assert document["clusters"][0]["newest_heartbeat"] == str(newest)
    assert done.clusters[0].last_commit_at is not None
    assert done.rpo_seconds is not None
    assert 0 <= done.rpo_seconds < 300


@LARGE_SEGMENTS
def test_without_records_a_recovery_is_a_warning_since_nothing_could_be_compared(shop: PlainCluster) -> None:
    done = recovered(shop, settings_of(shop, records="away"))
    assert verdict(done).outcome is Outcome.WARN
    assert "could not be compared with production: the records database cannot be reached" in verdict(done).detail
    assert all(check.outcome is Outcome.PASS for check in done.checks if check is not verdict(done)), done.checks


@LARGE_SEGMENTS
def test_a_stalled_archive_and_a_lost_tail_are_told_by_their_names(shop: PlainCluster) -> None:
    """What is in the repository is sound, and yet production had committed more."""
    old = recovered(shop, settings_of(shop, rpo_target_seconds=0.001))
    assert verdict(old).outcome is Outcome.WARN
    assert "the newest commit is older than that" in verdict(old).detail
    settings = settings_of(shop)
    record_fence(settings)
    tail = [segment_file(shop, more_rows(shop)), segment_file(shop, more_rows(shop))]
    fences = [file for file in tail[0].parent.iterdir() if file.stat().st_mtime >= tail[0].stat().st_mtime - 3]
    away = [(file, file.rename(shop.home / file.name)) for file in {*tail, *fences}]
    try:
        done = recovered(shop, settings)
    finally:
        for file, aside in away:
            aside.rename(file)
    assert verdict(done).outcome is Outcome.FAIL, verdict(done).detail
    assert verdict(done).detail.startswith("the tail of plain is lost: the fence recorded at")


@pytest.mark.parametrize("to", ["latest", "time"])
def test_a_gap_never_passes_but_what_came_before_it_is_kept(shop: PlainCluster, to: Literal["latest", "time"]) -> None:
    (newest,) = shop.execute(HEARTBEAT)[0]
    gap = segment_file(shop, more_rows(shop))
    more_rows(shop)
    moment = now(shop) if to == "time" else None
    more_rows(shop)
    aside = gap.rename(shop.home / gap.name)
    try:
        done = recovered(shop, settings_of(shop), Target(to, moment))
    finally:
        aside.rename(gap)
    found = verdict(done)
    assert found.outcome is Outcome.FAIL
    assert "WAL in between is missing or damaged. All that was committed before is kept here" in found.detail
    assert done.clusters[0].newest_heartbeat == newest


@LARGE_SEGMENTS
def test_a_moment_that_no_archived_commit_comes_after_is_could_not_tell_and_kept(shop: PlainCluster) -> None:
    (newest,) = shop.execute(HEARTBEAT)[0]
    done = recovered(shop, settings_of(shop), Target("time", now(shop)))
    found = verdict(done)
    assert found.outcome is Outcome.UNKNOWN, found.detail
    assert "the archive of plain ends before the first commit after that moment" in found.detail
    assert done.clusters[0].newest_heartbeat == newest


def allow_prepared_transactions(shop: PlainCluster) -> None:
    shop.execute("ALTER SYSTEM SET max_prepared_transactions = 3")
    shop.restart()


@LARGE_SEGMENTS
def test_a_transaction_that_nobody_ended_keeps_nobody_from_reading_a_cluster_aside(shop: PlainCluster) -> None:
    allow_prepared_transactions(shop)
    shop.execute("BEGIN; LOCK TABLE heartbeats; PREPARE TRANSACTION 'left open'")
    settings = settings_of(shop, directory=str(shop.home / "drills"))
    try:
        shop.switch_wal()
        moment = now(shop)
        shop.switch_wal()
        with (
            recovered_aside(settings, Target("time", moment), repository=1, tell=discard_progress) as connect_with,
            connect_with(settings.cluster[0], None) as connection,
        ):
            assert connection.execute("SELECT count(*) > 0 FROM heartbeats").fetchone() == (True,)
    finally:
        shop.execute("ROLLBACK PREPARED 'left open'")


@LARGE_SEGMENTS
def test_settings_that_were_raised_after_the_backup_and_lowered_again_stop_no_replay(shop: PlainCluster) -> None:
    for connections in (150, 100):
        shop.execute(f"ALTER SYSTEM SET max_connections = {connections}")
        shop.restart()
    more_rows(shop)
    recovered(shop, settings_of(shop))
    drill = run_drill(settings_of(shop, directory=str(shop.home / "drills")))
    assert outcomes(drill)["drill.recovery"] is Outcome.PASS, detail(drill, "drill.recovery")
    assert drill.matched, detail(drill, "drill.fence")


@LARGE_SEGMENTS
def test_what_comes_back_otherwise_than_it_was_is_told(shop: PlainCluster) -> None:
    """Collations of a machine with other libraries, unlogged tables, and transactions that nobody ended."""
    allow_prepared_transactions(shop)
    for statement in PLANTED:
        shop.execute(statement)
    (built,) = shop.execute("SELECT pg_collation_actual_version(oid) FROM pg_collation WHERE collname = 'nordic'")[0]
    more_rows(shop)
    try:
        done = recovered(shop, settings_of(shop))
    finally:
        for statement in REMOVED:
            shop.execute(statement)
    found = verdict(done, "drill.inventory")
    assert found.outcome is Outcome.WARN, found.detail
    for said in (
        f"collation nordic has version {built} here, 1.0 when its indexes were built: 1 index depends on it",
        "collation glibc has version unknown here, 2.28 when its indexes were built: 1 index depends on it",
        "plain has 1 prepared transaction (since 20",
        "COMMIT PREPARED or ROLLBACK PREPARED",
        "plain postgres: unlogged, so empty by design: public.cache",
    ):
        assert said in found.detail, found.detail
    collations = {f"plain postgres collation {name}" for name in ("nordic", "glibc", "the default")}
    assert set(found.about) == {"plain prepared transactions", *collations}
    # Nobody waits without limit for what it has locked, and what it wrote to is checked all the same.
    indexes = verdict(done, "drill.indexes")
    # From version 18 on PostgreSQL refuses to compare by a collation of a version that this machine cannot tell.
    comparable = int(str(shop.execute("SHOW server_version_num")[0][0])) < 180_000
    assert indexes.outcome is (Outcome.PASS if comparable else Outcome.UNKNOWN), indexes.detail
    assert "damaged" not in indexes.detail
    assert "public.names_pkey holds every row, but how its pages refer" in indexes.detail
    assert "names" not in verdict(done, "drill.constraints").detail


@LARGE_SEGMENTS
def test_a_heartbeat_that_stood_still_is_told_though_the_newest_commit_is_recent(shop: PlainCluster) -> None:
    shop.execute("UPDATE heartbeats SET at = at - interval '1 hour'")
    shop.switch_wal()
    try:
        found = verdict(recovered(shop, settings_of(shop)))
    finally:
        shop.execute("UPDATE heartbeats SET at = at + interval '1 hour'")
    assert found.outcome in (Outcome.WARN, Outcome.FAIL)
    assert "the heartbeat of plain stood still for 1 h" in found.detail
