"""Every kind of table that a tenant's rows may be in: they come back as they were, or it is said why they cannot."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell, PrintflowError, Refused
from printflow_reliability.settings import TenancySettings
from printflow_reliability.tenants.rehearsal import RehearsedPart, rehearse
from printflow_reliability.tenants.restore import PartRestore, planned_part
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster
from printflow_reliability_tests.stack.tenant_zoo import LOSE, MINE, OTHER, SCHEMA, Databases, tenancy

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def cluster() -> Iterator[PlainCluster]:
    with plain_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def template(cluster: PlainCluster) -> Databases:
    databases = Databases(cluster)
    databases.make(SCHEMA)
    return databases


@pytest.fixture
def zoo(template: Databases) -> Databases:
    databases = Databases(template.cluster)
    databases.copy(template)
    return databases


@contextmanager
def planned(
    zoo: Databases,
    settings: TenancySettings | None = None,
    *,
    tenant: str = MINE,
    apply: bool = True,
    role: str = "postgres",
) -> Iterator[PartRestore]:
    """A plan, in the transaction that is to write."""
    with (
        zoo.connect(zoo.then) as source,
        zoo.connect(zoo.today, role) as target,
        planned_part(source, target, settings or tenancy(), tenant, writes=True, lock=apply) as part,
    ):
        yield part


def restore(zoo: Databases, settings: TenancySettings | None = None, *, role: str = "postgres") -> int:
    with planned(zoo, settings, role=role) as part:
        assert part.problems == ()
        written = part.write()
        part.target.execute("COMMIT")
        return written


def rehearsed(zoo: Databases, settings: TenancySettings | None = None, tenant: str = MINE) -> CheckResult:
    return rehearse(
        [RehearsedPart(settings or tenancy(), lambda: zoo.connect(zoo.then), lambda: zoo.connect(zoo.then))], tenant
    )


def test_every_row_of_the_tenant_comes_back_as_it_was_and_nothing_else_is_touched(zoo: Databases) -> None:
    before = zoo.rows(zoo.then)
    zoo.change(LOSE)
    assert zoo.rows(zoo.today) != before
    with planned(zoo, apply=False) as part:
        assert part.problems == ()
        assert part.limits == ()
        inserts = {one.table: one.insert for one in part.plan if one.insert}
    assert inserts["public.memberships"] == 2
    assert inserts["public.comments"] == 4
    assert inserts["public.heirs"] == 2
    assert inserts["public.base"] == 1
    assert restore(zoo) == sum(inserts.values())
    after = zoo.rows(zoo.today)
    assert {name: rows for name, rows in after.items() if rows != before[name]} == {}
    assert restore(zoo) == 0


def test_a_rehearsal_restores_every_table_and_leaves_the_clone_as_it_was(zoo: Databases) -> None:
    before = zoo.rows(zoo.then)
    for tenant in (MINE, OTHER):
        answer = rehearsed(zoo, tenant=tenant)
        assert answer.outcome is Outcome.PASS, answer.detail
        assert answer.numbers["tenant_shared_rows"] == 4
    assert zoo.rows(zoo.then) == before


LIMITED = f"""
CREATE TABLE keyless (tenant_id uuid, note text);
CREATE UNLOGGED TABLE sessions (id int PRIMARY KEY, tenant_id uuid);
CREATE EXTENSION postgres_fdw; CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nowhere');
CREATE FOREIGN TABLE elsewhere (id int, tenant_id uuid) SERVER away;
CREATE TABLE months (id int, tenant_id uuid) PARTITION BY LIST (id);
CREATE FOREIGN TABLE far PARTITION OF months FOR VALUES IN (1) SERVER away;
CREATE TABLE scans (id int PRIMARY KEY, tenant_id uuid, picture oid);
INSERT INTO scans VALUES (1, '{MINE}', lo_create(4711)), (2, '{MINE}', 99);
CREATE TABLE stamped (id int PRIMARY KEY, tenant_id uuid, updated_at timestamptz);
INSERT INTO stamped VALUES (1, '{MINE}', NULL); INSERT INTO keyless VALUES ('{MINE}', 'a');
CREATE TRIGGER meddle BEFORE INSERT ON stamped FOR EACH ROW EXECUTE FUNCTION meddle();
ALTER TABLE stamped ENABLE ALWAYS TRIGGER meddle
"""
NAMES = ("elsewhere", "keyless", "months", "scans", "sessions", "stamped")


def quiet(connection: psycopg.Connection, statements: str) -> None:
    """Run statements with nothing acting by itself."""
    connection.execute("SET session_replication_role = replica")
    watched = connection.execute("SELECT FROM pg_event_trigger").rowcount
    if watched:
        connection.execute("ALTER EVENT TRIGGER refuse_ddl DISABLE")
    connection.execute(statements)
    if watched:
        connection.execute("ALTER EVENT TRIGGER refuse_ddl ENABLE ALWAYS")


def both(zoo: Databases, statements: str) -> None:
    for name in (zoo.then, zoo.today):
        with zoo.connect(name) as connection:
            quiet(connection, statements)


def test_what_cannot_be_restored_is_a_warning_until_a_line_acknowledges_it(zoo: Databases) -> None:
    both(zoo, LIMITED)
    answer = rehearsed(zoo)
    assert answer.outcome is Outcome.WARN
    for said in (
        "public.elsewhere is a foreign table",
        "public.months has a partition that is a foreign table",
        "public.keyless has no primary key and no unique index",
        "public.sessions is unlogged",
        "public.scans names 1 large objects in column picture",
        "public.stamped has triggers that always fire",
        "name it in `unrestorable`",
    ):
        assert said in answer.detail
    acknowledged = rehearsed(zoo, tenancy(*NAMES))
    assert acknowledged.outcome is Outcome.PASS, acknowledged.detail
    assert "Left out, as `unrestorable` says: public.elsewhere, public.keyless" in acknowledged.detail
    stale = rehearsed(zoo, tenancy(*NAMES, "numbered", "currencies", "gone"))
    assert stale.outcome is Outcome.WARN
    assert "names what needs it no more: currencies, gone, public.numbered" in stale.detail
    zoo.change(LOSE)
    with planned(zoo) as part:
        assert sorted(limit.table for limit in part.limits) == [f"public.{name}" for name in NAMES]
        part.write()
        part.target.execute("COMMIT")


@pytest.mark.alarm("drill.tenant", "ring")
def test_rows_that_no_longer_satisfy_their_table_ring_and_the_other_tables_are_still_rehearsed(zoo: Databases) -> None:
    both(zoo, "ALTER TABLE numbered ADD CONSTRAINT small CHECK (id < 3) NOT VALID")
    before = zoo.rows(zoo.then)
    answer = rehearsed(zoo)
    assert answer.outcome is Outcome.FAIL
    assert (
        answer.detail == f"tenant {MINE} did not come back: public.numbered: a row of public.numbered would break small"
    )
    assert rehearsed(zoo, tenant=OTHER).outcome is Outcome.PASS
    assert rehearsed(zoo, tenancy("numbered")).outcome is Outcome.PASS
    assert zoo.rows(zoo.then) == before


def test_a_row_that_others_lose_with_the_tenant_rings(zoo: Databases) -> None:
    """A rule that always acts, which no session can suppress."""
    with zoo.connect(zoo.then) as connection:
        quiet(
            connection,
            f"""CREATE RULE along AS ON DELETE TO base DO ALSO DELETE FROM counters WHERE tenant_id = '{OTHER}';
            ALTER TABLE base ENABLE ALWAYS RULE along""",
        )
    before = zoo.rows(zoo.then)
    answer = rehearsed(zoo)
    assert answer.outcome is Outcome.FAIL
    assert "public.counters: rows of others were changed with the tenant's" in answer.detail
    assert zoo.rows(zoo.then) == before


def problems(zoo: Databases, settings: TenancySettings | None = None) -> dict[str, str]:
    """What a dry run finds; that a write finds it too, and leaves nothing behind, is shown by the way."""
    with planned(zoo, settings, apply=False) as part:
        found = {one.table: one.reason for one in part.problems}
    before = zoo.rows(zoo.today)
    with planned(zoo, settings) as part:
        assert {one.table: one.reason for one in part.problems} == found
        if found:
            part.target.execute("SET LOCAL session_replication_role = origin")
            with pytest.raises(PrintflowError):
                part.write()
    assert zoo.rows(zoo.today) == before
    return found


def test_rows_that_need_what_is_gone_or_taken_or_moved_are_found_before_anything_is_written(zoo: Databases) -> None:
    zoo.change(LOSE)
    zoo.change("DELETE FROM currencies WHERE code = 'USD'")
    assert problems(zoo) == {
        "public.orders": "1 rows of public.currencies that its rows refer to by orders_currency_fkey are gone"
    }
    zoo.change(
        "INSERT INTO currencies VALUES ('USD'); INSERT INTO files VALUES (2, '2025-01-03', 'file 7', md5('x')::uuid)"
    )
    assert problems(zoo) == {
        "public.files": "1 of its rows have values of the unique index files_path_key that are taken"
    }
    zoo.change(f"""DELETE FROM files WHERE path = 'file 7';
        INSERT INTO orders (id, at, tenant_id) VALUES (1, '2025-01-03', '{OTHER}')""")
    found = problems(zoo)
    assert set(found) == {"public.items", "public.files"}
    assert (
        "3 of its rows refer to rows of public.orders that are another tenant's in production" in found["public.items"]
    )
    # A table that is left out takes what needs it along, and says so.
    zoo.change("DELETE FROM orders WHERE id = 1")
    assert set(problems(zoo, tenancy("orders"))) == {"public.items", "public.files"}


def test_a_row_that_is_there_and_differs_is_a_conflict_and_stays(zoo: Databases) -> None:
    zoo.change(f"DELETE FROM numbered WHERE id = 7; UPDATE base SET note = 'new' WHERE id = 1 AND tenant_id = '{MINE}'")
    zoo.change("UPDATE app.users SET tenant_id = upper(tenant_id); UPDATE tenants SET name = 'renamed'")
    after = zoo.rows(zoo.today)
    with planned(zoo, apply=False) as part:
        conflicts = {one.table: (one.conflict, one.conflicts) for one in part.plan if one.conflict}
    assert conflicts == {"public.base": (1, ("1",)), "public.heirs": (1, ("1",)), "public.tenants": (1, (MINE,))}
    assert restore(zoo) == 1
    assert len(zoo.rows(zoo.today)["public.numbered"]) == len(after["public.numbered"]) + 1
    assert zoo.rows(zoo.today)["public.base"] == after["public.base"]


def test_a_row_that_comes_back_after_it_was_planned_ends_the_restore_and_is_not_overwritten(zoo: Databases) -> None:
    zoo.change(LOSE)
    with planned(zoo) as part:
        zoo.change(f"INSERT INTO numbered VALUES (5, '{OTHER}')")
        with pytest.raises(Refused, match=r"a row of public.numbered would break numbered_pkey"):
            part.write()
    assert zoo.rows(zoo.today)["public.numbered"] == [f"public.numbered (5,{OTHER})"]
    assert zoo.rows(zoo.today)["public.orders"] == [row for row in zoo.rows(zoo.then)["public.orders"] if OTHER in row]


def test_what_rows_refer_to_cannot_go_between_the_plan_and_the_commit(zoo: Databases) -> None:
    zoo.change(LOSE)
    with planned(zoo), pytest.raises(psycopg.errors.LockNotAvailable):
        zoo.change("SET lock_timeout = 300; DELETE FROM currencies WHERE code = 'USD'")
    with planned(zoo), zoo.connect(zoo.today) as other:
        other.execute("UPDATE tenants SET name = 'production goes on'")


def test_a_table_that_somebody_has_locked_is_could_not_tell_and_nothing_is_written(zoo: Databases) -> None:
    zoo.change(LOSE)
    before = zoo.rows(zoo.today)
    with zoo.connect(zoo.today) as other, planned(zoo) as part:
        part.target.execute("SET lock_timeout = 300")
        other.execute("BEGIN; LOCK audit.log IN SHARE MODE")
        with pytest.raises(CouldNotTell, match=r"audit.log is locked by another session"):
            part.write()
    assert zoo.rows(zoo.today) == before


def test_tables_that_changed_since_are_named_and_the_others_come_back(zoo: Databases) -> None:
    zoo.change(LOSE)
    with zoo.connect(zoo.today) as connection:
        quiet(
            connection,
            """ALTER TABLE numbered ADD note text, ADD made timestamptz NOT NULL DEFAULT now();
            ALTER TABLE base DROP COLUMN note; ALTER TABLE items RENAME label TO title;
            ALTER TABLE files ALTER path TYPE bytea USING path::bytea; DROP TABLE archived_files;
            ALTER TABLE "Order" ALTER tenant_id TYPE text; ALTER TABLE app.users ALTER id TYPE varchar(40);
            DROP TABLE unvalidated CASCADE""",
        )
    with planned(zoo) as part:
        assert part.problems == ()
        limits = {one.table: one.reason for one in part.limits}
        part.write()
        part.target.execute("COMMIT")
    assert limits == {
        "public.archived_files": "is not there in production today",
        "public.base": 'is another table in production today: column "note" is gone',
        "public.files": 'is another table in production today: column "path" was text and is bytea',
        "public.heirs": 'is another table in production today: column "note" is gone',
        "public.items": 'is another table in production today: column "label" is gone',
        "public.unvalidated": "is not there in production today",
    }
    assert zoo.rows(zoo.today)["public.orders"] == zoo.rows(zoo.then)["public.orders"]
    assert len(zoo.rows(zoo.today)["public.numbered"]) == 20
    assert zoo.rows(zoo.today)["app.users"] == zoo.rows(zoo.then)["app.users"]


def test_sequences_are_moved_ahead_of_what_came_back_and_never_back(zoo: Databases) -> None:
    zoo.change("DELETE FROM numbered WHERE id > 4; SELECT setval('numbered_id_seq', 4), setval('teams_id_seq', 900)")
    zoo.change("DELETE FROM comments WHERE id = 9")
    restore(zoo)
    with zoo.connect(zoo.today) as connection:
        query = "SELECT nextval('numbered_id_seq'), nextval('teams_id_seq'), nextval('comments_id_seq')"
        assert connection.execute(query).fetchone() == (21, 901, 10)


def make_role(zoo: Databases, name: str, options: str, *schemas: str) -> None:
    """A role that may read and write every row of `today`, and no more."""
    make = f"CREATE ROLE {name} LOGIN {options}"
    zoo.cluster.execute(f"DO $$ BEGIN {make}; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    with zoo.connect(zoo.today) as connection:
        for schema in schemas or ("public",):
            grants = f"""GRANT USAGE ON SCHEMA {schema} TO {name}; GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {name};
            GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {name}"""
            quiet(connection, grants)


def test_a_role_that_may_not_suppress_triggers_restores_what_fires_none_and_says_what_it_needs(zoo: Databases) -> None:
    zoo.change(LOSE)
    zoo.cluster.execute(
        "DO $$ BEGIN CREATE ROLE app LOGIN BYPASSRLS; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    with zoo.connect(zoo.today) as connection:
        quiet(
            connection,
            "GRANT USAGE ON SCHEMA app, audit TO app; GRANT ALL ON ALL TABLES IN SCHEMA public, app, audit TO app",
        )
        quiet(connection, "GRANT ALL ON ALL SEQUENCES IN SCHEMA public, audit TO app")
        quiet(
            connection,
            "DROP RULE instead ON counters; ALTER TABLE users ENABLE TRIGGER meddle; REVOKE ALL ON numbered FROM app",
        )
        quiet(connection, "GRANT SELECT ON numbered TO app")
    with planned(zoo, role="app") as part:
        limits = {one.table: one.reason for one in part.limits}
        assert limits["public.users"].startswith(
            "has triggers that would fire: meddle. The role of restore_url needs: GRANT"
        )
        assert limits["public.tenants"].startswith("refers to other tables in a circle")
        assert "audit.log" not in limits  # its trigger only guards what is there
        found = {one.table: one.reason for one in part.problems}
    assert found["public.numbered"] == "the role of restore_url may not insert into it"
    assert found["public.memberships"].endswith("its rows refer to by memberships_user_id_fkey are gone")
    with zoo.connect(zoo.today) as connection:
        quiet(connection, "GRANT ALL ON numbered TO app; GRANT SET ON PARAMETER session_replication_role TO app")
    restore(zoo, role="app")
    assert zoo.rows(zoo.today) == zoo.rows(zoo.then)
    zoo.cluster.execute("REVOKE ALL ON PARAMETER session_replication_role FROM app; ALTER ROLE app NOBYPASSRLS")
    with pytest.raises(ConfigError, match=r"may not see every row of public.comments"), planned(zoo, role="app"):
        pass


def test_a_row_without_a_partition_is_refused_and_named_without_its_values(zoo: Databases) -> None:
    zoo.change(LOSE)
    with zoo.connect(zoo.today) as connection:
        quiet(connection, "ALTER TABLE orders DETACH PARTITION orders_rest")
    with planned(zoo) as part, pytest.raises(Refused) as refused:
        part.write()
    assert "public.orders" in refused.value.what
    assert "2031" not in refused.value.sentence


def test_production_is_read_by_index_alone(zoo: Databases) -> None:
    both(zoo, f"INSERT INTO numbered SELECT n, '{MINE}' FROM generate_series(100, 50000) n; DELETE FROM pg_statistic")
    zoo.change("DELETE FROM numbered WHERE id % 2 = 0; DELETE FROM files; DELETE FROM archived_files")
    scans = "SELECT relname, seq_scan, idx_scan FROM pg_stat_xact_user_tables WHERE seq_scan + idx_scan > 0"
    with planned(zoo) as part:
        part.write()
        counted = {name: (seq, index) for name, seq, index in part.target.execute(scans).fetchall()}
    assert {name: seq for name, (seq, _) in counted.items() if seq} == {}
    assert counted["numbered"][1] >= 50000


OPEN_TRANSACTIONS = "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = %s"
KILLED = """
import sys
import psycopg
from printflow_reliability.settings import TenancySettings
from printflow_reliability.tenants.restore import planned_part
url, then, today, tenant = sys.argv[1:]
with (
    psycopg.connect(url, dbname=then, autocommit=True) as source,
    psycopg.connect(url, dbname=today, autocommit=True) as target,
):
    rows = TenancySettings(cluster="plain", tenants="SELECT id, id FROM tenants")
    with planned_part(source, target, rows, tenant, writes=True, lock=True) as part:
        part.write()
        print("written", flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_restore_that_is_ended_before_its_commit_leaves_nothing(zoo: Databases, how: signal.Signals) -> None:
    zoo.change(LOSE)
    before = zoo.rows(zoo.today)
    argv = [sys.executable, "-c", KILLED, zoo.cluster.settings.url, zoo.then, zoo.today, MINE]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        os.kill(process.pid, how)
        process.wait(timeout=20)
    with zoo.connect(zoo.today) as connection:
        deadline = time.monotonic() + 10
        while connection.execute(OPEN_TRANSACTIONS, (zoo.today,)).rowcount:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert zoo.rows(zoo.today) == before
    restore(zoo)
    assert zoo.rows(zoo.today) == zoo.rows(zoo.then)


@pytest.mark.parametrize(
    ("kind", "tenant", "others"), [("text", "it's", "other"), ("bigint", "7", "8"), ("citext", "A", "b")]
)
def test_a_tenants_id_may_be_of_any_type(cluster: PlainCluster, kind: str, tenant: str, others: str) -> None:
    zoo = Databases(cluster)
    quoted, other = tenant.replace("'", "''"), others
    zoo.make(f"""CREATE EXTENSION citext; CREATE SCHEMA s;
    CREATE TABLE s."Tenants" ("Key" {kind} PRIMARY KEY, name text);
    INSERT INTO s."Tenants" VALUES ('{quoted}'), ('{other}');
    CREATE TABLE s.things ("Tenant" {kind} REFERENCES s."Tenants" ON DELETE CASCADE, n numeric(9, 2),
        PRIMARY KEY ("Tenant", n));
    INSERT INTO s.things SELECT "Key", n FROM s."Tenants", generate_series(1, 2500) n;
    CREATE TABLE s.mixed ("Tenant" uuid, id int PRIMARY KEY);
    CREATE TABLE s.parts (thing {kind}, n numeric(9, 2), id int PRIMARY KEY, FOREIGN KEY (thing, n) REFERENCES s.things
        ON DELETE CASCADE); INSERT INTO s.parts SELECT "Tenant", n, row_number() OVER () FROM s.things""")
    with zoo.connect(zoo.today) as connection:
        assert connection.execute('DELETE FROM s."Tenants" WHERE "Key" = %s', (tenant,)).rowcount == 1
    rows = TenancySettings(cluster="plain", tenants="SELECT 1", table="s.Tenants", column="Tenant")
    with planned(zoo, rows, tenant=tenant) as part:
        assert part.write() == 5001
        part.target.execute("COMMIT")
    assert zoo.rows(zoo.today) == zoo.rows(zoo.then)
    assert rehearsed(zoo, rows, tenant).outcome is Outcome.PASS


def test_a_database_without_an_encoding_gives_back_its_bytes(cluster: PlainCluster) -> None:
    zoo = Databases(cluster)
    zoo.make(
        f"""CREATE TABLE tenants (id uuid PRIMARY KEY, name text UNIQUE);
        CREATE TABLE names (name text PRIMARY KEY, of text REFERENCES tenants (name));
        INSERT INTO tenants VALUES ('{MINE}', E'caf\\351'); INSERT INTO names VALUES (E'\\377', E'caf\\351')""",
        "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    )
    zoo.change("DELETE FROM names; DELETE FROM tenants")
    assert restore(zoo) == 2
    with zoo.connect(zoo.today) as connection:
        stored = "SELECT convert_to(name, 'SQL_ASCII'), convert_to(of, 'SQL_ASCII') FROM names"
        assert connection.execute(stored).fetchone() == (b"\xff", b"caf\xe9")
    assert rehearsed(zoo).outcome is Outcome.PASS


def random_schema(chance: random.Random) -> str:
    """Tables with or without the tenant column, keys and references anywhere, and rows at random."""
    statements = ["CREATE TABLE tenants (id uuid PRIMARY KEY)", f"INSERT INTO tenants VALUES ('{MINE}'), ('{OTHER}')"]
    names = [f"t{number}" for number in range(chance.randint(3, 6))]
    for name in names:
        column = "tenant_id uuid" if chance.random() < 0.5 else "note text"
        statements.append(f"CREATE TABLE {name} (id int PRIMARY KEY, {column})")
    for index in range(chance.randint(3, 9)):
        child, parent = chance.choice(names), chance.choice(names)
        later = chance.choice(["", " DEFERRABLE"])
        statements.append(f"ALTER TABLE {child} ADD r{index} int REFERENCES {parent} ON DELETE CASCADE{later}")
    statements.append("SET session_replication_role = replica")
    owner = f"(ARRAY[NULL, '{MINE}', '{OTHER}'])[1 + floor(random() * 3)]::uuid"
    for name in names:
        statements.append(f"INSERT INTO {name} (id) SELECT generate_series(1, 12)")
    statements.append(
        f"""DO $$ DECLARE c record; BEGIN
        FOR c IN SELECT table_name AS t, column_name AS n FROM information_schema.columns
            WHERE table_schema = 'public' AND (column_name LIKE 'r%' OR column_name = 'tenant_id') LOOP
            EXECUTE format('UPDATE %I SET %I = ' || CASE WHEN c.n = 'tenant_id' THEN {sql.Literal(owner).as_string()}
                ELSE 'nullif(floor(random() * 20)::int, 0) %% 12 + 1' END || ' WHERE random() < 0.5', c.t, c.n);
        END LOOP; END $$"""
    )
    return f"SELECT setseed({chance.random()}); " + "; ".join(statements)


def owners(connection: psycopg.Connection) -> dict[tuple[str, int], set[str]]:
    """Whose each row is, told by following every reference by hand."""
    keys = connection.execute(
        """SELECT conrelid::regclass::text, a.attname, confrelid::regclass::text FROM pg_constraint
        JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1] WHERE contype = 'f'"""
    ).fetchall()
    rows: dict[tuple[str, int], dict[str, object]] = {}
    tables = connection.execute("SELECT relname FROM pg_class WHERE relname ~ '^t[0-9]$' AND relkind = 'r'").fetchall()
    for (name,) in tables:
        for document in connection.execute(f"SELECT to_jsonb(x) FROM {name} AS x".encode()).fetchall():
            rows[name, document[0]["id"]] = document[0]
    found = {place: {str(row["tenant_id"])} if row.get("tenant_id") else set() for place, row in rows.items()}
    grown = True
    while grown:
        grown = False
        for (name, number), row in rows.items():
            if row.get("tenant_id"):
                continue
            for child, column, parent in keys:
                if child == name and row.get(column) is not None:
                    new = found[parent, int(str(row[column]))] - found[name, number]
                    found[name, number] |= new
                    grown = grown or bool(new)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_any_schema_comes_back_with_exactly_the_rows_that_are_one_tenants(cluster: PlainCluster, seed: int) -> None:
    zoo = Databases(cluster)
    zoo.make(random_schema(random.Random(seed)))
    with zoo.connect(zoo.then) as connection:
        mine = {place for place, whose in owners(connection).items() if whose == {MINE}}
    answer = rehearsed(zoo)
    assert answer.outcome is Outcome.PASS, answer.detail
    assert answer.numbers["tenant_rows"] == len(mine) + 1
    zoo.change(
        f"DELETE FROM tenants WHERE id = '{MINE}'; "
        + "; ".join(f"DELETE FROM {name} WHERE id = {number}" for name, number in mine)
    )
    zoo.cluster.execute(f"CREATE DATABASE {zoo.today}_b TEMPLATE {zoo.today}")
    assert restore(zoo) == len(mine) + 1
    assert zoo.rows(zoo.today) == zoo.rows(zoo.then)
    # The same without the right to suppress keys: parents first, deferred, or said.
    zoo.today += "_b"
    make_role(zoo, "plain_role", "")
    with planned(zoo, role="plain_role") as part:
        if part.limits:
            assert all("in a circle" in limit.reason for limit in part.limits)
            return
    assert restore(zoo, role="plain_role") == len(mine) + 1
    assert zoo.rows(zoo.today) == zoo.rows(zoo.then)
