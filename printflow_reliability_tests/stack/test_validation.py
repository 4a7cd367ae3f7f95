"""Validation on an ordinary server: what people's schemas hold is no damage, and damage is named by itself."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.validation.links import check_links
from printflow_reliability.drills.validation.page_checksums import check_pages
from printflow_reliability.drills.validation.smoke import check_smoke
from printflow_reliability.platform.connect import connect
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.production import ask_production
from printflow_reliability.restore.validation.validate import validate
from printflow_reliability.settings import LinkSettings, Settings, SmokeSettings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster

pytestmark = pytest.mark.stack

ODD = r"""
CREATE SCHEMA "Lab";
ALTER DATABASE odd SET search_path = "Lab", public;
SET search_path = "Lab", public;
CREATE TABLE rates (code text PRIMARY KEY, factor int);
INSERT INTO rates VALUES ('a', 2), ('b', 3);
CREATE FUNCTION "Lab".scaled(code text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN RETURN (SELECT factor FROM rates WHERE rates.code = scaled.code); END $$;
CREATE TABLE needs_path (code text, child int, parent int, first int, last int, "row" int, violation int, t int);
-- Made while there are no rows: since version 17 CREATE INDEX does not use the database's search_path.
CREATE INDEX by_function ON needs_path ("Lab".scaled(code));
INSERT INTO needs_path SELECT substr('ab', 1 + n % 2, 1), n, n, n, n, n, n, n FROM generate_series(1, 9) n;
CREATE UNIQUE INDEX by_aliases ON needs_path (child, parent, first, last, "row", violation, t);
CREATE TABLE parents (parent int PRIMARY KEY, child int UNIQUE);
CREATE TABLE children (child text PRIMARY KEY, parent int REFERENCES parents, "printflow 0" int, "ctid " int);
INSERT INTO parents SELECT n, -n FROM generate_series(1, 5) n;
INSERT INTO children SELECT 'mail' || n || '@example.org', n FROM generate_series(1, 5) n;
CREATE TABLE loose (id int, parent int);
INSERT INTO loose VALUES (1, 77);
ALTER TABLE loose ADD CONSTRAINT not_valid FOREIGN KEY (parent) REFERENCES parents NOT VALID;
CREATE TABLE twins (id int);
INSERT INTO twins VALUES (1), (1);
CREATE SEQUENCE numbers;
CREATE TABLE jobs (id text PRIMARY KEY DEFAULT 'PF-' || nextval('numbers'), "Key" int DEFAULT nextval('numbers') + 9);
INSERT INTO jobs (id) VALUES ('PF-900'), (DEFAULT);
CREATE SEQUENCE codes;
CREATE TABLE coded (id uuid PRIMARY KEY DEFAULT lpad(nextval('codes')::text, 32, '0')::uuid);
INSERT INTO coded VALUES ('00000000-0000-0000-0000-000000000009'), (DEFAULT);
CREATE SEQUENCE around MAXVALUE 3 CYCLE;
CREATE TABLE shifts (id smallint DEFAULT nextval('around'));
INSERT INTO shifts VALUES (3), (2), (DEFAULT);
CREATE SEQUENCE unused OWNED BY shifts.id;
CREATE SEQUENCE down INCREMENT -1;
CREATE TABLE below (id int DEFAULT nextval('down'));
INSERT INTO below DEFAULT VALUES;
CREATE SEQUENCE few MAXVALUE 9;
CREATE TABLE beyond (id numeric DEFAULT nextval('few'), small int DEFAULT nextval('down'));
INSERT INTO beyond VALUES ('NaN'), ('9999'), (DEFAULT);
CREATE TABLE marked (id serial PRIMARY KEY);
INSERT INTO marked VALUES (DEFAULT), (2147483647);
CREATE TABLE made (id int GENERATED ALWAYS AS IDENTITY, double int GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO made DEFAULT VALUES;
CREATE TABLE secured (id int PRIMARY KEY);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
ALTER TABLE secured FORCE ROW LEVEL SECURITY;
INSERT INTO secured VALUES (1);
CREATE UNLOGGED TABLE gone (id serial PRIMARY KEY);
INSERT INTO gone DEFAULT VALUES;
CREATE TABLE "a ""b""
c.d" (id serial PRIMARY KEY, "e'f" text UNIQUE);
INSERT INTO "a ""b""
c.d" ("e'f") VALUES ('x');
CREATE TABLE nothing ();
CREATE MATERIALIZED VIEW seen AS SELECT * FROM parents;
CREATE UNIQUE INDEX ON seen (parent);
CREATE TABLE many (id int PRIMARY KEY, part int) PARTITION BY HASH (id);
CREATE TABLE many0 PARTITION OF many FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE many1 PARTITION OF many FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO many SELECT n, n FROM generate_series(1, 50) n;
CREATE TABLE on_many (id int REFERENCES many, self int UNIQUE REFERENCES on_many (self));
INSERT INTO on_many VALUES (1, 1), (2, 1 + 1), (50, NULL);
CREATE TABLE spans (room int, at int4range, EXCLUDE USING gist (at WITH &&));
INSERT INTO spans VALUES (1, '[1,2)'), (1, '[2,3)');
"""
"""What ordinary schemas hold, and nothing of it is wrong."""
BROKEN = r"""
CREATE TABLE parents (id int PRIMARY KEY, mail text);
CREATE TABLE children (mail text PRIMARY KEY, parent int REFERENCES parents);
INSERT INTO parents VALUES (1), (2);
SET session_replication_role = replica;
INSERT INTO children VALUES ('jane@example.org', 99);
CREATE TABLE numbered (id serial PRIMARY KEY);
INSERT INTO numbered VALUES (41234);
CREATE FUNCTION breaks(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN RETURN CASE WHEN current_setting('test.breaks', true) = 'no' THEN n ELSE n / 0 END; END $$;
SET test.breaks = 'no';
CREATE TABLE fails (id int, name text NOT NULL);
INSERT INTO fails VALUES (1, 'x');
CREATE UNIQUE INDEX by_break ON fails (breaks(id));
CREATE TABLE damaged (id int NOT NULL, filler text NOT NULL, parent int REFERENCES parents);
INSERT INTO damaged SELECT n, repeat('x', 500), NULL FROM generate_series(1, 200) n;
CREATE TABLE sound (id int PRIMARY KEY, parent int NOT NULL REFERENCES parents);
INSERT INTO sound SELECT n, 1 FROM generate_series(1, 100) n
"""
"""One thing of each kind that is wrong, beside what is not."""
SLOW = r"""
CREATE FUNCTION sleeps(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(current_setting('test.seconds', true)::float); RETURN n; END $$;
SET test.seconds = '0';
CREATE TABLE slow (id int);
INSERT INTO slow SELECT generate_series(1, 50);
CREATE UNIQUE INDEX ON slow (sleeps(id));
CREATE TABLE fast (id serial PRIMARY KEY);
ALTER DATABASE slow SET test.seconds = '0.1'
"""


@dataclass(frozen=True)
class ServerAsClone(Clone):
    """A server that stands for a promoted clone of itself."""

    @contextmanager
    def connect(
        self, database: str | None = None, *, read_only: bool = True, statement_seconds: float = 600
    ) -> Iterator[psycopg.Connection]:
        with connect(
            self.cluster, database=database, read_only=read_only, statement_seconds=statement_seconds
        ) as connection:
            yield connection


@pytest.fixture(scope="module")
def plain() -> Iterator[PlainCluster]:
    with plain_cluster(archiving=False) as cluster:
        yield cluster


@pytest.fixture
def clone(plain: PlainCluster) -> Clone:
    return ServerAsClone(plain.settings, ask_production(plain.settings), plain.home / "nowhere", plain.programs)


@contextmanager
def database(plain: PlainCluster, name: str, script: str) -> Iterator[None]:
    """A database made by a script, for the block."""
    plain.execute(f"CREATE DATABASE {name}")
    try:
        with psycopg.connect(plain.settings.url, dbname=name, autocommit=True) as connection:
            connection.execute(script.encode())
        yield
    finally:
        plain.execute(f"DROP DATABASE {name} WITH (FORCE)")


def results(clone: Clone, *, timeout: float = 60) -> dict[str, CheckResult]:
    return {result.check: result for result in validate([clone], timeout=timeout, give_up=lambda: None)}


def test_what_ordinary_schemas_hold_is_neither_damage_nor_unknown(plain: PlainCluster, clone: Clone) -> None:
    with database(plain, "odd", ODD), psycopg.connect(plain.settings.url, dbname="odd", autocommit=True) as inside:
        with pytest.raises(psycopg.errors.UniqueViolation):
            inside.execute('CREATE UNIQUE INDEX CONCURRENTLY left_behind ON "Lab".twins (id)')
        found = results(clone)
        with inside.transaction(force_rollback=True):
            (fed,) = inside.execute("SELECT count(*) FROM pg_sequence WHERE NOT seqcycle").fetchone() or (0,)
        # Since version 17 neither amcheck nor ANALYZE, in production, uses the database's search_path.
        unchecked = inside.info.server_version >= 170000
    expected = dict.fromkeys(found, Outcome.PASS) | ({"drill.indexes": Outcome.WARN} if unchecked else {})
    assert {name: result.outcome for name, result in found.items()} == expected, found
    assert unchecked == ("by_function" in found["drill.indexes"].detail)
    assert "plain odd: Lab.loose.not_valid is NOT VALID" in found["drill.foreign_keys"].detail
    assert "unique index left_behind is not valid in production either" in found["drill.constraints"].detail
    assert '"Lab".left_behind is not valid in production either' in found["drill.indexes"].detail
    # Of the sequences only serial, identity and plain nextval() columns of logged tables are compared.
    assert fed > found["drill.sequences"].numbers["sequences"] == 6


def test_a_template_is_checked_like_every_database(plain: PlainCluster, clone: Clone) -> None:
    with database(plain, "pattern", BROKEN):
        plain.execute("ALTER DATABASE pattern IS_TEMPLATE true")
        found = results(clone)
        plain.execute("ALTER DATABASE pattern IS_TEMPLATE false")
        # It is as it was: what is made for the checks would be in every database made of it.
        with psycopg.connect(plain.settings.url, dbname="pattern") as inside:
            assert inside.execute("SELECT extname FROM pg_extension").fetchall() == [("plpgsql",)]
    assert found["drill.indexes"].numbers["relations"] > 100
    assert "plain pattern: public.children.children_parent_fkey: 1 row" in found["drill.foreign_keys"].detail
    assert "plain pattern: public.numbered_id_seq is behind" in found["drill.sequences"].detail


def test_pages_are_checked_wherever_a_clone_lies_and_whatever_lies_among_its_files(plain: PlainCluster) -> None:
    plain.execute("CREATE TABLE pages AS SELECT n FROM generate_series(1, 2000) AS n")
    (path,) = plain.execute("SELECT pg_relation_filepath('pages')")[0]
    clone = Clone(plain.settings, ask_production(plain.settings), plain.home / 'a "b" c', plain.programs)
    plain.restart()
    shutil.copytree(plain.home / "data", clone.data, ignore=shutil.ignore_patterns("postmaster.pid"))
    for entry in (clone.place, *clone.place.rglob("*")):
        plain.programs.own(entry)
    plain.programs.run([plain.programs.postgres("pg_resetwal"), "--force", str(clone.data)], timeout=60)
    if plain.execute("SHOW data_checksums") == [("off",)]:  # what initdb leaves by default before PostgreSQL 18
        plain.programs.run([plain.programs.postgres("pg_checksums"), "--enable", str(clone.data)], timeout=60)
    (clone.data / "base" / "notes.txt").write_text("not a page")
    (clone.data / "base" / "old.bak").write_text("not a page")
    healthy = check_pages([clone], timeout=60, give_up=lambda: None)
    with (clone.data / str(path)).open("r+b") as file:
        file.seek(8192 + 4000)
        file.write(b"flipped")
    damaged = check_pages([clone], timeout=60, give_up=lambda: None)
    assert healthy.outcome is Outcome.PASS, healthy
    assert "not PostgreSQL's, and left out: plain base/notes.txt; plain base/old.bak" in healthy.detail
    assert healthy.numbers["pages"] > 100
    assert damaged.detail == f"1 page is damaged: plain {path} page 1"


def test_databases_that_nobody_can_enter_are_named_and_the_others_are_checked(
    plain: PlainCluster, clone: Clone
) -> None:
    with (
        database(plain, "halfdropped", "SELECT 1"),
        database(plain, "closed", "SELECT 1"),
        database(plain, "unmapped", "SELECT 1"),
    ):
        plain.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'halfdropped'")
        plain.execute("ALTER DATABASE closed ALLOW_CONNECTIONS false")
        (oid,) = plain.execute("SELECT oid FROM pg_database WHERE datname = 'unmapped'")[0]
        plain.execute("CHECKPOINT")
        with spoiled(plain, Path(f"base/{oid}/pg_filenode.map"), 40):
            found = results(clone)
    for result in found.values():
        assert result.outcome is Outcome.FAIL, result
        assert "plain unmapped does not open: " in result.detail
        assert "pg_filenode.map" in result.detail or "relation mapping file" in result.detail
        assert "plain halfdropped is left out: its DROP DATABASE was interrupted" in result.detail
        assert "plain closed is left out: production allows no connections" in result.detail
    assert found["drill.indexes"].numbers["relations"] > 100


def test_each_trouble_is_its_own_and_no_sentence_holds_what_is_in_rows(plain: PlainCluster, clone: Clone) -> None:
    with database(plain, "broken", BROKEN):
        with psycopg.connect(plain.settings.url, dbname="broken", autocommit=True) as inside:
            inside.execute("VACUUM FREEZE damaged")
            inside.execute("CHECKPOINT")
            row = inside.execute("SELECT pg_relation_filepath('damaged')").fetchone()
        plain.restart()
        with spoiled(plain, Path(str(row and row[0])), 8192 + 16):
            found = results(clone)
    details = {name: result.detail for name, result in found.items()}
    assert all(result.outcome is Outcome.FAIL for result in found.values()), details
    assert (
        "public.children.children_parent_fkey: 1 row has no row in public.parents ((0,1))"
        in details["drill.foreign_keys"]
    )
    assert "public.damaged is damaged: invalid page in block 1" in details["drill.foreign_keys"]
    assert "table public.damaged is damaged: invalid page in block 1" in details["drill.indexes"]
    assert (
        "index public.by_break is sound, but whether it holds every row could not be checked: division by zero"
        in details["drill.indexes"]
    )
    assert "public.damaged is damaged: invalid page in block 1" in details["drill.constraints"]
    assert (
        "public.fails could not be checked: division by zero (PL/pgSQL function breaks(integer)"
        in details["drill.constraints"]
    )
    assert "broken: public.numbered_id_seq is behind public.numbered.id" in details["drill.sequences"]
    assert not any(secret in detail for secret in ("jane", "41234") for detail in details.values())
    assert found["drill.constraints"].numbers["violated_constraints"] == 1


def test_a_library_or_a_locale_that_is_missing_here_is_no_damage(plain: PlainCluster, clone: Clone) -> None:
    (installed,) = plain.execute("SELECT setting FROM pg_config WHERE name = 'PKGLIBDIR'")[0]
    library = Path(shutil.copy(f"{installed}/citext.so", plain.home / "hashes.so"))
    library.chmod(0o755)
    linked = f"""
        CREATE FUNCTION hash(text) RETURNS int AS '{library}', 'citext_hash' LANGUAGE C IMMUTABLE STRICT;
        CREATE TABLE hashed AS SELECT 'a' AS a; CREATE UNIQUE INDEX by_hash ON hashed (hash(a))"""
    moved = """
        CREATE COLLATION elsewhere (provider = libc, locale = 'C.UTF-8');
        CREATE TABLE named (name text COLLATE elsewhere UNIQUE); INSERT INTO named VALUES ('a'), ('b');
        UPDATE pg_collation SET collversion = '2.28' WHERE collname = 'elsewhere'"""
    with database(plain, "linked", linked), database(plain, "moved", moved):
        library.unlink()
        found = results(clone)
    for result in (found["drill.indexes"], found["drill.constraints"]):
        assert result.outcome is not Outcome.FAIL, result
        assert "could not access file" in result.detail
        assert "is damaged" not in result.detail
    assert "named_name_key could not be checked: " in found["drill.indexes"].detail


def test_what_takes_too_long_is_unknown_and_takes_nothing_along(plain: PlainCluster, clone: Clone) -> None:
    with database(plain, "slow", SLOW):
        found = results(clone, timeout=0.5)
    assert found["drill.constraints"].outcome is Outcome.UNKNOWN
    assert found["drill.constraints"].numbers == {"constraints": 3, "violated_constraints": 0}
    detail = "public.slow could not be checked: canceling statement due to statement timeout"
    assert detail in found["drill.constraints"].detail
    assert found["drill.sequences"].outcome is Outcome.PASS


def test_one_smoke_query_or_link_that_cannot_be_answered_leaves_the_others_theirs(
    sandbox: StackSandbox, plain: PlainCluster, clone: Clone
) -> None:
    queries = {
        "one": "SELECT 1",
        "writes": "SELECT setval('s', 7)",
        "divides": "SELECT 1 / 0",
        "old": "SELECT '4713-01-01 BC'::date",
    }
    named = {"sound": "SELECT 7 AS value", "lost": "SELECT value FROM named", "bad": "SELECT 1 / 0 AS value"}
    smoke = tuple(SmokeSettings(name=name, cluster="plain", query=query) for name, query in queries.items())
    link = tuple(
        LinkSettings(name=name, cluster="plain", query=query, target_cluster="plain", target_query="SELECT 7 AS value")
        for name, query in named.items()
    )
    update = {"cluster": (plain.settings,), "smoke": smoke, "link": link}
    settings: Settings = sandbox.settings.model_copy(update=update)
    with database(plain, "asked", "CREATE SEQUENCE s; CREATE TABLE named AS SELECT 'bob@example.org' AS value"):

        def connect_with(_: object, name: str | None = None) -> object:
            return clone.connect(name or "asked")

        asked = check_smoke(settings, connect_with)  # type: ignore[arg-type]
        linked = check_links(settings, connect_with)  # type: ignore[arg-type]
    assert asked.outcome is Outcome.FAIL
    assert asked.numbers == {"smoke_queries": 4, "failed_smoke_queries": 1}
    assert '"divides" is refused: division by zero' in asked.detail
    assert "smoke[1].query: it writes, and a smoke test only reads" in asked.detail
    assert '"old" is refused' in asked.detail
    assert linked.outcome is Outcome.FAIL
    assert linked.numbers == {"linked_values": 2, "dangling_values": 1}
    assert '1 value names a row that is not there: "lost"' in linked.detail
    assert "link[2].query" in linked.detail
    assert "bob" not in linked.detail


@contextmanager
def spoiled(plain: PlainCluster, file: Path, offset: int) -> Iterator[None]:
    """Flip a byte of a file of the running server."""
    path = plain.home / "data" / file
    before = path.read_bytes()
    path.write_bytes(before[:offset] + bytes([before[offset] ^ 0xFF]) + before[offset + 1 :])
    try:
        yield
    finally:
        path.write_bytes(before)
