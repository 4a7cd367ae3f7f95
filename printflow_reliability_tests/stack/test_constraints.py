"""What one reading of a table clears, and what the closer look says of the rest; every violation really in the rows."""

from collections.abc import Iterator

import psycopg
import pytest

from printflow_reliability.platform.foreign_keys import ForeignKey, read_foreign_keys
from printflow_reliability.restore.validation.constraints import NotNull, UniqueIndex, check_constraint, constraints
from printflow_reliability.restore.validation.foreign_keys import check_foreign_key
from printflow_reliability.restore.validation.readings import Constraint, by_table, suspects
from printflow_reliability.sandbox import postgres
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

SOUND = """
CREATE TABLE parents (id int PRIMARY KEY, code text UNIQUE, part int, UNIQUE (id, part));
CREATE TABLE children (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), parent int NOT NULL REFERENCES parents, "odd ""name" text,
    code text REFERENCES parents (code), a int, b int, full_a int, full_b int,
    FOREIGN KEY (a, b) REFERENCES parents (id, part),
    FOREIGN KEY (full_a, full_b) REFERENCES parents (id, part) MATCH FULL
);
CREATE UNIQUE INDEX by_number ON children (a) WHERE b IS NULL;
CREATE UNIQUE INDEX by_expression ON children (lower("odd ""name"), b);
CREATE UNIQUE INDEX by_null ON children (code) NULLS NOT DISTINCT WHERE a = 77;
CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE UNIQUE INDEX by_collation ON parents (code COLLATE any_case);
CREATE TABLE heirs () INHERITS (children);
CREATE TABLE months (id int, at date NOT NULL, parent int REFERENCES parents, PRIMARY KEY (id, at))
    PARTITION BY RANGE (at);
CREATE TABLE january PARTITION OF months FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE february PARTITION OF months FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE unhashable (flags bit varying UNIQUE);
INSERT INTO parents SELECT n, 'code ' || n, n * 10 FROM generate_series(1, 50) AS n;
INSERT INTO children (parent, "odd ""name", code, a, b) SELECT n, 'Name ' || n, 'code ' || n, n, n * 10
    FROM generate_series(1, 50) AS n;
INSERT INTO children (parent) VALUES (1), (1), (1);
INSERT INTO heirs (id, parent) SELECT id, 999 FROM children WHERE a IS NOT NULL;
INSERT INTO months SELECT n, '2026-01-15'::date + n % 40, n % 50 + 1 FROM generate_series(1, 200) AS n;
INSERT INTO unhashable VALUES (B'1'), (B'10'), (NULL), (NULL)
"""
"""Rows of heirs are bound by none of the constraints of children, and only partitions are part of another table."""


@pytest.fixture(scope="module")
def database(sandbox: StackSandbox) -> Iterator[str]:
    name = "constraints"
    with postgres.superuser(sandbox.home, "live_db") as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            with postgres.superuser(sandbox.home, "live_db", name) as inside:
                inside.execute(SOUND)
            yield name
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def connection(sandbox: StackSandbox, database: str) -> Iterator[psycopg.Connection]:
    """In a transaction that is rolled back, in which triggers and constraints can be got around."""
    with postgres.superuser(sandbox.home, "live_db", database) as connection:
        connection.execute("SET session_replication_role = replica")
        with connection.transaction(force_rollback=True):
            yield connection


def found(connection: psycopg.Connection) -> tuple[list[str], list[str]]:
    """The names of what readings suspect, and what is said of it; what they clear must have nothing said of it."""
    suspected: list[str] = []
    phrases: list[str] = []
    for table in by_table((*read_foreign_keys(connection), *constraints(connection))):
        with connection.transaction():  # a reading that is refused ends no more than itself
            uncleared = suspects(connection, table)
        for constraint in table.constraints:
            said = look_closer(connection, constraint)
            assert constraint in uncleared or not said, f"{constraint} was cleared: {said}"
            suspected += [named(constraint)] if constraint in uncleared else []
            phrases += said
    return sorted(suspected), phrases


def look_closer(connection: psycopg.Connection, constraint: Constraint) -> list[str]:
    if isinstance(constraint, ForeignKey):
        return [seen.text for seen in check_foreign_key(connection, "db", constraint)]
    return [seen.text for seen in check_constraint(connection, "db", constraint)]


def named(constraint: Constraint) -> str:
    return f"not null {constraint.table}" if isinstance(constraint, NotNull) else constraint.name


def break_index(connection: psycopg.Connection, name: str, insert: str) -> None:
    """Let in what a unique index would have refused."""
    switch = "UPDATE pg_index SET indisready = {} WHERE indexrelid = '{}'::regclass"
    connection.execute(switch.format("false", name).encode())
    connection.execute(insert.encode())
    connection.execute(switch.format("true", name).encode())


def test_sound_tables_are_cleared_and_heirs_are_bound_by_nothing(connection: psycopg.Connection) -> None:
    keys = read_foreign_keys(connection)
    assert {key.child_table for key in keys} == {"children", "months"}
    assert len(constraints(connection)) > 8
    connection.execute("DROP TABLE unhashable")
    assert found(connection) == ([], [])


def test_what_cannot_be_hashed_is_suspected_and_then_looked_at_by_its_own_query(
    sandbox: StackSandbox, database: str
) -> None:
    with postgres.superuser(sandbox.home, "live_db", database) as connection:
        suspected, phrases = found(connection)
    assert suspected == ["unhashable_flags_key"]
    assert phrases == []


@pytest.mark.parametrize(
    ("damage", "suspected", "phrase"),
    [
        (
            "UPDATE children SET parent = 99 WHERE a = 7",
            ["children_parent_fkey"],
            "public.children.children_parent_fkey: 1 row has no row in",
        ),
        (
            "UPDATE children SET code = 'none' WHERE a = 7",
            ["children_code_fkey"],
            "1 row has no row in public.parents (id ",
        ),
        (
            "UPDATE children SET b = 11 WHERE a = 7",
            ["children_a_b_fkey"],
            "public.children.children_a_b_fkey: 1 row has",
        ),
        ("UPDATE children SET full_a = 1 WHERE a = 7", ["children_full_a_full_b_fkey"], "children_full_a_full_b_fkey"),
        (
            "UPDATE months SET parent = 99 WHERE id = 7",
            ["months_parent_fkey"],
            "public.months.months_parent_fkey: 1 row has",
        ),
        (
            "DELETE FROM parents WHERE id = 5",
            ["children_a_b_fkey", "children_code_fkey", "children_parent_fkey", "months_parent_fkey"],
            "public.months.months_parent_fkey: 4 rows have",
        ),
    ],
)
def test_rows_without_their_parents_are_found(
    connection: psycopg.Connection, damage: str, suspected: list[str], phrase: str
) -> None:
    connection.execute("DROP TABLE unhashable")
    connection.execute(damage.encode())
    names, phrases = found(connection)
    assert names == suspected
    assert any(phrase in text for text in phrases), phrases


@pytest.mark.parametrize(
    ("index", "insert", "where"),
    [
        ("children_pkey", "INSERT INTO children (id, parent) SELECT id, 1 FROM children LIMIT 1", "public.children"),
        ("by_number", "INSERT INTO children (parent, a) VALUES (1, 3), (1, 3)", "public.children"),
        (
            "by_expression",
            """INSERT INTO children (parent, "odd ""name", b) VALUES (1, 'nAMe 4', 40)""",
            "public.children",
        ),
        ("by_null", "INSERT INTO children (parent, a, b) VALUES (1, 77, 1), (1, 77, 2)", "public.children"),
        ("by_collation", "INSERT INTO parents (id, code) VALUES (99, 'CODE 7')", "public.parents"),
        ("january_pkey", "INSERT INTO months SELECT * FROM january LIMIT 1", "public.january"),
    ],
)
def test_values_that_come_twice_are_found(connection: psycopg.Connection, index: str, insert: str, where: str) -> None:
    connection.execute("DROP TABLE unhashable")
    connection.execute("ALTER TABLE children DROP CONSTRAINT children_a_b_fkey")
    break_index(connection, index, insert)
    names, phrases = found(connection)
    assert names == [index]
    assert len(phrases) == 1
    assert f"db: {where} holds 1 value of the unique index {index} more than once" in phrases[0]


def test_parents_that_come_twice_hide_no_orphan(connection: psycopg.Connection) -> None:
    connection.execute("DROP TABLE unhashable")
    break_index(connection, "parents_pkey", "INSERT INTO parents (id) SELECT id FROM parents")
    connection.execute("UPDATE months SET parent = 99 WHERE id = 7")
    names, phrases = found(connection)
    assert {"parents_pkey", "months_parent_fkey"} <= set(names)
    assert len(phrases) == 2, phrases


def test_a_null_where_none_may_be_is_found(connection: psycopg.Connection) -> None:
    connection.execute("DROP TABLE unhashable")
    flag = "UPDATE pg_attribute SET attnotnull = {} WHERE attrelid = 'children'::regclass AND attname = 'parent'"
    connection.execute(flag.format("false").encode())
    connection.execute("UPDATE ONLY children SET parent = NULL WHERE a = 7")
    connection.execute(flag.format("true").encode())
    assert found(connection) == (
        ["not null children"],
        ["db: public.children: 1 row without parent, which must not be null"],
    )


def test_numbers_are_compared_as_they_are_and_all_else_by_hash(connection: psycopg.Connection) -> None:
    by_value = {
        constraint.name
        for constraint in constraints(connection)
        if isinstance(constraint, UniqueIndex) and constraint.by_value
    }
    assert by_value >= {"parents_pkey", "by_number"}
    assert not by_value & {"children_pkey", "by_expression", "parents_code_key", "january_pkey"}
