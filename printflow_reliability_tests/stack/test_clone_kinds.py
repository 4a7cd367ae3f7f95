"""A clone of a cluster that holds what is rare: names in other encodings, unfinished indexes, thousands of tables."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.validation.clone_inventory import check_inventory
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.quiet import quieten
from printflow_reliability.restore.replay import await_promotion, replay_to_end
from printflow_reliability.restore.validation.validate import validate
from printflow_reliability_tests.stack.fenced_clone import compared, fence, paused
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster

pytestmark = pytest.mark.stack

TABLES = 5000
"""More than the lock table holds of a server with these connections, were there no room for autovacuum's workers."""
FEW_CONNECTIONS = "\nmax_connections = 20\nautovacuum_max_workers = 60\n"
WORKER_SLOTS = "autovacuum_worker_slots"
"""What makes room for autovacuum's workers from PostgreSQL 18 on."""
ONE_TRANSACTION = f"""
DO $$ BEGIN FOR n IN 1 .. {TABLES} LOOP EXECUTE format('CREATE TABLE many.part_%s (id int)', n); END LOOP; END $$
"""
UNFINISHED = (
    "CREATE INDEX CONCURRENTLY by_name ON texts (name)",
    "CREATE UNIQUE INDEX CONCURRENTLY by_id ON numbers (id)",
    "REINDEX TABLE CONCURRENTLY rebuilt",
)
WAITING = "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for %'"


@pytest.fixture(scope="module")
def shop() -> Iterator[PlainCluster]:
    """A cluster with few connections, names in other encodings and a backup."""
    with plain_cluster(segment_megabytes=16) as cluster:
        with (cluster.home / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(FEW_CONNECTIONS)
            if cluster.execute(f"SELECT 1 FROM pg_settings WHERE name = '{WORKER_SLOTS}'"):
                file.write(f"{WORKER_SLOTS} = 60\n")
        cluster.restart()
        for table in ("texts (id int, name text)", "numbers (id int)", "rebuilt (id int PRIMARY KEY, name text)"):
            cluster.execute(f"CREATE TABLE {table}")
            cluster.execute(f"INSERT INTO {table.split()[0]} (id) SELECT generate_series(1, 100)")
        cluster.execute("CREATE SCHEMA many")
        cluster.execute("CREATE DATABASE latin ENCODING LATIN1 TEMPLATE template0 LOCALE 'C'")
        cluster.execute('CREATE DATABASE "größe"')
        with psycopg.connect(cluster.settings.url, dbname="latin", autocommit=True, client_encoding="UTF8") as inside:
            for statement in (
                "CREATE ROLE röle LOGIN",
                "CREATE ROLE verkäufer IN ROLE röle",
                'CREATE DATABASE "möbel" ENCODING LATIN1 TEMPLATE template0 LOCALE "C"',
                'CREATE SCHEMA "wörter"; CREATE EXTENSION citext SCHEMA "wörter"',
                'CREATE TABLE "wörter"."tür" ("ü" text PRIMARY KEY); INSERT INTO "wörter"."tür" VALUES (\'ö\')',
            ):
                inside.execute(statement)
        cluster.command("--start-fast", "backup", "--type=full")
        yield cluster


@contextmanager
def unfinished_indexes(shop: PlainCluster) -> Iterator[None]:
    """Indexes that are being built for as long as the block lasts: each waits for an old snapshot and for a writer."""

    def build(statement: str) -> None:
        with psycopg.connect(shop.settings.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    builders = [threading.Thread(target=build, args=(statement,)) for statement in UNFINISHED]
    with psycopg.connect(shop.settings.url) as reader, psycopg.connect(shop.settings.url) as writer:
        writer.execute("INSERT INTO numbers VALUES (101)")
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM texts")
        for builder in builders:
            builder.start()
        deadline = time.monotonic() + 30
        while shop.execute(WAITING)[0][0] != len(UNFINISHED):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        try:
            yield
        finally:
            writer.rollback()
            reader.rollback()
    for builder in builders:
        builder.join()


def promoted(clone: Clone) -> tuple[CheckResult, ...]:
    """Let a clone that stands at its fence go on to the end of WAL, and validate it."""
    clone.stop(timeout=60)
    clone.set_target(None)
    clone.start(timeout=60)
    replay_to_end(clone, None, timeout=60)
    await_promotion(clone, 0, timeout=60)
    quieten([clone])
    return validate([clone], timeout=60, give_up=lambda: None)


def test_names_in_other_encodings_unfinished_indexes_and_5000_tables_raise_no_alarm(shop: PlainCluster) -> None:
    shop.execute(ONE_TRANSACTION)
    with unfinished_indexes(shop):
        at = fence(shop)
        assert {"role r\\xf6le", "role verk\\xe4ufer", "extension latin.citext"} <= at.inventory.keys()
        assert at.inventory["role verk\\xe4ufer"] == "member of r\\xf6le"
        assert at.gaps.left_out.keys() == {"m\\xf6bel"}
        with paused(shop, at) as clone:
            rows = compared(clone, at)
            inventory = check_inventory([clone], {"plain": at})
            found = {result.check: result for result in promoted(clone)}
    assert rows.outcome is Outcome.WARN, rows.detail
    assert rows.detail.count("left out") == 1, rows.detail
    assert rows.numbers["tables"] > TABLES, rows.detail
    assert inventory.outcome is Outcome.PASS, inventory.detail
    for result in found.values():
        assert result.outcome is Outcome.PASS, result.detail
    assert "by_id is not valid in production either" in found["drill.indexes"].detail
    assert "by_id is not valid in production either" in found["drill.constraints"].detail
