"""Restores that look good and are not: each really planted, and seen by the drill."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.checks import Outcome
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.restore.clones.configuration import PORT
from printflow_reliability.restore.phases import Phase
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.drilling import archive_id, detail, left_behind, outcomes

pytestmark = pytest.mark.stack

HEAPS = """
SELECT pg_relation_filepath(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname = 'public' AND c.relname LIKE %s
"""
NEW_TIMELINE = "00000002.history"


def emptied_at_the_fence(sandbox: StackSandbox, cluster: str, database: str, table: str) -> Callable[[Phase], None]:
    """Empties the files of a clone's tables while it stands at the fence: they are sound, and hold nothing."""
    fences = 0

    def tell(phase: Phase) -> None:
        nonlocal fences
        fences += phase is Phase.FENCE
        if phase is not Phase.FENCE or fences < 2:
            return
        with postgres.superuser(sandbox.home, cluster, database) as connection:
            paths = [row[0] for row in connection.execute(HEAPS, (table,)).fetchall()]
        assert paths
        (data,) = sandbox.settings.drills.directory.glob(f"*/{cluster}/data")
        for path in paths:
            os.truncate(data / path, 0)

    return tell


def test_an_empty_database_is_not_taken_for_the_platform(backed_up: StackSandbox) -> None:
    report = run_drill(backed_up.settings, tell=emptied_at_the_fence(backed_up, "live_db", "live_db", "%"))
    assert outcomes(report)["drill.fence"] is Outcome.FAIL
    assert "live_db.public.customers has 0 rows, production had" in detail(report, "drill.fence")
    assert report.matched is False
    assert left_behind(backed_up) == []


def test_a_table_that_no_configuration_names_is_counted_exactly_whatever_statistics_say(
    backed_up: StackSandbox,
) -> None:
    with ExitStack() as stack:
        admin = stack.enter_context(postgres.superuser(backed_up.home, "admin_db"))
        admin.execute("CREATE DATABASE forgotten")
        stack.callback(admin.execute, "DROP DATABASE forgotten WITH (FORCE)")
        with postgres.superuser(backed_up.home, "admin_db", "forgotten") as forgotten:
            forgotten.execute("CREATE TABLE nobody_knows AS SELECT generate_series(1, 3) AS id")
            # What statistics say is wrong here and right in the clone's emptied table.
            forgotten.execute("CREATE TABLE well_known AS SELECT generate_series(1, 5) AS id")
            forgotten.execute("UPDATE pg_class SET reltuples = 7000 WHERE relname = 'well_known'")
            forgotten.execute("UPDATE pg_class SET reltuples = 3 WHERE relname = 'nobody_knows'")
        tell = emptied_at_the_fence(backed_up, "admin_db", "forgotten", "nobody_knows")
        report = run_drill(backed_up.settings, tell=tell)
    said = detail(report, "drill.fence")
    assert outcomes(report)["drill.fence"] is Outcome.FAIL
    assert said.startswith("1 table differs from production at the fence"), said
    assert "forgotten.public.nobody_knows has 0 rows, production had 3" in said


@pytest.mark.parametrize(
    "forked_at",
    [
        pytest.param("FF/0", id="after the fence"),
        pytest.param("0/1000028", id="before the backup", marks=pytest.mark.exhaustive),
    ],
)
def test_a_timeline_that_production_does_not_know_is_not_followed(backed_up: StackSandbox, forked_at: str) -> None:
    cluster = backed_up.settings.cluster_named("live_db")
    pgbackrest = PgBackRest(cluster, backed_up.settings.runner())
    with postgres.superuser(backed_up.home, "live_db") as connection:
        row = connection.execute("SELECT current_setting('data_directory')").fetchone()
    assert row is not None
    history = Path(row[0]) / "pg_wal" / NEW_TIMELINE
    client = seaweedfs.client(backed_up.home, "pgbackrest-repo1")
    with ExitStack() as stack:
        # What a standby leaves that was promoted by mistake and archives.
        history.write_text(f"1\t{forked_at}\tno recovery target specified\n")
        backed_up.settings.runner().own(history)
        try:
            backed_up.settings.runner().run(
                [
                    *("pgbackrest", f"--config={pgbackrest.config}", f"--stanza={cluster.stanza}"),
                    *("--no-archive-async", "archive-push", str(history)),
                ],
                timeout=60,
            )
        finally:
            history.unlink()
        for number in cluster.repositories:
            bucket = f"pgbackrest-repo{number}"
            key = f"repo{number}/archive/{cluster.stanza}/{archive_id(backed_up, cluster.name)}/{NEW_TIMELINE}"
            stack.callback(seaweedfs.client(backed_up.home, bucket).delete_object, Bucket=bucket, Key=key)
        listed = client.list_objects_v2(
            Bucket="pgbackrest-repo1", Prefix=f"repo1/archive/live_db/{archive_id(backed_up, 'live_db')}/00000002"
        )
        assert [Path(item["Key"]).name for item in listed["Contents"]] == [NEW_TIMELINE]
        report = run_drill(backed_up.settings, repository=1)
    assert outcomes(report)["drill.recovery"] is Outcome.FAIL
    assert "the repository holds a timeline that production does not know" in detail(report, "drill.recovery")
    assert left_behind(backed_up) == []


@pytest.mark.parametrize("when", [Phase.REPLAY_TO_FENCE, pytest.param(Phase.VALIDATE, marks=pytest.mark.exhaustive)])
def test_a_clone_that_is_really_production_is_refused_before_anything_is_written(
    backed_up: StackSandbox, when: Phase
) -> None:
    production = backed_up.home.path("sockets") / f".s.PGSQL.{backed_up.home.port('live_db')}"
    written = """SELECT n_tup_ins, pg_is_in_recovery(), ARRAY(SELECT extname::text FROM pg_extension)
                 FROM pg_stat_sys_tables WHERE relname = 'pg_class'"""

    def tell(phase: Phase) -> None:
        if phase is when:
            (sockets,) = backed_up.settings.drills.directory.glob("*/live_db/s")
            door = sockets / f".s.PGSQL.{PORT}"
            door.unlink()
            door.symlink_to(production)

    with postgres.superuser(backed_up.home, "live_db") as connection:
        before = connection.execute(written).fetchone()
        report = run_drill(backed_up.settings, tell=tell)
        after = connection.execute(written).fetchone()
    assert outcomes(report)["drill.recovery"] is Outcome.FAIL
    assert "what answers as the clone of live_db is another server" in detail(report, "drill.recovery")
    assert before == after  # no table was made there, not even for a moment, nor pg_amcheck's extension
    assert outcomes(report)["drill.isolation"] is Outcome.PASS
    assert left_behind(backed_up) == []
