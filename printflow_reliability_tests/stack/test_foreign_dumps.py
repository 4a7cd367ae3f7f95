"""Dumps on the foreign platform, by a plain user: odd names and encodings, large objects, a function without a path."""

import pytest

from printflow_reliability_tests.stack.foreign.platform import DATABASE, Ended, ForeignPlatform

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
    assert {dump["key"]: dump["sha256"] for dump in listed.document["dumps"]} == {
        dump["key"]: dump["sha256"] for dump in dumped.values()
    }
    assert listed.document["incomplete"] == []


def test_every_dump_holds_what_its_database_held(foreign: ForeignPlatform, taken: Ended) -> None:
    ended = foreign.run("dump", "verify", "--json")

    assert ended.exit_code == 0, ended
    assert {dump["outcome"] for dump in ended.document["dumps"]} == {"pass"}
    assert len(ended.document["dumps"]) == 5
