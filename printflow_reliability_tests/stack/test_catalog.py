"""The catalog check on real servers: columns whose objects no query returns are named, whatever they hold keys in."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest
from psycopg import sql

from printflow_reliability.files import object_index
from printflow_reliability.files.catalog_check import check_catalog
from printflow_reliability.files.catalog_report import CatalogReport, Uncovered
from printflow_reliability.platform import columns
from printflow_reliability.platform.queries import Connection
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability.settings import Settings
from printflow_reliability.storage import pages
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

BUCKET = "print-files"
ROWS = 4
FORMS: Mapping[str, tuple[str, str, str, str]] = {
    "plain": ("varchar(300)", "{key}", "plain", "plain"),
    "padded": ("char(300)", "{key}", "padded", "padded::text"),
    "domain": ("catalog_path", "{key}", "domain", "domain::text"),
    "document": (
        "json",
        "json_build_object('files', json_build_array(json_build_object('path', {key})))",
        "document.files[].path",
        "document #>> '{files,0,path}'",
    ),
    "documentb": ("jsonb", "jsonb_build_object('proof', {key})", "documentb.proof", "documentb ->> 'proof'"),
    "members": ("jsonb", "jsonb_build_object({key}, 1)", "members (keys)", "(SELECT jsonb_object_keys(members))"),
    "noted": ("text", "json_build_object('path', {key})::text", "noted.path", "noted::json ->> 'path'"),
    "list": ("text[]", "ARRAY[{key}]", "list[]", "list[1]"),
    "lists": ("catalog_path[]", "ARRAY[{key}]::catalog_path[]", "lists[]", "lists[1]"),
    "documents": ("jsonb[]", "ARRAY[jsonb_build_object('path', {key})]", "documents[].path", "documents[1] ->> 'path'"),
    "pair": ("catalog_file", "ROW('disk', {key})::catalog_file", "pair.path", "(pair).path"),
    "pairs": ("catalog_file[]", "ARRAY[ROW('disk', {key})::catalog_file]", "pairs[].path", "(pairs[1]).path"),
    "boxed": ("catalog_boxed", "ROW('disk', {key})::catalog_file", "boxed.path", "(boxed::catalog_file).path"),
    "shelf": (
        "catalog_shelf",
        "ROW(7, ARRAY[ROW('disk', {key})::catalog_file])::catalog_shelf",
        "shelf.files[].path",
        "((shelf).files[1]).path",
    ),
    "raw": ("bytea", "convert_to({key}, 'UTF8')", "raw", "convert_from(raw, 'UTF8')"),
    "rawjson": (
        "bytea",
        "convert_to(json_build_object('path', {key})::text, 'UTF8')",
        "rawjson.path",
        "convert_from(rawjson, 'UTF8')::json ->> 'path'",
    ),
    "html": (
        "text",
        """'<p>See <img src="' || {key} || '"></p>'""",
        "html",
        """substring(html from 'src="([^"]*)"')""",
    ),
    "markdown": ("text", "'A proof: ![it](' || {key} || ').'", "markdown", r"substring(markdown from '\((.*)\)')"),
    "php": ("text", """'a:1:{{s:4:"path";s:9:"' || {key} || '";}}'""", "php", """substring(php from ':9:"([^"]*)"')"""),
    "tree": ("xml", "xmlelement(name file, {key})", "tree", "(xpath('/file/text()', tree))[1]::text"),
    "tags": ("hstore", "hstore('file', {key})", "tags.file", "tags -> 'file'"),
    "url": ("citext", "'https://cdn.example/' || {key} || '?v=2'", "url", "split_part(substr(url::text, 21), '?', 1)"),
    "ending": ("text", "{name}", "ending", "base || 'catalog/ending/' || n || '/' || ending"),
    "half": ("text", "{key}", "half", "half"),
    "folder": ("text", "{folder}", "folder", "folder || '/'"),
    "stem": ("text", "{stem}", "stem", "stem || '.png'"),
}
"""By column: its type, what it holds for a key, the place that is to be named, and how a query makes the key of it."""
BESIDE = ("catalog_view", "catalog_seen", "catalog_far")
"""A view, a materialized view and a foreign table that hold what no table does."""
SCHEMA = """
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION file_fdw;
CREATE DOMAIN catalog_path AS varchar(300) CHECK (VALUE LIKE '%/%');
CREATE TYPE catalog_file AS (disk text, path text);
CREATE DOMAIN catalog_boxed AS catalog_file;
CREATE TYPE catalog_shelf AS (number integer, files catalog_file[]);
CREATE TABLE catalog_known (key text);
"""
AFTERWARDS = """
DROP VIEW IF EXISTS catalog_view, catalog_computed, catalog_broken, catalog_slow, catalog_echo;
DROP MATERIALIZED VIEW IF EXISTS catalog_seen;
DROP TABLE IF EXISTS catalog_forms, catalog_known, catalog_large CASCADE;
DROP TYPE IF EXISTS catalog_shelf CASCADE; DROP DOMAIN IF EXISTS catalog_path, catalog_boxed CASCADE;
DROP TYPE IF EXISTS catalog_file;
DROP EXTENSION IF EXISTS file_fdw CASCADE;
DROP EXTENSION IF EXISTS hstore CASCADE;
"""


@dataclass(frozen=True)
class Forms:
    """Columns of many types, each naming objects of its own, and a query for each."""

    sandbox: StackSandbox
    base: str

    def keys(self, form: str) -> Sequence[str]:
        """The objects that a column names."""
        return [f"{self.base}catalog/{form}/{n}/{form} {n}.png" for n in range(ROWS)]

    @property
    def queries(self) -> Mapping[str, str]:
        """By form: the expression and the table that its reference query takes keys from."""
        of_columns = {form: f"{expression} AS key FROM catalog_forms" for form, (_, _, _, expression) in FORMS.items()}
        return {**of_columns, **{name: f"path AS key FROM {name}" for name in BESIDE}}

    def settings(self, queries: Iterable[str]) -> Settings:
        """The sandbox's, and these queries."""
        base = self.sandbox.settings
        more = [
            base.reference[0].model_copy(
                update={"name": f"form {n}", "query": f"SELECT NULL AS tenant, '' AS owner, {query}"}
            )
            for n, query in enumerate(queries)
        ]
        return base.model_copy(update={"reference": (*base.reference, *more)})

    @property
    def of_known(self) -> Settings:
        """The sandbox's, and a query that returns what `catalog_known` holds, by an expression."""
        return self.settings(["'tenants/' || key AS key FROM catalog_known"])

    def check(self, known: Sequence[str]) -> CatalogReport:
        """The check while a single query returns these keys."""
        with database(self.sandbox) as connection:
            connection.execute("TRUNCATE catalog_known")
            for key in known:
                connection.execute("INSERT INTO catalog_known VALUES (%s)", (key.removeprefix("tenants/"),))
        return check_catalog(self.of_known)


def database(sandbox: StackSandbox) -> AbstractContextManager[Connection]:
    return postgres.superuser(sandbox.home, "live_db", "live_db")


@pytest.fixture(scope="module")
def forms(sandbox: StackSandbox) -> Iterator[Forms]:
    with database(sandbox) as connection:
        row = connection.execute("SELECT 'tenants/' || id || '/' FROM tenants ORDER BY id LIMIT 1").fetchone()
        made = Forms(sandbox, str(row[0]) if row else "")
        connection.execute(AFTERWARDS + SCHEMA)
        typed = ", ".join(f"{name} {FORMS[name][0]}" for name in FORMS)
        connection.execute(f"CREATE TABLE catalog_forms (n integer, base text, {typed})".encode())
        _fill(connection, made)
        _fill_beside(connection, made)
    s3 = seaweedfs.client(sandbox.home, BUCKET)
    keys = [key for form in (*FORMS, *BESIDE) for key in made.keys(form)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=BUCKET, Key=key, Body=b"a picture"), keys))
    try:
        yield made
    finally:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET, Prefix=f"{made.base}catalog/"):
            for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
        with database(sandbox) as connection:
            connection.execute(AFTERWARDS)


def _fill(connection: Connection, made: Forms) -> None:
    for n in range(ROWS):
        held = []
        for form, (_, expression, _, _) in FORMS.items():
            key = made.keys(form)[n]
            folder, _, name = key.rpartition("/")
            parts = {"key": key, "name": name, "folder": folder, "stem": key.removesuffix(".png")}
            literals = {part: sql.Literal(value).as_string() for part, value in parts.items()}
            held.append(expression.format(**{part: f"{literal}::text" for part, literal in literals.items()}))
        row = f"INSERT INTO catalog_forms (n, base, {', '.join(FORMS)}) SELECT {n}, '{made.base}', {', '.join(held)}"
        connection.execute(row.encode())


def _fill_beside(connection: Connection, made: Forms) -> None:
    rows = {name: ", ".join(f"({sql.Literal(key).as_string()})" for key in made.keys(name)) for name in BESIDE}
    connection.execute(
        f"CREATE VIEW catalog_view AS SELECT * FROM (VALUES {rows['catalog_view']}) AS v (path)".encode()
    )
    connection.execute(
        f"CREATE MATERIALIZED VIEW catalog_seen AS SELECT * FROM (VALUES {rows['catalog_seen']}) AS v (path)".encode()
    )
    file = made.sandbox.home.path("catalog_far.csv")
    file.write_text("".join(f"{key}\n" for key in made.keys("catalog_far")), encoding="utf-8")
    file.chmod(0o644)
    options = f"OPTIONS (filename '{file}', format 'csv')"
    connection.execute("CREATE SERVER catalog_files FOREIGN DATA WRAPPER file_fdw")
    connection.execute(f"CREATE FOREIGN TABLE catalog_far (path text) SERVER catalog_files {options}".encode())


def named(report: CatalogReport) -> Mapping[tuple[str, str], Uncovered]:
    return {(column.table, column.column): column for column in report.uncovered}


def test_without_any_of_the_queries_its_column_is_named(sandbox: StackSandbox) -> None:
    settings = sandbox.settings
    healthy = check_catalog(settings)
    assert (healthy.exit_code, healthy.covered_elsewhere) == (0, [])
    places = {
        "order item print-ready file": {("order_items", "print_ready_file")},
        "order item snapshot": {("order_items", "snapshot.files.proof"), ("order_items", "snapshot.files.thumbnail")},
        "designer document": {("designer_documents", "print_ready_file")},
        "product image": {("product_images", "path")},
        "quote snapshot": {("quotes", "snapshot.proof")},
        "invoice snapshot": {("invoices", "snapshot.pdf")},
    }
    assert set(places) == {reference.name for reference in settings.reference}
    for name, expected in places.items():
        others = tuple(reference for reference in settings.reference if reference.name != name)
        report = check_catalog(settings.model_copy(update={"reference": others}))
        # Designer documents and order items name the same print files.
        twice = {(column.table, column.column) for column in report.covered_elsewhere}
        assert set(named(report)) | twice == expected, name
        assert bool(twice) == ("print_ready_file" in str(expected))


def test_of_many_forms_of_columns_each_is_named_without_its_query_and_no_other(forms: Forms) -> None:
    healthy = check_catalog(forms.settings(forms.queries.values()))
    assert (healthy.uncovered, healthy.covered_elsewhere, healthy.unread) == ([], [], [])
    places = {form: ("catalog_forms", place) for form, (_, _, place, _) in FORMS.items()}
    places |= {name: (name, "path") for name in BESIDE}
    for left_out, place in places.items():
        report = check_catalog(forms.settings(query for form, query in forms.queries.items() if form != left_out))
        assert named(report).keys() == {place}, left_out
        assert named(report)[place].key in forms.keys(left_out)
        assert (report.covered_elsewhere, report.unread) == ([], []), left_out


def test_a_column_is_named_whatever_form_it_holds_keys_in_and_one_that_is_covered_is_not(forms: Forms) -> None:
    everything = [key for form in (*FORMS, *BESIDE) for key in forms.keys(form)]
    healthy = forms.check(everything)
    assert (healthy.uncovered, healthy.unread, healthy.exit_code) == ([], [], 0)
    assert {column.column for column in healthy.covered_elsewhere} == {"plain", "domain", "half", "path"}
    assert healthy.columns > len(FORMS)

    found = named(forms.check(forms.keys("half")[:3]))
    expected = {("catalog_forms", place) for _, _, place, _ in FORMS.values()} | {(name, "path") for name in BESIDE}
    assert found.keys() == expected
    half = found["catalog_forms", "half"]
    assert (half.covered, half.not_covered, half.key) == (3, 1, forms.keys("half")[3])
    assert found["catalog_forms", "ending"].key in forms.keys("ending")
    assert {column.covered for place, column in found.items() if place[1] != "half"} == {0}

    # A bucket that is too large to be listed: whole keys are asked for one by one.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(object_index, "MOST_OBJECTS", 1)
        patch.setattr(object_index, "PREFIXES_LISTED", 0)
        patch.setattr(pages, "PAGE_KEYS", 1)
        asked = named(forms.check(forms.keys("half")))
    assert asked["catalog_forms", "plain"].key in forms.keys("plain")
    assert ("catalog_forms", "half") not in asked


def test_a_view_of_what_a_table_holds_is_not_named_beside_the_table(forms: Forms) -> None:
    with database(forms.sandbox) as connection:
        connection.execute("CREATE VIEW catalog_echo AS SELECT upper(plain) AS loud, plain AS again FROM catalog_forms")
        try:
            report = check_catalog(forms.settings(query for form, query in forms.queries.items() if form != "plain"))
        finally:
            connection.execute("DROP VIEW catalog_echo")
    assert named(report).keys() == {("catalog_forms", "plain")}


def test_what_cannot_be_looked_into_is_named_and_costs_nothing_else(
    forms: Forms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "STATEMENT_SECONDS", 0.7)
    monkeypatch.setattr(columns, "BLOCKS", 8)
    with database(forms.sandbox) as connection:
        connection.execute(
            "CREATE VIEW catalog_broken AS SELECT (1 / (length(key) - length(key)))::text AS path FROM catalog_known;"
            "CREATE VIEW catalog_slow AS SELECT key || pg_sleep(30)::text AS path FROM catalog_known;"
            "CREATE VIEW catalog_computed AS SELECT 'tenants/' || key AS path FROM catalog_known;"
            "CREATE TABLE catalog_large (key text, note text);"
            "INSERT INTO catalog_large SELECT 'a filler that is not at all a key', NULL FROM generate_series(1, 20000)"
        )
        connection.execute("INSERT INTO catalog_large VALUES (NULL, %s)", (forms.keys("plain")[0],))
        connection.execute("BEGIN; LOCK TABLE invoices IN ACCESS EXCLUSIVE MODE")
        others = tuple(reference for reference in forms.of_known.reference if "invoice" not in reference.query)
        try:
            report = check_catalog(forms.of_known.model_copy(update={"reference": others}))
        finally:
            connection.execute("ROLLBACK")
    unread = {(column.table, column.column): column.reason for column in report.unread}
    assert unread[("catalog_broken", "path")] == "division by zero"
    assert unread[("catalog_slow", "path")] == "no answer within 1 s"
    assert "lock timeout" in unread[("invoices", "snapshot")]
    assert len(unread) == 3
    # A single value among 20,000 rows without any is found by more than chance.
    assert {("catalog_large", "note"), ("catalog_forms", "plain")} <= set(named(report))
