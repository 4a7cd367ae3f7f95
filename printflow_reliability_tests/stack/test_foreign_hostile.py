"""Odd orders and odd columns on the foreign platform, by commands of a plain user: each is named, others are not."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest

from printflow_reliability_tests.stack.foreign.build import BUCKET
from printflow_reliability_tests.stack.foreign.platform import SUPERUSER, ForeignPlatform

pytestmark = pytest.mark.stack

NEVER, GONE, OUTSIDE = "never linked", "not in the bucket", "outside its tenant's own path"
PURCHASES: Mapping[int, tuple[str | None, str | None, str | None]] = {
    # id: paid at, the file name of its medium ("good": one that is there), and why it is held
    9_000_001: ("infinity", None, NEVER),
    9_000_002: ("-infinity", None, NEVER),
    9_000_003: (None, None, NEVER),
    9_000_004: ("0753-04-21 BC", None, NEVER),
    9_000_005: ("2999-01-01", None, NEVER),
    9_000_006: ("infinity", "good", None),
    9_000_007: ("0753-04-21 BC", "good", None),
    9_000_008: ("2026-01-01", "", GONE),
    9_000_009: ("2026-01-01", "../x.pdf", OUTSIDE),
    9_000_010: ("2026-01-01", "x" * 2000, GONE),
    9_000_011: ("2026-01-01", "a\n\x1b[2J'b.pdf", GONE),
    9_223_372_036_854_775_807: ("2026-01-01", None, NEVER),
    -7: ("2026-01-01", None, NEVER),
}


@pytest.fixture
def odd(foreign: ForeignPlatform) -> Iterator[int]:
    """The odd purchases beside the shop's own; how many of the shop's own are ready."""
    healthy = foreign.run("orders", "held", "--json").document
    assert healthy["held"] == []
    with foreign.connect("storefront") as connection:
        merchant, good = connection.execute("SELECT merchant, min(id) FROM media GROUP BY 1 LIMIT 1").fetchone() or (
            0,
            0,
        )
        try:
            for number, (paid_at, name, _) in PURCHASES.items():
                connection.execute(
                    "INSERT INTO purchases (id, merchant, state, settled_at, gross) VALUES (%s, %s, 'bezahlt', %s, 1)",
                    (number, merchant, paid_at),
                )
                if name is None:
                    continue
                (medium,) = (
                    (good,)
                    if name == "good"
                    else connection.execute(
                        "INSERT INTO media (merchant, collection, file_name, bytes, sha256) "
                        "VALUES (%s, 'odd', %s, 1, '') RETURNING id",
                        (merchant, name),
                    ).fetchone()
                    or (0,)
                )
                connection.execute(
                    "INSERT INTO purchase_lines (purchase, medium, quantity) VALUES (%s, %s, 1)", (number, medium)
                )
            yield healthy["ready_orders"]
        finally:
            connection.execute("DELETE FROM purchases WHERE id = ANY(%s)", (list(PURCHASES),))
            connection.execute("DELETE FROM media WHERE collection = 'odd'")


def test_odd_purchases_are_held_each_and_the_shops_others_are_judged_as_before(
    foreign: ForeignPlatform, odd: int
) -> None:
    ended = foreign.run("orders", "held", "--json")
    held = {hold["order"]: hold["reason"] for hold in ended.document["held"]}
    expected = {str(number): why for number, (_, _, why) in PURCHASES.items() if why is not None}
    assert ended.exit_code == 1, ended
    assert held.keys() == expected.keys()
    assert {number: held[number] for number, why in expected.items() if why not in held[number]} == {}
    assert ended.document["ready_orders"] == odd + len(PURCHASES) - len(expected)

    for number in (-7, 9_223_372_036_854_775_807, 9_000_011):
        checked = foreign.run("orders", "check", "--", str(number))
        assert checked.exit_code == 1, checked
        assert held[str(number)] in checked.stdout
        assert "\x1b" not in checked.stdout
    with foreign.connect("storefront") as connection:
        connection.execute("DELETE FROM purchases WHERE id = ANY(%s)", (list(PURCHASES),))
    after = foreign.run("orders", "held", "--json")
    assert (after.exit_code, after.document["held"], after.document["ready_orders"]) == (0, [], odd), after


class Column(NamedTuple):
    """Where keys are, and the query that finds them there."""

    table: str
    place: str
    ddl: str
    key: str


COLUMNS = {
    "proof": Column(
        "Print Room.Proofs",
        "Datei.path",
        """CREATE TABLE "Print Room"."Proofs" ("Datei" jsonb);
           INSERT INTO "Print Room"."Proofs" SELECT jsonb_build_object('path', key) FROM made WHERE form = 'proof'""",
        """SELECT "Datei" ->> 'path' AS key FROM "Print Room"."Proofs\"""",
    ),
    "sheets": Column(
        "Print Room.sheets",
        "files[].path",
        """CREATE TYPE "Print Room".file AS (disk text, path text);
           CREATE TABLE "Print Room".sheets (files "Print Room".file[]);
           INSERT INTO "Print Room".sheets SELECT ARRAY[ROW('s3', key)]::"Print Room".file[]
           FROM made WHERE form = 'sheets'""",
        'SELECT (files[1]).path AS key FROM "Print Room".sheets',
    ),
    "mail": Column(
        "Print Room.mail",
        "body",
        """CREATE TABLE "Print Room".mail (body text);
           INSERT INTO "Print Room".mail
           SELECT 'Your proof: <a href="https://cdn.druck.example/' || key || '?v=1">here</a>'
           FROM made WHERE form = 'mail'""",
        """SELECT substring(body from 'example/(.*)[?]') AS key FROM "Print Room".mail""",
    ),
    "seen": Column(
        "Print Room.seen",
        "path",
        """CREATE MATERIALIZED VIEW "Print Room".seen AS
           SELECT 'shops/acme/print/seen/seen größe ' || n || '.pdf' AS path FROM generate_series(0, 2) AS n""",
        'SELECT path AS key FROM "Print Room".seen',
    ),
    "computed": Column(
        "Print Room.names",
        "name",
        """CREATE DOMAIN "Print Room".file_name AS text CHECK (VALUE NOT LIKE '%/%');
           CREATE TABLE "Print Room".names (slug text, name "Print Room".file_name);
           INSERT INTO "Print Room".names SELECT split_part(key, '/', 2), split_part(key, '/', 5)
           FROM made WHERE form = 'computed'""",
        """SELECT 'shops/' || slug || '/print/computed/' || name AS key FROM "Print Room".names""",
    ),
}


@pytest.fixture
def print_room(foreign: ForeignPlatform) -> Iterator[Mapping[str, str]]:
    """Columns of several kinds in a schema of their own, with their objects; the queries that cover them, by form."""
    keys = [(form, f"shops/acme/print/{form}/{form} größe {n}.pdf") for form in COLUMNS for n in range(3)]
    with foreign.connect(SUPERUSER) as connection:
        connection.execute("SET shop.migration = 'on'")
        connection.execute('CREATE SCHEMA "Print Room"')
        try:
            connection.execute("CREATE TEMPORARY TABLE made (form text, key text)")
            connection.cursor().executemany("INSERT INTO made VALUES (%s, %s)", keys)
            for column in COLUMNS.values():
                connection.execute(column.ddl.encode())
            for _, key in keys:
                foreign.s3.put_object(Bucket=BUCKET, Key=key, Body=b"%PDF-1.4")
            yield {form: column.key for form, column in COLUMNS.items()}
        finally:
            connection.execute('DROP SCHEMA "Print Room" CASCADE')
            for _, key in keys:
                foreign.s3.delete_object(Bucket=BUCKET, Key=key)


def test_of_all_queries_each_leaves_its_column_uncovered_and_no_other(
    foreign: ForeignPlatform, print_room: Mapping[str, str]
) -> None:
    config = foreign.root / "printflow.toml"
    whole = config.read_text(encoding="utf-8")
    before, media, after = whole.partition("[[reference]]\n")
    after, smoke, rest = after.partition("[[smoke]]")
    entries = {"media": f"{media}{after}"}
    for form, query in print_room.items():
        head = f'[[reference]]\nname = "{form}"\ncluster = "shop"\nbucket = "media"\nkind = "proof"\n'
        entries[form] = f"{head}query = '''SELECT NULL AS tenant, '' AS owner, k.* FROM ({query}) AS k'''\n"
    places = {form: (column.table, column.place) for form, column in COLUMNS.items()}
    places["media"] = ("shop.media", "file_name")
    try:
        for left_out in (None, *entries):
            chosen = "\n".join(text for form, text in entries.items() if form != left_out)
            config.write_text(f"{before}{chosen}\n{smoke}{rest}", encoding="utf-8")
            ended = foreign.run("files", "catalog", "--json")
            found = [(uncovered["table"], uncovered["column"]) for uncovered in ended.document["uncovered"]]
            assert found == ([places[left_out]] if left_out else []), ended
            assert ended.document["unread"] == []
            assert ended.exit_code == (1 if left_out else 0)
    finally:
        config.write_text(whole, encoding="utf-8")
