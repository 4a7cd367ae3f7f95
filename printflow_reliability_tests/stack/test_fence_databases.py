"""Fences of clusters with databases of every kind: each is counted, or told of with the reason."""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial

import psycopg
import pytest

from printflow_reliability.drills.fences import reachable, sessions
from printflow_reliability.drills.fences.moment import Moment, find_moment
from printflow_reliability.drills.fences.side import Side
from printflow_reliability.platform import connect
from printflow_reliability.restore.gaps import ALL
from printflow_reliability.restore.production import ask_production
from printflow_reliability_tests.stack.fenced_cluster import (
    DIGEST_BYTES,
    counts,
    database,
    fence,
    inside,
    settings,
    shop,
)
from printflow_reliability_tests.stack.plain import PlainCluster

__all__ = ["database", "shop"]
pytestmark = pytest.mark.stack


@contextmanager
def databases(shop: PlainCluster, *statements: str) -> Iterator[None]:
    for statement in statements:
        shop.execute(statement)
    try:
        yield
    finally:
        shop.execute(
            "UPDATE pg_database SET datconnlimit = -1, datallowconn = true, datistemplate = false "
            "WHERE datname NOT LIKE 'template_'"
        )
        for name in ("half", "closed", "private", "crowded", "pattern", "many"):
            shop.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def test_databases_that_let_nobody_in_are_left_out_with_the_reason(
    shop: PlainCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "FULL_SECONDS", 0.2)
    with databases(
        shop,
        *(f"CREATE DATABASE {name}" for name in ("half", "closed", "private", "crowded")),
        "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'",
        "ALTER DATABASE closed ALLOW_CONNECTIONS false",
        "REVOKE CONNECT ON DATABASE private FROM PUBLIC",
        "ALTER DATABASE crowded CONNECTION LIMIT 0",
    ):
        made = fence(shop)
    reasons = made.gaps.left_out
    assert reasons.keys() == {"half", "closed", "private", "crowded"}
    assert 'Next: DROP DATABASE "half"' in reasons["half"]
    assert 'Next: GRANT CONNECT ON DATABASE "private" TO "printflow"' in reasons["private"]
    assert "no free connection" in reasons["crowded"]
    assert made.counts is not None
    assert "postgres" in made.counts
    assert made.gaps.untold == {}


@pytest.mark.parametrize("happens", [None, "INSERT INTO t VALUES (2)", "DROP TABLE t", "DROP EXTENSION citext"])
def test_a_template_is_counted_while_databases_are_made_of_it(
    shop: PlainCluster, monkeypatch: pytest.MonkeyPatch, happens: str | None
) -> None:
    """A session that stayed in it would refuse these; what changes in it meanwhile is told of."""

    def changed(given: Sequence[Side], name: str, quiet_seconds: float) -> Moment:
        if happens:
            inside(shop, "pattern", happens)
        return find_moment(given, name, quiet_seconds)

    monkeypatch.setattr("printflow_reliability.drills.fences.make.find_moment", changed)
    with databases(shop, "CREATE DATABASE pattern"):
        inside(shop, "pattern", "CREATE TABLE t AS SELECT 1 AS a; CREATE EXTENSION citext")
        shop.execute("ALTER DATABASE pattern IS_TEMPLATE true")
        with ThreadPoolExecutor() as pool:
            over = threading.Event()
            making = pool.submit(make_databases_of, shop, "pattern", over)
            try:
                made = fence(shop)
            finally:
                over.set()
        assert making.result() > 0
    assert "database pattern" in made.inventory
    if happens is None:
        assert counts(made, "pattern") == {"public.t": 1}
        assert (made.digests or {})["pattern"]["public.t"] != "0"
        assert "extension pattern.citext" in made.inventory
        assert "pattern" not in made.gaps.left_out
    else:
        assert "pattern" not in (made.counts or {})
        assert "it was changed while the fence was made" in made.gaps.left_out["pattern"]


def make_databases_of(shop: PlainCluster, template: str, over: threading.Event) -> int:
    """Make databases of a template, one after the other, until told to end; how many there were."""
    made = 0
    while not over.is_set():
        shop.execute(f"CREATE DATABASE many TEMPLATE {template}")
        shop.execute("DROP DATABASE many WITH (FORCE)")
        made += 1
    return made


def test_names_and_texts_that_are_valid_in_no_encoding_are_counted_and_escaped(
    shop: PlainCluster, request: pytest.FixtureRequest
) -> None:
    for name, encoding in (("bare", "SQL_ASCII"), ("latin", "LATIN1"), ("japan", "EUC_JP")):
        shop.execute(f"CREATE DATABASE {name} ENCODING {encoding} TEMPLATE template0 LOCALE 'C'")
        request.addfinalizer(partial(shop.execute, f"DROP DATABASE {name} WITH (FORCE)"))
    with psycopg.connect(shop.settings.url, dbname="bare", autocommit=True) as connection:
        connection.execute(b'CREATE TABLE "gr\xfc\xdfe" (a text); INSERT INTO "gr\xfc\xdfe" VALUES (\'\xff\xfe\')')
    with psycopg.connect(shop.settings.url, dbname="latin", autocommit=True, client_encoding="UTF8") as connection:
        connection.execute("CREATE TABLE größe (\"ä\" text); INSERT INTO größe VALUES ('ö')")
    with psycopg.connect(shop.settings.url, dbname="japan", autocommit=True, client_encoding="UTF8") as connection:
        connection.execute("CREATE TABLE 注文 (a text); INSERT INTO 注文 VALUES ('印刷')")
    made = fence(shop)
    assert counts(made, "bare") == {"public.gr\\xfc\\xdfe": 1}
    assert counts(made, "latin") == {"public.größe": 1}
    assert counts(made, "japan") == {"public.注文": 1}
    assert made.digests is not None
    assert all(made.digests[name][table] != "0" for name in ("bare", "latin", "japan") for table in counts(made, name))


def test_paths_of_production_that_are_text_in_no_encoding_stay_what_they_are(shop: PlainCluster) -> None:
    place = shop.home / os.fsdecode(b"r\xe4um")
    place.mkdir()
    shop.programs.own(place)
    shop.execute("CREATE DATABASE bytes ENCODING SQL_ASCII TEMPLATE template0 LOCALE 'C'")
    with psycopg.connect(shop.settings.url, dbname="bytes", autocommit=True) as connection:
        connection.execute(b"CREATE TABLESPACE odd LOCATION '%b'" % os.fsencode(place))
    assert [tablespace.path for tablespace in ask_production(settings(shop)).tablespaces] == [str(place)]
    shop.execute("DROP DATABASE bytes")
    shop.execute("DROP TABLESPACE odd")


def test_a_thousand_tables_need_few_locks_and_a_fence_few_connections(shop: PlainCluster, database: str) -> None:
    """With these settings a transaction that keeps its locks gets no further than a few hundred tables."""
    for first in range(0, 1000, 100):
        create = "CREATE TABLE t%s (a int PRIMARY KEY); INSERT INTO t%s VALUES (1)"
        inside(shop, database, "; ".join(create % (n, n) for n in range(first, first + 100)))
    all_at_once = "; ".join(f"SELECT count(*) FROM t{number}" for number in range(1000))
    with pytest.raises(psycopg.errors.OutOfMemory):
        inside(shop, database, all_at_once)
    over, most = threading.Event(), [0]

    def watch() -> None:
        with psycopg.connect(shop.settings.url, autocommit=True) as connection:
            while not over.wait(0.01):
                row = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'printflow_reliability'"
                ).fetchone()
                most[0] = max(most[0], row[0] if row else 0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    made = fence(shop, database)
    over.set()
    watcher.join()
    assert len(counts(made, database)) == 1000
    assert made.rows >= 1000
    assert 1 <= most[0] <= 3
    assert made.gaps.untold == {}


def test_a_fence_leaves_connections_to_others_and_says_what_it_did_not_count(
    shop: PlainCluster, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reachable, "BACK_OFF_SECONDS", 1.0)
    with ExitStack() as stack:
        for _ in range(13):
            stack.enter_context(psycopg.connect(shop.settings.url))
        made = fence(shop, "postgres")
    assert made.counts is not None
    assert made.counts.keys() == {"postgres"}
    assert "too few free connections" in made.gaps.untold[database][ALL]
    assert database in (fence(shop, "postgres").counts or {})


def test_where_connections_are_few_each_database_gets_its_turn(
    shop: PlainCluster, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "free_connections", lambda *_: 1)
    names = {f"turn_{number}" for number in range(3)}
    for name in names:
        shop.execute(f"CREATE DATABASE {name}")
    counted = set()
    for _ in range(200):
        with ExitStack() as stack:
            opened = sessions.Sessions(stack, settings(shop, "postgres"))
            (other,) = opened.by_database.keys() - {"postgres"}
            assert opened.untold.keys() >= names - {other}
            counted.add(other)
        if counted >= names | {database}:
            break
    for name in names:
        shop.execute(f"DROP DATABASE {name} WITH (FORCE)")
    assert counted >= names | {database}


def test_a_database_that_appears_or_vanishes_in_mid_fence_is_told_of_and_the_others_are_counted(
    shop: PlainCluster, database: str
) -> None:
    inside(shop, database, "CREATE TABLE t AS SELECT 1 AS a")
    shop.execute("CREATE DATABASE vanishes")
    cluster = settings(shop, database)
    with ExitStack() as stack:
        side = Side(stack, cluster)
        shop.execute("CREATE DATABASE appears")
        try:
            shop.execute("DROP DATABASE vanishes WITH (FORCE)")
            moment = find_moment([side], "test", 10)
            side.inventory()
            read = {
                name: side.read(name, moment.snapshots[0], DIGEST_BYTES) for name in list(side.sessions.by_database)
            }
            gaps = side.gaps(read)
        finally:
            shop.execute("DROP DATABASE appears")
    assert read[database]["public.t"].rows == 1
    assert gaps.untold["appears"] == {ALL: "it was made or renamed while the fence was"}
    assert "ended" in gaps.untold["vanishes"][ALL]
