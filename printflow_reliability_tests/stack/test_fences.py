"""Fences in production: what each table held at one moment, whatever else happens there, and what could not be told."""

import threading

import psycopg
import pytest

from printflow_reliability.drills.fences import side as sides
from printflow_reliability.drills.fences.reading import NotCounted, Reading
from printflow_reliability.drills.fences.unarchived import look_at_unarchived, stopped_heartbeats
from printflow_reliability_tests.stack.fenced_cluster import counts, database, fence, inside, read_after, settings, shop
from printflow_reliability_tests.stack.plain import PlainCluster

__all__ = ["database", "shop"]
pytestmark = pytest.mark.stack

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
        ("TRUNCATE t", NotCounted.CHANGED),
        ("TRUNCATE t; INSERT INTO t SELECT 7", NotCounted.CHANGED),
        ("ALTER TABLE t ALTER a TYPE bigint", NotCounted.CHANGED),
        ("ALTER TABLE t ADD b float DEFAULT random()", NotCounted.CHANGED),
        ("ALTER TABLE t SET UNLOGGED", NotCounted.CHANGED),
        ("ALTER TABLE t RENAME TO u", NotCounted.CHANGED),
        ("ALTER TABLE t RENAME TO u; CREATE TABLE t AS SELECT 1 AS a", NotCounted.CHANGED),
        ("CREATE SCHEMA s; ALTER TABLE t SET SCHEMA s", NotCounted.CHANGED),
        ("DROP TABLE t", NotCounted.CHANGED),
        ("DROP TABLE t; CREATE TABLE t (a int)", NotCounted.CHANGED),
        ("BEGIN; TRUNCATE t; COPY t FROM PROGRAM 'echo 1' (FREEZE); COMMIT", NotCounted.CHANGED),
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
    shop: PlainCluster, database: str, happens: str, trouble: NotCounted | None
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
    assert read["public.v"].trouble is NotCounted.CHANGED
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


@pytest.mark.parametrize(("beat", "stands"), [("now()", False), ("now() - interval '3 hours'", True)])
def test_a_heartbeat_that_stands_still_in_production_is_seen_before_the_drill(
    shop: PlainCluster, beat: str, stands: bool
) -> None:
    cluster = settings(shop).model_copy(update={"heartbeat": f"SELECT {beat}"})
    told = stopped_heartbeats([look_at_unarchived(cluster, heartbeat_key="cluster[0].heartbeat")], 300)
    assert ("the heartbeat of plain stands still: it is 3 h old in production" in told) is stands
