"""Dumps on the foreign platform, by a plain user: odd names and encodings, large objects, a function without a path."""

import pytest

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


def test_a_dump_in_latin_1_is_restored_into_another_database(foreign: ForeignPlatform, taken: Ended) -> None:
    options = "ENCODING 'UTF8' LOCALE 'C.UTF-8' LOCALE_PROVIDER libc TEMPLATE template0"
    with foreign.connect(database="postgres") as connection:
        connection.execute(f'CREATE DATABASE "from a dump" {options}'.encode())
    try:
        into = f"host=127.0.0.1 port={foreign.ports['shop']} user='{SUPERUSER}' dbname='from a dump'"
        arguments = ("--database", "archive latin", "--into", into, "--json")
        planned = foreign.run("dump", "restore", *arguments)
        done = foreign.run("dump", "restore", *arguments, "--apply")
        with foreign.connect(database="from a dump") as connection:
            rows = connection.execute('SELECT titel FROM "Bücher"'.encode()).fetchall()
    finally:
        with foreign.connect(database="postgres") as connection:
            connection.execute('DROP DATABASE "from a dump" WITH (FORCE)')
    assert (planned.exit_code, planned.document["restored"]) == (0, None), planned
    assert (done.exit_code, done.document["restored"]) == (0, 1), done
    assert rows == [("Über Äpfel",)]


def test_nothing_is_to_be_deleted_yet(foreign: ForeignPlatform, taken: Ended) -> None:
    ended = foreign.run("dump", "expire", "--json")
    assert (ended.exit_code, ended.document["bytes"]) == (0, 0), ended


def test_the_graph_dumps_the_cluster_and_verifies_it(foreign: ForeignPlatform, taken: Ended) -> None:
    assets = ("logical_dump", "dump_verification", "dump_expiry")
    answer = materialize(foreign, *assets, by=foreign.owner, partitions={"logical_dump": "shop"})
    assert answer == {
        "logical_dump": {"success": True, "checks": {"dump__recent": True}},
        "dump_verification": {"success": True, "checks": {"dump__content": True}},
        "dump_expiry": {"success": True, "checks": {"dump__retention": True}},
    }
