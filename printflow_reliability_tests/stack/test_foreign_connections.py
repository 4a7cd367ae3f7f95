"""What the foreign platform's databases answer is read rightly: other styles of time, other encodings, no encoding."""

from datetime import UTC, datetime

import pytest

from printflow_reliability.platform.connect import connect
from printflow_reliability.records.database import open_records
from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform

pytestmark = pytest.mark.stack


def test_times_are_understood_however_the_server_writes_them(foreign: ForeignPlatform) -> None:
    moment = datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)
    with connect(foreign.settings.cluster[0]) as shop, open_records(foreign.settings.records) as records:
        for connection in (shop, records):
            row = connection.execute(
                "SELECT timestamptz '2025-02-03 04:05:06+00', interval '-1 day 2 hours'"
            ).fetchone()
            assert row is not None
            assert row[0] == moment
            assert row[1].total_seconds() == -22 * 3600


def test_text_without_an_encoding_is_text_with_escapes_where_it_is_not_utf_8(foreign: ForeignPlatform) -> None:
    with connect(foreign.settings.cluster[0], database="legacy") as connection:
        values = connection.execute("SELECT name, current_database(), array[name]::text[] FROM customers").fetchall()
        assert values == [("M\\xfcller", "legacy", ["M\\xfcller"]), ("\\xe9\\xff", "legacy", ["\\xe9\\xff"])]

        # As a tenant's restore asks for it: no byte is lost.
        connection.execute("SET client_encoding = 'LATIN1'")
        assert connection.execute("SELECT name FROM customers").fetchall() == [("Müller",), ("éÿ",)]


def test_text_of_another_encoding_is_converted(foreign: ForeignPlatform) -> None:
    with connect(foreign.settings.cluster[0], database="archive latin") as connection:
        assert connection.execute('SELECT titel FROM "Bücher"').fetchall() == [("Über Äpfel",)]
