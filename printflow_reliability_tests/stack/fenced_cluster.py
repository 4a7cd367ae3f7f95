"""A cluster with few connections and locks, a database of it for one test, and fences that are made there."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import psycopg
import pytest

from printflow_reliability.drills.fences.make import make_fences
from printflow_reliability.drills.fences.moment import find_moment
from printflow_reliability.drills.fences.reading import Reading
from printflow_reliability.drills.fences.side import Side
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.production import ask_production
from printflow_reliability.settings import ClusterSettings
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster

FEW = "\nmax_connections = 20\nmax_locks_per_transaction = 10\nfull_page_writes = off\n"
DIGEST_BYTES = 10**7


@pytest.fixture(scope="module")
def shop() -> Iterator[PlainCluster]:
    """A cluster with few connections and locks, and roles that may do less than a superuser."""
    with plain_cluster(archiving=False) as cluster:
        with (cluster.home / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(FEW)
        cluster.restart()
        cluster.execute("CREATE ROLE printflow LOGIN IN ROLE pg_read_all_data, pg_monitor")
        cluster.execute("CREATE ROLE auditor LOGIN IN ROLE pg_monitor")
        for name in ("postgres", "template1"):
            inside(cluster, name, "GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO PUBLIC")
        yield cluster


@pytest.fixture
def database(shop: PlainCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database for one test."""
    name = f"test_{abs(hash(request.node.name)) % 10**6}"
    shop.execute(f"CREATE DATABASE {name}")
    yield name
    shop.execute(f"DROP DATABASE {name} WITH (FORCE)")


def inside(shop: PlainCluster, database: str, statements: str) -> None:
    with psycopg.connect(shop.settings.url, dbname=database, autocommit=True) as connection:
        connection.execute(statements.encode())


def settings(shop: PlainCluster, database: str = "postgres", role: str = "printflow") -> ClusterSettings:
    url = f"host={shop.home} user={role} dbname={database}"
    return shop.settings.model_copy(update={"url": url})


def fence(shop: PlainCluster, database: str = "postgres", role: str = "printflow") -> Fence:
    cluster = settings(shop, database, role)
    productions = {cluster.name: ask_production(cluster)}
    (made,) = make_fences(productions, [cluster], "test", quiet_seconds=10, digest_bytes=DIGEST_BYTES)
    return made


def counts(made: Fence, database: str) -> Mapping[str, int]:
    assert made.counts is not None
    return {table: rows for table, rows in made.counts[database].items() if not table.startswith("pg_catalog")}


def read_after(
    shop: PlainCluster, database: str, happens: Callable[[psycopg.Connection], object]
) -> dict[str, Reading]:
    """What a fence reads of a database in which something happens between its moment and its counting."""
    with ExitStack() as stack:
        side = Side(stack, settings(shop, database))
        moment = find_moment([side], "test", 10)
        assert moment.exact
        with psycopg.connect(shop.settings.url, dbname=database, autocommit=True) as connection:
            happens(connection)
            return side.read(database, moment.snapshots[0], DIGEST_BYTES)
