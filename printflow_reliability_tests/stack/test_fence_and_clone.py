"""Fences in a busy production against clones that stand at them: no false alarm, and what is planted is named."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.validation.clone_inventory import check_inventory
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.fence import Fence
from printflow_reliability_tests.stack.fenced_clone import compared, fence, paused
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster

pytestmark = pytest.mark.stack

SCHEMA = """
CREATE TABLE accounts AS SELECT id, 0 AS balance, repeat('x', 40) AS filler FROM generate_series(1, 20000) AS id;
ALTER TABLE accounts ADD PRIMARY KEY (id);
CREATE TABLE entries (id bigserial PRIMARY KEY, account int, amount int);
CREATE TABLE loops AS SELECT generate_series(1, 3000) AS a;
CREATE TABLE packed AS SELECT generate_series(1, 3000) AS a, 'text' AS b;
CREATE TABLE renamed_0 AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM entries;
CREATE TABLE months (at int, id int) PARTITION BY LIST (at);
CREATE UNLOGGED TABLE cache AS SELECT 1 AS id;
"""
TRANSFER = """
UPDATE accounts SET balance = balance + 1 WHERE id = 1 + (random() * 19999)::int;
INSERT INTO entries (account, amount) VALUES (1, 1)
"""
DDL = (
    "TRUNCATE loops; INSERT INTO loops SELECT generate_series(1, 3000)",
    "ALTER TABLE loops ALTER a TYPE bigint; ALTER TABLE loops ALTER a TYPE int",
    "REFRESH MATERIALIZED VIEW totals",
    "ALTER TABLE renamed_0 RENAME TO renamed_1; ALTER TABLE renamed_1 RENAME TO renamed_0",
    "CREATE TABLE passing AS SELECT 1 AS a; DROP TABLE passing",
    "CREATE TABLE january PARTITION OF months FOR VALUES IN (1); INSERT INTO months VALUES (1, 1); DROP TABLE january",
    "ALTER TABLE packed ADD c int DEFAULT 1; ALTER TABLE packed DROP c",
    "CREATE ROLE passing; DROP ROLE passing",
)
MAINTENANCE = (
    "VACUUM FULL packed",
    "CREATE INDEX CONCURRENTLY by_balance ON accounts (balance)",
    "DROP INDEX CONCURRENTLY by_balance",
    "VACUUM FULL loops",
    "REINDEX TABLE CONCURRENTLY packed",
)


@pytest.fixture(scope="module")
def shop() -> Iterator[PlainCluster]:
    """A small platform, backed up."""
    with plain_cluster(segment_megabytes=16) as cluster:
        cluster.execute(SCHEMA)
        cluster.execute("CREATE ROLE ink_app")
        cluster.command("--start-fast", "backup", "--type=full")
        yield cluster


@contextmanager
def busy(shop: PlainCluster) -> Iterator[list[int]]:
    """Hundreds of transactions a second, one DDL after another, and maintenance, until the block ends."""
    over = threading.Event()
    done = [0, 0, 0, 0]
    failed: list[psycopg.Error] = []

    def work(number: int, statements: tuple[str, ...], pause: float) -> None:
        with psycopg.connect(shop.settings.url, autocommit=True) as connection:
            while not over.is_set():
                for statement in statements:
                    try:
                        connection.execute(statement.encode())
                    except (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
                        continue
                    except psycopg.Error as error:
                        failed.append(error)
                        return
                    done[number] += 1
                    if over.wait(pause):
                        break

    loads = ((TRANSFER,), (TRANSFER,), DDL, MAINTENANCE)
    threads = [
        threading.Thread(target=work, args=(number, statements, 0.0 if number < 2 else 0.02))
        for number, statements in enumerate(loads)
    ]
    for thread in threads:
        thread.start()
    try:
        yield done
    finally:
        over.set()
        for thread in threads:
            thread.join()
        for passing in ("DROP INDEX IF EXISTS by_balance", "DROP TABLE IF EXISTS january, passing"):
            shop.execute(passing)
    assert failed == []


def test_three_fences_under_transactions_ddl_and_maintenance_raise_no_false_alarm(shop: PlainCluster) -> None:
    made: list[tuple[Fence, CheckResult, CheckResult]] = []
    with busy(shop) as done:
        for _ in range(3):
            at = fence(shop)
            with paused(shop, at) as clone:
                made.append((at, compared(clone, at), check_inventory([clone], {"plain": at})))
    assert min(done) > 20
    for at, rows, inventory in made:
        assert at.counts is not None
        assert at.counts["postgres"]["public.accounts"] == 20000
        # What was changed while it was counted cannot be told; nothing differs, and all else is equal.
        assert rows.outcome in (Outcome.PASS, Outcome.UNKNOWN), rows.detail
        assert rows.numbers["differing_tables"] == 0, rows.detail
        # A moment was found in which nobody was just committing, though somebody was at work all the time.
        assert "being committed" not in rows.detail
        assert set(at.gaps.untold.get("postgres", {})) <= {
            *("public.loops", "public.totals", "public.passing", "public.january", "public.renamed_0"),
            *("public.renamed_1", "public.packed"),
        }
        assert inventory.outcome is Outcome.PASS, inventory.detail


def set_version(shop: PlainCluster, version: str) -> None:
    shop.execute(f"UPDATE pg_database SET datcollversion = '{version}' WHERE datname = 'icu'")


def test_a_healthy_clone_is_equal_and_each_planted_fault_is_named(shop: PlainCluster) -> None:
    shop.execute("CREATE DATABASE icu TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de' LOCALE 'C'")
    with psycopg.connect(shop.settings.url, dbname="icu", autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE names (name text PRIMARY KEY, id int UNIQUE); INSERT INTO names VALUES ('a', 1)"
        )
    shop.execute("CREATE DATABASE pattern TEMPLATE icu")
    shop.execute("ALTER DATABASE pattern IS_TEMPLATE true")
    (version,) = shop.execute("SELECT datcollversion FROM pg_database WHERE datname = 'icu'")[0]
    set_version(shop, "1.0")
    shop.execute("ALTER DATABASE icu ALLOW_CONNECTIONS true")
    shop.execute("CREATE DATABASE half")
    shop.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'")
    at = fence(shop)
    set_version(shop, str(version))
    with paused(shop, at) as clone:
        healthy = compared(clone, at)
        assert healthy.outcome is Outcome.WARN, healthy.detail
        assert "left out: plain half: its DROP was interrupted" in healthy.detail
        assert "unlogged, so empty by design: postgres.public.cache" in healthy.detail
        inventory = check_inventory([clone], {"plain": at})
        assert inventory.outcome is Outcome.WARN, inventory.detail
        assert "collation the default has version" in inventory.detail
        assert "1.0 when its indexes were built: 1 index depends on it (public.names_pkey)" in inventory.detail
        truncated(clone, "icu", "names")
        assert "icu.public.names has 0 rows, production had 1" in failed(clone, at)
        truncated(clone, "pattern", "names")
        assert "pattern.public.names has 0 rows, production had 1" in failed(clone, at)
        removed(clone, "postgres", "packed")
        assert "postgres.public.packed cannot be read in the clone: could not open file" in failed(clone, at)
        damaged_map(clone, "icu")
        assert "plain icu does not open" in failed(clone, at)
        assert "plain icu does not open" in check_inventory([clone], {"plain": at}).detail
    shop.execute("UPDATE pg_database SET datconnlimit = -1 WHERE datname = 'half'")
    shop.execute("DROP DATABASE half")
    shop.execute("ALTER DATABASE pattern IS_TEMPLATE false")
    shop.execute("DROP DATABASE pattern")
    shop.execute("DROP DATABASE icu")


def failed(clone: Clone, at: Fence) -> str:
    """What a comparison says that fails; nothing of a sound table."""
    found = compared(clone, at)
    assert found.outcome is Outcome.FAIL
    assert "accounts" not in found.detail
    return found.detail


def path_of(clone: Clone, database: str, table: str) -> str:
    with clone.connect(database) as connection:
        row = connection.execute("SELECT pg_relation_filepath(%s::regclass)", (table,)).fetchone()
    assert row is not None
    return str(row[0])


def truncated(clone: Clone, database: str, table: str) -> None:
    (clone.data / path_of(clone, database, table)).write_bytes(b"")


def removed(clone: Clone, database: str, table: str) -> None:
    (clone.data / path_of(clone, database, table)).unlink()


def damaged_map(clone: Clone, database: str) -> None:
    (clone.data / path_of(clone, database, "names")).parent.joinpath("pg_filenode.map").write_bytes(b"\0" * 524)
