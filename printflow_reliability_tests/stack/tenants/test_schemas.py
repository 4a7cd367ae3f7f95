"""Schemas of others: ids of any type, bytes without an encoding, and tables and keys at random."""

import random

import psycopg
import pytest
from psycopg import sql

from printflow_reliability.checks import Outcome
from printflow_reliability.settings import TenancySettings
from printflow_reliability_tests.stack.plain import PlainCluster
from printflow_reliability_tests.stack.tenants.databases import Databases, make_role, planned, rehearsed, restore
from printflow_reliability_tests.stack.tenants.tenant_schema import MINE, OTHER

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ("kind", "tenant", "others"), [("text", "it's", "other"), ("bigint", "7", "8"), ("citext", "A", "b")]
)
def test_a_tenants_id_may_be_of_any_type(cluster: PlainCluster, kind: str, tenant: str, others: str) -> None:
    databases = Databases(cluster)
    quoted, other = tenant.replace("'", "''"), others
    databases.make(f"""CREATE EXTENSION citext; CREATE SCHEMA s;
    CREATE TABLE s."Tenants" ("Key" {kind} PRIMARY KEY, name text);
    INSERT INTO s."Tenants" VALUES ('{quoted}'), ('{other}');
    CREATE TABLE s.things ("Tenant" {kind} REFERENCES s."Tenants" ON DELETE CASCADE, n numeric(9, 2),
        PRIMARY KEY ("Tenant", n));
    INSERT INTO s.things SELECT "Key", n FROM s."Tenants", generate_series(1, 2500) n;
    CREATE TABLE s.mixed ("Tenant" uuid, id int PRIMARY KEY);
    CREATE TABLE s.parts (thing {kind}, n numeric(9, 2), id int PRIMARY KEY, FOREIGN KEY (thing, n) REFERENCES s.things
        ON DELETE CASCADE); INSERT INTO s.parts SELECT "Tenant", n, row_number() OVER () FROM s.things""")
    with databases.connect(databases.today) as connection:
        assert connection.execute('DELETE FROM s."Tenants" WHERE "Key" = %s', (tenant,)).rowcount == 1
    rows = TenancySettings(cluster="plain", tenants="SELECT 1", table="s.Tenants", column="Tenant")
    with planned(databases, rows, tenant=tenant) as part:
        assert part.write() == 5001
        part.target.execute("COMMIT")
    assert databases.rows(databases.today) == databases.rows(databases.then)
    assert rehearsed(databases, rows, tenant).outcome is Outcome.PASS


def test_a_database_without_an_encoding_gives_back_its_bytes(cluster: PlainCluster) -> None:
    databases = Databases(cluster)
    databases.make(
        f"""CREATE TABLE tenants (id uuid PRIMARY KEY, name text UNIQUE);
        CREATE TABLE names (name text PRIMARY KEY, of text REFERENCES tenants (name));
        INSERT INTO tenants VALUES ('{MINE}', E'caf\\351'); INSERT INTO names VALUES (E'\\377', E'caf\\351')""",
        "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    )
    databases.change("DELETE FROM names; DELETE FROM tenants")
    assert restore(databases) == 2
    with databases.connect(databases.today) as connection:
        stored = "SELECT convert_to(name, 'SQL_ASCII'), convert_to(of, 'SQL_ASCII') FROM names"
        assert connection.execute(stored).fetchone() == (b"\xff", b"caf\xe9")
    assert rehearsed(databases).outcome is Outcome.PASS


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


@pytest.mark.parametrize("seed", range(8))
def test_any_schema_comes_back_with_exactly_the_rows_that_are_one_tenants(cluster: PlainCluster, seed: int) -> None:
    databases = Databases(cluster)
    databases.make(random_schema(random.Random(seed)))
    with databases.connect(databases.then) as connection:
        mine = {place for place, whose in owners(connection).items() if whose == {MINE}}
    answer = rehearsed(databases)
    assert answer.outcome is Outcome.PASS, answer.detail
    assert answer.numbers["tenant_rows"] == len(mine) + 1
    databases.change(
        f"DELETE FROM tenants WHERE id = '{MINE}'; "
        + "; ".join(f"DELETE FROM {name} WHERE id = {number}" for name, number in mine)
    )
    databases.cluster.execute(f"CREATE DATABASE {databases.today}_b TEMPLATE {databases.today}")
    assert restore(databases) == len(mine) + 1
    assert databases.rows(databases.today) == databases.rows(databases.then)
    # The same without the right to suppress keys: parents first, deferred, or said.
    databases.today += "_b"
    make_role(databases, "plain_role", "")
    with planned(databases, role="plain_role") as part:
        if part.limits:
            assert all("in a circle" in limit.reason for limit in part.limits)
            return
    assert restore(databases, role="plain_role") == len(mine) + 1
    assert databases.rows(databases.today) == databases.rows(databases.then)
