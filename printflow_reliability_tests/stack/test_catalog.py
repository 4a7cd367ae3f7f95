"""The catalog check on real servers: columns whose objects no query returns are named, whatever they hold keys in."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

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
FORMS: Mapping[str, tuple[str, str, str]] = {
    "plain": ("varchar(300)", "{key}", "plain"),
    "domain": ("catalog_path", "{key}", "domain"),
    "document": ("json", '{{"files": [{{"path": "{key}"}}]}}', "document.files[].path"),
    "documentb": ("jsonb", '{{"a": {{"proof": "{key}"}}}}', "documentb.a.proof"),
    "members": ("jsonb", '{{"{key}": 1}}', "members (keys)"),
    "list": ("text[]", '{{"{key}"}}', "list[]"),
    "pair": ("catalog_file", '(disk,"{key}")', "pair.path"),
    "raw": ("bytea", "{key}", "raw"),
    "html": ("text", '<img src="{key}">', "html"),
    "markdown": ("text", "A proof: ![it]({key}).", "markdown"),
    "url": ("text", "https://cdn.example/{key}?v=2", "url"),
    "ending": ("text", "{name}", "ending"),
    "half": ("text", "{key}", "half"),
    "folder": ("text", "{folder}", "folder"),
    "stem": ("text", "{stem}", "stem"),
}
"""By column: its type, what it holds for a key, and the place that is to be named."""
SCHEMA = """
CREATE DOMAIN catalog_path AS varchar(300) CHECK (VALUE LIKE '%/%');
CREATE TYPE catalog_file AS (disk text, path text);
CREATE TABLE catalog_known (key text);
"""
AFTERWARDS = """
DROP TABLE IF EXISTS catalog_forms, catalog_known, catalog_large CASCADE;
DROP VIEW IF EXISTS catalog_computed, catalog_broken, catalog_slow;
DROP DOMAIN IF EXISTS catalog_path; DROP TYPE IF EXISTS catalog_file;
"""


@dataclass(frozen=True)
class Forms:
    """Columns of many types, each naming objects of its own."""

    sandbox: StackSandbox
    base: str

    def keys(self, form: str) -> Sequence[str]:
        """The objects that a column names."""
        return [f"{self.base}catalog/{form}/{n}/{form} {n}.png" for n in range(ROWS)]

    @property
    def settings(self) -> Settings:
        """The sandbox's, and a query that returns what `catalog_known` holds, by an expression."""
        base = self.sandbox.settings
        query = "SELECT NULL::text AS tenant, 'known' AS owner, 'tenants/' || key AS key FROM catalog_known"
        known = base.reference[0].model_copy(update={"name": "known", "query": query})
        return base.model_copy(update={"reference": (*base.reference, known)})

    def check(self, known: Sequence[str]) -> CatalogReport:
        """The check while a query returns these keys."""
        with database(self.sandbox) as connection:
            connection.execute("TRUNCATE catalog_known")
            for key in known:
                connection.execute("INSERT INTO catalog_known VALUES (%s)", (key.removeprefix("tenants/"),))
        return check_catalog(self.settings)


def database(sandbox: StackSandbox) -> AbstractContextManager[Connection]:
    return postgres.superuser(sandbox.home, "live_db", "live_db")


@pytest.fixture(scope="module")
def forms(sandbox: StackSandbox) -> Iterator[Forms]:
    with database(sandbox) as connection:
        row = connection.execute("SELECT 'tenants/' || id || '/' FROM tenants ORDER BY id LIMIT 1").fetchone()
        made = Forms(sandbox, str(row[0]) if row else "")
        connection.execute(AFTERWARDS + SCHEMA)
        connection.execute(f"CREATE TABLE catalog_forms ({', '.join(f'{name} {FORMS[name][0]}' for name in FORMS)})")
        _fill(connection, made)
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC")
    s3 = seaweedfs.client(sandbox.home, BUCKET)
    keys = [key for form in FORMS for key in made.keys(form)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=BUCKET, Key=key, Body=b"a picture"), keys))
    try:
        yield made
    finally:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET, Prefix=f"{made.base}catalog/"):
            for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                s3.delete_object(Bucket=BUCKET, Key=one["Key"], VersionId=one["VersionId"])
        with database(sandbox) as connection:
            connection.execute(AFTERWARDS)


def _fill(connection: Connection, made: Forms) -> None:
    for n in range(ROWS):
        held = {}
        for form, (_, pattern, _) in FORMS.items():
            key = made.keys(form)[n]
            folder, _, name = key.rpartition("/")
            held[form] = pattern.format(key=key, name=name, folder=folder, stem=key.removesuffix(".png"))
        names, marks = ", ".join(held), ", ".join(f"%({form})s" for form in held)
        connection.execute(f"INSERT INTO catalog_forms ({names}) VALUES ({marks})".encode(), held)


def named(report: CatalogReport) -> Mapping[tuple[str, str], Uncovered]:
    return {(one.table, one.column): one for one in report.uncovered}


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
    assert set(places) == {one.name for one in settings.reference}
    for name, expected in places.items():
        others = tuple(one for one in settings.reference if one.name != name)
        report = check_catalog(settings.model_copy(update={"reference": others}))
        # Designer documents and order items name the same print files.
        twice = {(one.table, one.column) for one in report.covered_elsewhere}
        assert set(named(report)) | twice == expected, name
        assert bool(twice) == ("print_ready_file" in str(expected))


def test_a_column_is_named_whatever_form_it_holds_keys_in_and_one_that_is_covered_is_not(forms: Forms) -> None:
    everything = [key for form in FORMS for key in forms.keys(form)]
    healthy = forms.check(everything)
    assert (healthy.uncovered, healthy.unread, healthy.exit_code) == ([], [], 0)
    assert {one.column for one in healthy.covered_elsewhere} == {"plain", "domain", "half"}
    assert healthy.columns > len(FORMS)

    found = named(forms.check(forms.keys("half")[:3]))
    assert set(found) == {("catalog_forms", place) for _, _, place in FORMS.values()}
    half = found["catalog_forms", "half"]
    assert (half.covered, half.not_covered, half.key) == (3, 1, forms.keys("half")[3])
    assert found["catalog_forms", "ending"].key in forms.keys("ending")
    assert {one.covered for place, one in found.items() if place[1] != "half"} == {0}

    # A bucket that is too large to be listed: whole keys are asked for one by one.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(object_index, "MOST_OBJECTS", 1)
        patch.setattr(object_index, "PREFIXES_LISTED", 0)
        patch.setattr(pages, "PAGE_KEYS", 1)
        asked = named(forms.check(forms.keys("half")))
    assert asked["catalog_forms", "plain"].key in forms.keys("plain")
    assert ("catalog_forms", "half") not in asked


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
            "INSERT INTO catalog_large SELECT 'a filler that is not at all a key', NULL FROM generate_series(1, 20000);"
            "GRANT SELECT ON catalog_broken, catalog_slow, catalog_computed, catalog_large TO PUBLIC"
        )
        connection.execute("INSERT INTO catalog_large VALUES (NULL, %s)", (forms.keys("plain")[0],))
        connection.execute("BEGIN; LOCK TABLE invoices IN ACCESS EXCLUSIVE MODE")
        others = tuple(one for one in forms.settings.reference if "invoice" not in one.query)
        try:
            report = check_catalog(forms.settings.model_copy(update={"reference": others}))
        finally:
            connection.execute("ROLLBACK")
    unread = {(one.table, one.column): one.reason for one in report.unread}
    assert unread[("catalog_broken", "path")] == "division by zero"
    assert unread[("catalog_slow", "path")] == "no answer within 1 s"
    assert "lock timeout" in unread[("invoices", "snapshot")]
    assert len(unread) == 3
    # A single value among 20,000 rows without any is found by more than chance.
    assert {("catalog_large", "note"), ("catalog_forms", "plain")} <= set(named(report))
