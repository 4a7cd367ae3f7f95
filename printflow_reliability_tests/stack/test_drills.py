"""Restore drills on real clusters: silent on a healthy platform, ringing where a restore looks good and is not."""

import json
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.cli import run
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.drills.fences.nightly import record_fence
from printflow_reliability.drills.fences.snapshot import Snapshot
from printflow_reliability.drills.history import list_drills, show_drill
from printflow_reliability.drills.report import CHECKS
from printflow_reliability.drills.validation.page_checksums import check_pages
from printflow_reliability.errors import ConfigError
from printflow_reliability.records.database import open_records
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.configuration import SERVER
from printflow_reliability.restore.phases import RECOVERY, Phase
from printflow_reliability.restore.plan import backups_in
from printflow_reliability.restore.reaper import reap
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability.sandbox.faults import planted
from printflow_reliability.settings import SmokeSettings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.drilling import (
    archive_id,
    detail,
    killed_drill,
    left_behind,
    outcomes,
    without_production,
)
from printflow_reliability_tests.stack.repository_objects import tampered
from printflow_reliability_tests.stack.wal import switch_wal

pytestmark = pytest.mark.stack

Record = Callable[[str, object], None]

PREPARE = """
CREATE TABLE shrinks AS SELECT generate_series(1, 200) AS id;
CREATE TABLE behind (id serial PRIMARY KEY);
CREATE TABLE twins (id integer NOT NULL, name text NOT NULL);
CREATE UNIQUE INDEX ON twins (id);
SELECT lo_from_bytea(0, 'artwork')
"""
DAMAGE = """
DELETE FROM shrinks WHERE id > 50;
INSERT INTO behind VALUES (9);
SELECT setval('behind_id_seq', 3);
UPDATE pg_index SET indisready = false WHERE indexrelid = 'twins_id_idx'::regclass;
INSERT INTO twins VALUES (1, 'one');
INSERT INTO twins VALUES (1, 'one');
UPDATE pg_index SET indisready = true WHERE indexrelid = 'twins_id_idx'::regclass;
UPDATE pg_attribute SET attnotnull = false WHERE attrelid = 'twins'::regclass AND attname = 'name';
INSERT INTO twins VALUES (2, NULL);
UPDATE pg_attribute SET attnotnull = true WHERE attrelid = 'twins'::regclass AND attname = 'name';
DELETE FROM pg_largeobject_metadata
"""
UNDO = "DROP TABLE IF EXISTS shrinks, behind, twins; DELETE FROM pg_largeobject"


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
    assert list(document["phases"]) == [phase.value for phase in Phase]
    client = seaweedfs.client(backed_up.home, "reports")
    kept = client.get_object(Bucket="reports", Key=f"drills/{report.id}/report.json")["Body"].read()
    assert json.loads(kept)["id"] == report.id
    page = client.get_object(Bucket="reports", Key=f"drills/{report.id}/report.html")["Body"].read().decode()
    assert "PASSED" in page
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


@pytest.mark.alarm("drill.foreign_keys", "ring")
@pytest.mark.alarm("drill.indexes", "ring")
@pytest.mark.alarm("drill.files", "ring")
@pytest.mark.alarm("drill.objectives", "ring")
def test_damage_that_a_restore_faithfully_restores_is_found_in_the_clone(
    backed_up: StackSandbox, record_property: Record
) -> None:
    hasty = backed_up.settings.drills.model_copy(update={"rto_target_seconds": 0.1})
    with ExitStack() as stack:
        for fault in ("foreign_key_violated", "index_missing_rows", "object_gone"):
            stack.enter_context(planted(backed_up.home, fault))
        began = time.monotonic()
        report = run_drill(backed_up.settings.model_copy(update={"drills": hasty}))
        record_property("seconds_to_ring", time.monotonic() - began)
    found = outcomes(report)
    for name in ("drill.foreign_keys", "drill.indexes", "drill.files", "drill.objectives"):
        assert found[name] is Outcome.FAIL, detail(report, name)
    assert found["drill.recovery"] is Outcome.PASS
    assert found["drill.isolation"] is Outcome.PASS
    assert "lost" in detail(report, "drill.files")
    assert "RTO" in detail(report, "drill.objectives")
    assert not report.passed


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


@pytest.mark.alarm("drill.fence", "ring")
def test_rows_that_the_backup_lacks_are_named_table_by_table(backed_up: StackSandbox, record_property: Record) -> None:
    with planted(backed_up.home, "heap_truncated") as fault:
        began = time.monotonic()
        report = run_drill(backed_up.settings)
        record_property("seconds_to_ring", time.monotonic() - began)
    assert outcomes(report)["drill.fence"] is Outcome.FAIL
    assert report.matched is False
    assert fault.where["table"] in detail(report, "drill.fence")


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
    assert "1 transactions of live_db were just being committed" in detail(report, "drill.fence")
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


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.TEAR_DOWN])
def test_whatever_phase_a_drill_is_killed_in_the_next_start_reaps_what_it_left(
    backed_up: StackSandbox, phase: Phase
) -> None:
    assert killed_drill(backed_up, phase, signal.SIGKILL) == -signal.SIGKILL
    assert left_behind(backed_up)
    reap(backed_up.settings.drills.directory)
    assert left_behind(backed_up) == []
    with postgres.superuser(backed_up.home, "live_db") as connection:
        assert connection.execute("SELECT count(*) FROM pg_replication_slots").fetchone() == (0,)


@pytest.mark.parametrize(("repository", "dead"), [(1, "offsite"), (2, "primary")])
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
    assert wrong <= {"drill.isolation", "drill.files"}, report.checks
    assert found["drill.isolation"] is Outcome.UNKNOWN


def test_a_random_moment_is_compared_with_a_fence_recorded_before_it(backed_up: StackSandbox) -> None:
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
    chosen = run_drill(without_production(backed_up.settings), target="random")
    assert chosen.moment is not None
    assert outcomes(chosen)["drill.fence"] is Outcome.PASS, detail(chosen, "drill.fence")
    assert outcomes(chosen)["drill.recovery"] is Outcome.PASS, detail(chosen, "drill.recovery")


def test_the_longest_replay_begins_at_the_oldest_backup(backed_up: StackSandbox) -> None:
    report = run_drill(backed_up.settings, target="longest", repository=2)
    oldest = backups_in(PgBackRest(backed_up.settings.cluster[0], backed_up.settings.runner()), 2)[1][0]
    assert report.clusters[0].backup == oldest.label
    assert report.passed, report.checks


@pytest.mark.alarm("drill.constraints", "ring")
@pytest.mark.alarm("drill.sequences", "ring")
@pytest.mark.alarm("drill.smoke", "ring")
@pytest.mark.alarm("drill.inventory", "ring")
@pytest.mark.alarm("drill.shrinkage", "ring")
def test_what_production_has_been_made_to_hold_wrongly_is_found_in_the_clone(
    backed_up: StackSandbox, record_property: Record
) -> None:
    smoke = SmokeSettings(name="nobody", cluster="live_db", query="SELECT 1 WHERE false")
    with ExitStack() as stack:
        connection = stack.enter_context(postgres.superuser(backed_up.home, "live_db", "live_db"))
        stack.callback(connection.execute, UNDO)
        connection.execute(PREPARE)
        baseline = record_fence(backed_up.settings).fences[0].name
        stack.callback(_forget_drills_of, backed_up, baseline)
        _passed_drill(backed_up, baseline)
        connection.execute(DAMAGE)
        # A night later the tables are as small as they are now; that is no reason to find them well.
        record_fence(backed_up.settings)
        began = time.monotonic()
        report = run_drill(
            backed_up.settings.model_copy(update={"smoke": (*backed_up.settings.smoke, smoke)}),
        )
        record_property("seconds_to_ring", time.monotonic() - began)
    said = {check.check: check.detail for check in report.checks if check.outcome is Outcome.FAIL}
    assert said["drill.constraints"].count("public.twins") == 2, said
    assert "1 value of the unique index twins_id_idx more than once" in said["drill.constraints"]
    assert "1 row without name, which must not be null" in said["drill.constraints"]
    assert "public.behind_id_seq is behind public.behind.id" in said["drill.sequences"]
    assert '"nobody" returned 0 rows' in said["drill.smoke"]
    assert "live_db.public.shrinks went from 200 to 50 rows" in said["drill.shrinkage"]
    assert "live_db live_db: 1 page of large objects without their large object" in said["drill.inventory"]


@pytest.mark.alarm("drill.checksums", "ring")
def test_a_page_that_changed_on_disk_is_named(
    backed_up: StackSandbox, record_property: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(clones: Sequence[Clone], *, timeout: float, give_up: Callable[[], None]) -> CheckResult:
        _flip_a_byte(backed_up)
        return check_pages(clones, timeout=timeout, give_up=give_up)

    # The clones are stopped there: what they had in memory is written, and no page is written again.
    monkeypatch.setattr("printflow_reliability.drills.world.clones.check_pages", spoiled)
    began = time.monotonic()
    report = run_drill(backed_up.settings)
    record_property("seconds_to_ring", time.monotonic() - began)
    assert outcomes(report)["drill.checksums"] is Outcome.FAIL
    assert "1 page is damaged: live_db base/" in detail(report, "drill.checksums")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT nothing FROM users", r"smoke\[0\].query: the database refused it: .*nothing"),
        ("DELETE FROM users RETURNING 1", r"smoke\[0\].query: the database refused it"),
    ],
)
def test_a_smoke_query_that_does_not_parse_names_its_key(backed_up: StackSandbox, query: str, said: str) -> None:
    smoke = SmokeSettings(name="bad", cluster="live_db", query=query)
    with pytest.raises(ConfigError, match=said):
        run_drill(backed_up.settings.model_copy(update={"smoke": (smoke,)}))
    assert left_behind(backed_up) == []


@pytest.mark.alarm("drill.links", "ring")
def test_rows_that_name_a_tenant_who_is_not_there_are_found(backed_up: StackSandbox, record_property: Record) -> None:
    with postgres.superuser(backed_up.home, "admin_db", "admin_db") as connection:
        connection.execute("INSERT INTO audit_logs (tenant_id, action) VALUES (md5('nobody')::uuid, 'test')")
        try:
            began = time.monotonic()
            report = run_drill(backed_up.settings)
            record_property("seconds_to_ring", time.monotonic() - began)
        finally:
            connection.execute("DELETE FROM audit_logs WHERE tenant_id = md5('nobody')::uuid")
    assert outcomes(report)["drill.links"] is Outcome.FAIL
    assert '1 value names a row that is not there: "tenant of an audit row"' in detail(report, "drill.links")


def test_a_drill_with_credentials_that_can_write_to_a_repository_is_refused(backed_up: StackSandbox) -> None:
    first, *rest = backed_up.settings.cluster
    writer = first.model_copy(update={"drill_pgbackrest_config": first.pgbackrest_config})
    with pytest.raises(ConfigError, match=r"drill_pgbackrest_config of cluster live_db: .* can write to repo1"):
        run_drill(backed_up.settings.model_copy(update={"cluster": (writer, *rest)}))
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
        ({"archive_mode": "on"}, "is not isolated"),
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


def test_a_target_or_repository_that_is_not_there_is_refused(backed_up: StackSandbox) -> None:
    with pytest.raises(ConfigError, match='"tomorrow" is no target'):
        run_drill(backed_up.settings, target="tomorrow")
    with pytest.raises(ConfigError, match="has no time zone"):
        run_drill(backed_up.settings, target="2026-11-02T14:05:00")
    with pytest.raises(ConfigError, match="lies in the future"):
        run_drill(backed_up.settings, target="2126-11-02T14:05:00Z")
    with pytest.raises(ConfigError, match=r"lies outside of what repo1 can restore: 20\d\d-.* to 20\d\d-.* UTC"):
        run_drill(backed_up.settings, target="2020-11-02T14:05:00Z")
    with pytest.raises(ConfigError, match=r"--repo: .* they share 1, 2"):
        run_drill(backed_up.settings, repository=7)


def test_a_heartbeat_query_that_the_database_refuses_names_the_key(backed_up: StackSandbox) -> None:
    first, *rest = backed_up.settings.cluster
    wrong = first.model_copy(update={"heartbeat": "SELECT max(when_was_it) FROM heartbeats"})
    with pytest.raises(ConfigError, match=r"cluster\[0\].heartbeat: the database refused it"):
        run_drill(backed_up.settings.model_copy(update={"cluster": (wrong, *rest)}))


def _flip_a_byte(sandbox: StackSandbox) -> None:
    """Change a byte of a table of the clone on disk, as its disk might."""
    with postgres.superuser(sandbox.home, "live_db", "live_db") as production:
        ((path,),) = production.execute("SELECT pg_relation_filepath('public.product_images')").fetchall()
    for data in sandbox.settings.drills.directory.glob("*/live_db/data"):
        with (data / path).open("r+b") as file:
            file.seek(4000)
            byte = file.read(1)
            file.seek(4000)
            file.write(bytes([byte[0] ^ 0xFF]))


def free_port() -> int:
    """One that a server could listen on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


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


PASSED = """
INSERT INTO drills (started_at, finished_at, target, repository, outcome, document)
VALUES (now(), now(), 'latest', 1, 'pass',
        jsonb_build_object('newest_fence', %s::text,
                           'checks', '[{"name": "drill.shrinkage", "outcome": "pass"}]'::jsonb))
"""


def _passed_drill(sandbox: StackSandbox, fence: str) -> None:
    """What a drill leaves in the records whose newest fence was this one, and that found no table shrunken."""
    with open_records(sandbox.settings.records) as records:
        records.execute(PASSED, (fence,))


def _forget_drills_of(sandbox: StackSandbox, fence: str) -> None:
    with open_records(sandbox.settings.records) as records:
        records.execute("DELETE FROM drills WHERE document ->> 'newest_fence' = %s", (fence,))


def _drop_slot(sandbox: StackSandbox) -> None:
    with postgres.superuser(sandbox.home, "live_db") as connection:
        connection.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
