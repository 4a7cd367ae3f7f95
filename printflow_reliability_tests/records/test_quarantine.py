"""What the manifest takes in again from the notes, by its own statements: SQLite stands for PostgreSQL here."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from printflow_reliability.records import migrations
from printflow_reliability.records import quarantine as manifest
from printflow_reliability.records.quarantine import Records
from printflow_reliability_tests.files.quarantine.object_aside import row

TABLE = Path(migrations.__path__[0]) / "versions" / "0021_quarantine.sql"
NOTED = row("v1", place_version="p1", sha256="00", headers={})


class Kept:
    """The table of the manifest, and nothing else of the records."""

    def __init__(self, made: sqlite3.Connection) -> None:
        self.made = made
        made.create_function("now", 0, lambda: "2026-11-02")
        table = TABLE.read_text(encoding="utf-8").partition("CREATE TABLE")[2]
        table = table.replace("bigint GENERATED ALWAYS AS IDENTITY", "INTEGER").replace("DEFAULT now()", "DEFAULT 0")
        made.executescript("CREATE TABLE" + re.sub(r"INDEX ON (\w+) \((\w+)", r"INDEX by_\2 ON \1 (\2", table))

    def execute(self, statement: str, values: Any = ()) -> sqlite3.Cursor:
        statement = statement.replace("= ANY(%s)", "IN (SELECT value FROM json_each(?))")
        if isinstance(values, tuple):
            values = [json.dumps(value) if isinstance(value, list) else value for value in values]
        return self.made.execute(re.sub(r"%\((\w+)\)s", r":\1", statement).replace("%s", "?"), values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self.made:
            yield

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """Place, version there and end of each, in their order."""
        return self.made.execute("SELECT place_key, place_version, ended FROM quarantine ORDER BY id").fetchall()


@pytest.fixture
def kept() -> Iterator[Kept]:
    with closing(sqlite3.connect(":memory:")) as made:
        yield Kept(made)


def begun(kept: Kept, place_key: str = NOTED.place_key) -> int:
    """A run has begun the row of `NOTED`, and copied nothing."""
    names = ("bucket", "key", "tenant", "version_id", "bytes", "etag", "reason", "superseded_by", "place", "person")
    known = {name: getattr(NOTED, name) for name in names}
    kept.execute(manifest.BEGIN, {**known, "place_key": place_key}).fetchall()
    return len(kept.rows)


def forgotten(kept: Kept, *notes: manifest.Quarantined) -> list[manifest.Quarantined]:
    return [*manifest.forgotten(cast(Records, kept), notes)]


@pytest.mark.parametrize("ended", [True, False], ids=["given up since", "open"])
@pytest.mark.parametrize("place_key", [NOTED.place_key, "quarantine/files/t/2"])
def test_a_row_of_the_moment_before_its_copy_is_forgotten_and_the_note_makes_it_whole(
    kept: Kept, place_key: str, *, ended: bool
) -> None:
    number = begun(kept, place_key)
    if ended:
        manifest.end(cast(Records, kept), number, manifest.GIVEN_UP, "ada", "it was changed")
    assert forgotten(kept, NOTED) == [NOTED]
    manifest.adopt(cast(Records, kept), NOTED, "ada")
    assert kept.rows == [(place_key, None, manifest.GIVEN_UP), (NOTED.place_key, "p1", None)]
    assert forgotten(kept, NOTED) == []


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "open"])
def test_what_was_copied_is_known_and_keeps_its_row(kept: Kept, *, ended: bool) -> None:
    number = begun(kept)
    manifest.copied(cast(Records, kept), number, "p1", "00", {})
    if ended:
        manifest.end(cast(Records, kept), number, manifest.RELEASED, "ada", "it is there")
    other = row("v2", place_key="quarantine/files/t/3", begun_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert forgotten(kept, NOTED, other) == [other]


def test_of_two_forgotten_copies_of_a_version_both_have_a_row_so_that_an_erasure_knows_them(kept: Kept) -> None:
    older = row("v1", place_key="quarantine/files/t/0", place_version="p0", sha256="00", headers={})
    for each in (NOTED, older):
        manifest.adopt(cast(Records, kept), each, "ada")
    assert kept.rows == [(NOTED.place_key, "p1", None), (older.place_key, "p0", manifest.GIVEN_UP)]
    assert forgotten(kept, NOTED, older) == []
