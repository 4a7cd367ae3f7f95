"""The quarantine on the foreign platform: an object whose row is gone goes aside, and comes back with its row."""

import pytest

from printflow_reliability_tests.stack.foreign.build import BUCKET, REPORTS
from printflow_reliability_tests.stack.foreign.objects import keys
from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform

pytestmark = pytest.mark.stack
COLUMNS = 'id, merchant, collection, file_name, bytes, sha256, "table"'
BACK = f"INSERT INTO media ({COLUMNS}) OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, %s, %s, %s, %s)"
UNPAID = """
SELECT l.id, l.medium FROM purchase_lines l JOIN purchases p ON p.id = l.purchase WHERE p.state = 'neu'
AND l.medium IS NOT NULL"""


def oldest_of(foreign: ForeignPlatform, lines: list[tuple[int, int]]) -> tuple[int, int, str]:
    """A line, its file's number and key: of the file that was written first, before the oldest backup."""
    written = {item["Key"]: item["LastModified"] for item in foreign.s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    found = [(line, number, key) for line, number in lines for key in written if f"/print/{number}/" in key]
    return min(found, key=lambda each: written[each[2]])


def test_a_file_whose_row_is_gone_goes_aside_and_comes_back_with_its_row(foreign: ForeignPlatform) -> None:
    first = foreign.run("files", "reconcile", "--json")  # without an earlier pass nothing is moved
    with foreign.connect() as connection:
        line, number, key = oldest_of(foreign, connection.execute(UNPAID).fetchall())
        before = foreign.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        kept = connection.execute(f"SELECT {COLUMNS} FROM media WHERE id = %s", (number,)).fetchone()
        connection.execute("UPDATE purchase_lines SET medium = NULL WHERE id = %s", (line,))
        connection.execute("DELETE FROM media WHERE id = %s", (number,))
        try:
            planned = foreign.run("files", "quarantine", "--json")
            moved = foreign.run("files", "quarantine", "--apply", "--by", "Ada", "--json")
            there = key in keys(foreign)
        finally:
            connection.execute(BACK, kept)
            connection.execute("UPDATE purchase_lines SET medium = %s WHERE id = %s", (number, line))
    try:
        found = foreign.run("files", "reconcile", "--json")
        released = foreign.run("files", "release", "--needed", "--apply", "--by", "Ada", "--json")
        after = foreign.run("files", "reconcile", "--json")
        body = foreign.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    finally:
        for item in foreign.s3.list_objects_v2(Bucket=REPORTS, Prefix="beiseite/").get("Contents", ()):
            foreign.s3.delete_object(Bucket=REPORTS, Key=item["Key"])
        for ended in (first, found, after):
            published = ended.document["all_findings"].removeprefix(f"s3://{REPORTS}/")
            foreign.s3.delete_object(Bucket=REPORTS, Key=published)

    assert (planned.exit_code, planned.document["planned"]) == (1, 1), planned
    assert planned.document["tenants"][0]["yearly_cost"] is not None
    assert (moved.exit_code, moved.document["outcome"]["done"], there) == (0, 1, False), moved
    assert (found.exit_code, found.document["counts"]["in_quarantine"]) == (1, 1), found
    assert (released.exit_code, released.document["outcome"]["done"]) == (0, 1), released
    assert (after.exit_code, body) == (0, before), after
