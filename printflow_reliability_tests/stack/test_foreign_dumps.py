"""Dumps on the foreign platform, by a plain user: odd names and encodings, large objects, a function without a path."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg.conninfo import make_conninfo

from printflow_reliability_tests.stack.foreign.graph import materialize
from printflow_reliability_tests.stack.foreign.platform import DATABASE, SUPERUSER, Ended, ForeignPlatform

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def taken(foreign: ForeignPlatform) -> Ended:
    """How dumping every database went."""
    return foreign.run("dump", "run", "--json")


def test_every_database_that_can_be_opened_is_dumped_and_locked(foreign: ForeignPlatform, taken: Ended) -> None:
    assert taken.exit_code == 0, taken
    dumped = {dump["database"]: dump for dump in taken.document["dumps"]}
    assert set(dumped) == {DATABASE, "archive latin", "legacy", "reporting", "postgres"}
    assert dumped["legacy"]["rows"] == 2
    assert all(dump["locked_until"] > dump["taken_at"] for dump in dumped.values())

    listed = foreign.run("dump", "list", "--json")

    assert listed.exit_code == 0, listed
    listing = [dump for dump in listed.document["dumps"] if dump["cluster"] == "shop"]
    assert {dump["key"]: dump["sha256"] for dump in listing} == {
        dump["key"]: dump["sha256"] for dump in dumped.values()
    }
    assert listed.document["incomplete"] == []


def test_every_dump_holds_what_its_database_held(foreign: ForeignPlatform, taken: Ended) -> None:
    ended = foreign.run("dump", "verify", "--json")

    assert ended.exit_code == 0, ended
    assert {dump["outcome"] for dump in ended.document["dumps"]} == {"pass"}
    assert len([dump for dump in ended.document["dumps"] if dump["cluster"] == "shop"]) == 5


def test_every_kind_of_database_is_restored_for_a_trial(foreign: ForeignPlatform, taken: Ended) -> None:
    ended = foreign.run("dump", "verify", "--restore", "--json")

    tried = {dump["database"]: dump for dump in ended.document["dumps"] if dump["restored"]}
    outcomes = {name: dump["outcome"] for name, dump in tried.items()}
    # pg_restore finds no name without its schema, which a function of an index needs before version 17; and the
    # shop's own event trigger refuses what pg_restore runs after it was made.
    others = dict.fromkeys(("archive latin", "legacy", "reporting", "postgres"), "pass")
    assert outcomes == {**others, DATABASE: "warn"}, ended
    assert "with every row, but not all around them" in tried[DATABASE]["detail"]
    assert "no DDL outside of migrations" in tried[DATABASE]["detail"]
    with foreign.connect() as connection:
        finds_no_name = connection.info.server_version < 170000
    if finds_no_name:
        assert "function fold(text) does not exist" in tried[DATABASE]["detail"]
    assert ended.exit_code == 1


@contextmanager
def another_database(foreign: ForeignPlatform) -> Iterator[str]:
    """An empty database of the cluster for the block; what leads to it."""
    options = "ENCODING 'UTF8' LOCALE 'C.UTF-8' LOCALE_PROVIDER libc TEMPLATE template0"
    with foreign.connect(database="postgres") as connection:
        connection.execute(f'CREATE DATABASE "from a dump" {options}'.encode())
    try:
        yield into(foreign, "from a dump")
    finally:
        with foreign.connect(database="postgres") as connection:
            connection.execute('DROP DATABASE "from a dump" WITH (FORCE)')


def into(foreign: ForeignPlatform, database: str) -> str:
    return make_conninfo("", host="127.0.0.1", port=foreign.ports["shop"], user=SUPERUSER, dbname=database)


def books(foreign: ForeignPlatform) -> list[tuple[object, ...]]:
    with foreign.connect(database="from a dump") as connection:
        return connection.execute('SELECT titel FROM "Bücher"'.encode()).fetchall()


def test_a_dump_in_latin_1_is_restored_into_another_database(foreign: ForeignPlatform, taken: Ended) -> None:
    with another_database(foreign) as url:
        arguments = ("--database", "archive latin", "--into", url, "--json")
        planned = foreign.run("dump", "restore", *arguments)
        done = foreign.run("dump", "restore", *arguments, "--apply")
        rows = books(foreign)
    assert (planned.exit_code, planned.document["restored"]) == (0, None), planned
    assert (done.exit_code, done.document["restored"]) == (0, 1), done
    assert rows == [("Über Äpfel",)]


def test_one_table_with_an_odd_name_is_restored(foreign: ForeignPlatform, taken: Ended) -> None:
    with another_database(foreign) as url:
        arguments = ("--database", "archive latin", "--table", "public.Bücher", "--into", url, "--json")
        planned = foreign.run("dump", "restore", *arguments)
        done = foreign.run("dump", "restore", *arguments, "--apply")
        assert (planned.exit_code, done.exit_code) == (0, 0), (planned, done)
        rows = books(foreign)
    assert planned.document["plan"] == [{"table": "public.Bücher", "rows": 1}]
    assert done.document["restored"] == 1
    assert rows == [("Über Äpfel",)]


def test_the_rows_of_one_merchant_are_restored_out_of_a_dump(foreign: ForeignPlatform, taken: Ended) -> None:
    with foreign.connect() as connection:
        merchant = str(connection.execute("SELECT id FROM merchants WHERE slug = 'acme'").fetchall()[0][0])
        whole = "SELECT l::text FROM purchase_lines l JOIN purchases p ON p.id = l.purchase WHERE p.merchant = %s"
        before = sorted(connection.execute(whole, (merchant,)).fetchall())
        connection.execute("SET session_replication_role = replica")
        of_merchant = "(SELECT id FROM purchases WHERE merchant = %s)"
        connection.execute(f"DELETE FROM purchase_lines WHERE purchase IN {of_merchant}".encode(), (merchant,))
        command = ("dump", "restore", "--database", DATABASE, "--tenant", merchant, "--into", into(foreign, DATABASE))
        planned = foreign.run(*command, "--json")
        done = foreign.run(*command, "--apply", "--json")
        after = sorted(connection.execute(whole, (merchant,)).fetchall())
    assert (planned.exit_code, done.exit_code) == (0, 0), (planned, done)
    assert (planned.exit_code, planned.document["restored"]) == (0, None), planned
    assert (done.exit_code, done.document["restored"]) == (0, len(before)), done
    assert after == before


def test_nothing_is_to_be_deleted_yet(foreign: ForeignPlatform, taken: Ended) -> None:
    planned, done = foreign.run("dump", "expire", "--json"), foreign.run("dump", "expire", "--apply", "--json")
    for ended in (planned, done):
        assert (ended.exit_code, ended.document["bytes"], ended.document["done"]) == (0, 0, 0), ended


def test_the_graph_dumps_the_cluster_and_verifies_it(foreign: ForeignPlatform, taken: Ended) -> None:
    assets = ("logical_dump", "dump_verification", "dump_expiry")
    answer = materialize(foreign, *assets, by=foreign.owner, partitions={"logical_dump": "shop"})
    assert answer == {
        "logical_dump": {"success": True, "checks": {"dump__recent": True}},
        "dump_verification": {"success": True, "checks": {"dump__content": True}},
        "dump_expiry": {"success": True, "checks": {"dump__retention": True}},
    }
