"""A journal is read page by page, and to its end also where a query tells of times by the clock."""

from datetime import UTC, datetime
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest
from psycopg import sql

from printflow_reliability.files import deletions

AT = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.mark.parametrize("rows", range(6))
def test_every_event_is_read_once_and_a_page_that_is_not_full_is_the_last(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(deletions, "PAGE", 2)
    begins = count(step=2)

    def execute(_: object) -> Any:
        begin = next(begins)
        return SimpleNamespace(fetchall=lambda: [(n, AT, f"event {n}") for n in range(begin, min(rows, begin + 2))])

    connection = cast("Any", SimpleNamespace(execute=execute))
    read = deletions._events(connection, sql.SQL("journal"), sql.Identifier("event"), AT)
    assert list(read) == [(n, AT, f"event {n}") for n in range(rows)]
    assert next(begins) // 2 == rows // 2 + 1
