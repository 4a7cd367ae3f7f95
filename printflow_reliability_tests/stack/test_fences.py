"""Fences in production: what each table held at one moment, whatever else happens there, and what could not be told."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial

import psycopg
import pytest

from printflow_reliability.drills.fences import reachable
from printflow_reliability.drills.fences import side as sides
from printflow_reliability.drills.fences.make import make_fences
from printflow_reliability.drills.fences.moment import Moment, find_moment
from printflow_reliability.drills.fences.reading import Reading, Trouble
from printflow_reliability.drills.fences.side import Side
from printflow_reliability.drills.fences.unarchived import look_at_unarchived, stopped_heartbeats
from printflow_reliability.platform import connect
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.gaps import ALL
from printflow_reliability.restore.production import ask_production
from printflow_reliability.settings import ClusterSettings
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster

pytestmark = pytest.mark.stack

FEW = "\nmax_connections = 20\nmax_locks_per_transaction = 10\nfull_page_writes = off\n"
DIGEST_BYTES = 10**7
ODD_TABLES = """
CREATE TABLE t (t int, id int);
CREATE TABLE "order" ("from" int, "Key" text, "new
line" text, child int, parent int, asked int, x int, count int, ctids int, "''" int, "say ""so"" " int, r int,
                      restored int);
CREATE TABLE nothing ();
CREATE TABLE few (a int, gone text, b int GENERATED ALWAYS AS (a * 2) STORED);
ALTER TABLE few DROP COLUMN gone;
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TABLE types (p pair, ps pair[], d positive, j json, x xml, b bytea, f float8, m money, i interval,
                    at timestamptz,
                    r int4range, point point, words tsvector, number numeric, kind regclass);
CREATE SCHEMA "a.b";
CREATE SCHEMA a;
CREATE TABLE "a.b".c (x int);
CREATE TABLE a."b.c" (x int);
CREATE TABLE "{long}" ("{long}" int);
CREATE UNLOGGED TABLE cache AS SELECT 1 AS id;
""".format(long="ü" * 31)
ROWS = {
    "public.t": "INSERT INTO t VALUES (1, 1), (1, 2)",
    "public.order": "INSERT INTO \"order\" VALUES (1, 'a', 'b', 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)",
    "public.few": "INSERT INTO few VALUES (1)",
    "public.types": "INSERT INTO types VALUES ((1, 'x'), ARRAY[(1, 'y')::pair], 3, '{}', '<a/>', '\\x00ff', 0.1, 12.5, "
    "'1 day', now(), '[1,4)', '(1,2)', 'a b', 1e30, 'pg_class')",
    '"a.b".c': 'INSERT INTO "a.b".c VALUES (1)',
    'a."b.c"': 'INSERT INTO a."b.c" VALUES (1)',
    f"public.{'ü' * 31}": f'INSERT INTO "{"ü" * 31}" VALUES (1)',
}
CHANGES = {
    "public.t": "UPDATE t SET id = 3 WHERE id = 2",
    "public.order": 'UPDATE "order" SET "say ""so"" " = 2',
    "public.few": "UPDATE few SET a = 2",
    "public.types": "UPDATE types SET x = '<b/>'",
    'a."b.c"': 'UPDATE a."b.c" SET x = 2',
    f"public.{'ü' * 31}": f'UPDATE "{"ü" * 31}" SET "{"ü" * 31}" = 2',
}


@pytest.fixture(scope="module")
def shop() -> Iterator[PlainCluster]:
    """A cluster with few connections and locks, and roles that may do less than a superuser."""
    with plain_cluster() as cluster:
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


def test_a_change_of_one_value_changes_the_digest_whatever_columns_and_tables_are_called(
    shop: PlainCluster, database: str
) -> None:
    inside(shop, database, ODD_TABLES)
    for insert in ROWS.values():
        inside(shop, database, insert)
    inside(shop, database, "INSERT INTO nothing DEFAULT VALUES; INSERT INTO nothing DEFAULT VALUES")
    before, again = fence(shop, database), fence(shop, database)
    for change in CHANGES.values():
        inside(shop, database, change)
    after = fence(shop, database)
    assert before.digests is not None
    assert after.digests is not None
    assert before.digests == (again.digests or {})
    changed = {table for table, digest in after.digests[database].items() if before.digests[database][table] != digest}
    assert changed == set(CHANGES)
    assert counts(before, database) == counts(after, database)
    assert counts(before, database) == {**dict.fromkeys(ROWS, 1), "public.t": 2, "public.nothing": 2}


@pytest.mark.parametrize(
    ("happens", "trouble"),
    [
        ("TRUNCATE t", Trouble.CHANGED),
        ("TRUNCATE t; INSERT INTO t SELECT 7", Trouble.CHANGED),
        ("ALTER TABLE t ALTER a TYPE bigint", Trouble.CHANGED),
        ("ALTER TABLE t ADD b float DEFAULT random()", Trouble.CHANGED),
        ("ALTER TABLE t SET UNLOGGED", Trouble.CHANGED),
        ("ALTER TABLE t RENAME TO u", Trouble.CHANGED),
        ("ALTER TABLE t RENAME TO u; CREATE TABLE t AS SELECT 1 AS a", Trouble.CHANGED),
        ("CREATE SCHEMA s; ALTER TABLE t SET SCHEMA s", Trouble.CHANGED),
        ("DROP TABLE t", Trouble.CHANGED),
        ("DROP TABLE t; CREATE TABLE t (a int)", Trouble.CHANGED),
        ("BEGIN; TRUNCATE t; COPY t FROM PROGRAM 'echo 1' (FREEZE); COMMIT", Trouble.CHANGED),
        ("DELETE FROM t", None),
        ("DELETE FROM t; VACUUM t", None),
        ("UPDATE t SET a = -a; VACUUM FULL t", None),
        ("VACUUM FULL FREEZE t", None),
        ("CLUSTER t USING by_a", None),
        ("ALTER TABLE t ADD b int DEFAULT 3", None),
        ("ALTER TABLE t ALTER a DROP NOT NULL, ADD CHECK (a > 0)", None),
    ],
)
def test_what_happens_to_a_table_after_the_moment_is_seen_by_nobody_or_told_of_that_table(
    shop: PlainCluster, database: str, happens: str, trouble: Trouble | None
) -> None:
    inside(shop, database, "CREATE TABLE t (a int); CREATE INDEX by_a ON t (a); CREATE TABLE other AS SELECT 1 AS a")
    inside(shop, database, "INSERT INTO t SELECT generate_series(1, 50)")
    before = fence(shop, database)

    def happen(connection: psycopg.Connection) -> None:
        for statement in happens.split("; "):
            connection.execute(statement.encode())

    read = read_after(shop, database, happen)
    assert read["public.t"].trouble is trouble, read
    assert read["public.t"].rows == (50 if trouble is None else None)
    assert read["public.other"] == Reading(1, (before.digests or {})[database]["public.other"])
    assert (before.digests or {})[database]["public.t"] == (read["public.t"].digest or "") or trouble


@pytest.mark.parametrize(
    ("happens", "known"),
    [
        ("ALTER TABLE t ADD b int DEFAULT 3", True),
        ("ALTER TABLE t ALTER at TYPE timestamp", False),
        ("ALTER TABLE t DROP at", False),
        ("ALTER TABLE t DROP at; ALTER TABLE t ADD at timestamptz", False),
    ],
)
def test_columns_that_change_in_mid_fence_make_no_content_of_another_kind(
    shop: PlainCluster, database: str, happens: str, known: bool
) -> None:
    inside(shop, database, "CREATE TABLE t AS SELECT 1 AS a, timestamptz '2026-11-02 03:00' AS at")
    before = fence(shop, database)

    def happen(connection: psycopg.Connection) -> None:
        for statement in happens.split("; "):
            connection.execute("SET timezone = 'UTC'")
            connection.execute(statement.encode())

    (read,) = (read_after(shop, database, happen)[table] for table in ("public.t",))
    digest = (before.digests or {})[database]["public.t"]
    assert read.digest in ({digest} if known else {None})
    assert read.rows in (1, None)


@pytest.mark.parametrize("statement", ["CREATE INDEX CONCURRENTLY more ON t (a)", "REINDEX TABLE CONCURRENTLY t"])
def test_an_index_that_is_built_at_the_same_time_is_no_trouble(
    shop: PlainCluster, database: str, statement: str
) -> None:
    inside(shop, database, "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 50)")
    # It waits for all snapshots to end, the fence's too.
    builder = threading.Thread(target=inside, args=(shop, database, statement))

    def begin(connection: psycopg.Connection) -> None:
        builder.start()
        while not connection.execute("SELECT 1 FROM pg_locks WHERE locktype = 'virtualxid' AND NOT granted").fetchone():
            pass

    read = read_after(shop, database, begin)
    builder.join()
    assert read["public.t"].rows == 50


def test_a_refreshed_view_is_told_of_though_its_new_rows_are_frozen(shop: PlainCluster, database: str) -> None:
    inside(shop, database, "CREATE TABLE t AS SELECT generate_series(1, 50) AS a")
    inside(shop, database, "CREATE MATERIALIZED VIEW v AS TABLE t")

    def refresh(connection: psycopg.Connection) -> None:
        connection.execute("DELETE FROM t WHERE a > 20")
        connection.execute("REFRESH MATERIALIZED VIEW v")

    read = read_after(shop, database, refresh)
    assert read["public.v"].trouble is Trouble.CHANGED
    assert read["public.t"].rows == 50


def test_a_locked_table_a_forbidden_one_and_a_damaged_one_are_told_of_and_the_others_are_counted(
    shop: PlainCluster, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sides, "SECOND_LOCK", "500ms")
    inside(
        shop,
        database,
        """
        CREATE TABLE sound AS SELECT 1 AS a; CREATE TABLE locked AS SELECT 1 AS a; CREATE TABLE forbidden (a int);
        CREATE TABLE hidden (a int); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
        CREATE TABLE damaged AS SELECT generate_series(1, 5000) AS a;
        CREATE TABLE gone AS SELECT 1 AS a;
        GRANT SELECT ON sound, locked, hidden, damaged, gone TO auditor; CHECKPOINT""",
    )
    with psycopg.connect(shop.settings.url, dbname=database, autocommit=True) as connection:
        files = "SELECT pg_relation_filepath(t) FROM unnest('{damaged,gone}'::regclass[]) AS t"
        paths = connection.execute(files).fetchall()
    shop.stop()
    damaged, gone = (shop.home / "data" / str(path) for (path,) in paths)
    with damaged.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 8192)
    gone.rename(shop.home / "gone")
    shop.start()
    with psycopg.connect(shop.settings.url, dbname=database) as holder:
        holder.execute("LOCK TABLE locked")
        made = fence(shop, database, "auditor")
    (shop.home / "gone").rename(gone)
    assert counts(made, database) == {"public.sound": 1}
    untold = made.gaps.untold[database]
    assert untold.keys() == {"public.locked", "public.forbidden", "public.hidden"}
    assert "lock" in untold["public.locked"]
    assert untold["public.forbidden"] == (
        'permission denied for table forbidden. Next: GRANT pg_read_all_data TO "auditor"'
    )
    assert 'Next: ALTER ROLE "auditor" BYPASSRLS' in untold["public.hidden"]
    assert made.gaps.damaged[database].keys() == {"public.damaged", "public.gone"}
    assert "invalid page" in made.gaps.damaged[database]["public.damaged"]


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


def inside_latin(shop: PlainCluster, statement: str) -> None:
    with psycopg.connect(shop.settings.url, dbname="latin", autocommit=True, client_encoding="UTF8") as connection:
        connection.execute(statement.encode())


def test_paths_of_production_that_are_text_in_no_encoding_stay_what_they_are(shop: PlainCluster) -> None:
    place = shop.home / os.fsdecode(b"r\xe4um")
    place.mkdir()
    shop.programs.own(place)
    shop.execute("CREATE DATABASE bytes ENCODING SQL_ASCII TEMPLATE template0 LOCALE 'C'")
    with psycopg.connect(shop.settings.url, dbname="bytes", autocommit=True) as connection:
        connection.execute(b"CREATE TABLESPACE odd LOCATION '%b'" % os.fsencode(place))
    assert [one.path for one in ask_production(settings(shop)).tablespaces] == [str(place)]
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


@pytest.mark.parametrize(("beat", "stands"), [("now()", False), ("now() - interval '3 hours'", True)])
def test_a_heartbeat_that_stands_still_in_production_is_seen_before_the_drill(
    shop: PlainCluster, beat: str, stands: bool
) -> None:
    cluster = settings(shop).model_copy(update={"heartbeat": f"SELECT {beat}"})
    told = stopped_heartbeats([look_at_unarchived(cluster, heartbeat_key="cluster[0].heartbeat")], 300)
    assert ("the heartbeat of plain stands still: it is 3 h old in production" in told) is stands
