"""Keys as platforms write them, on disks and in databases of their own: real servers against a dictionary."""

import html
import random
import re
import string
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from psycopg import sql

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.platform.catalog import open_catalog
from printflow_reliability.platform.key_rules import RULES, spelled
from printflow_reliability.records.database import open_records
from printflow_reliability.settings.references import DiskSettings, SpellingRule
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.foreign.changed import changed
from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform
from printflow_reliability_tests.stack.shelf import TENANTS, Shelf, shelf_at, shelf_of
from printflow_reliability_tests.stack.shelf_site import on_foreign

pytestmark = pytest.mark.stack
RULED: tuple[SpellingRule, ...] = ("html", "url", "percent", "nfc")
PIECES = (
    *(
        "a",
        "B",
        "é",
        "e\u0301",
        "Å",
        "ß",
        "/",
        "//",
        "\\",
        " ",
        "+",
        ".pdf",
        "?v=2",
        "#top",
        "%",
        "%4",
        "%zz",
        "%41",
        "%C3%A9",
    ),
    *(
        "%c3",
        "%ff",
        "%00",
        "%E2%82%AC",
        "%ED%A0%80",
        "%F0%9F%98%80",
        "%F4%90%80%80",
        "%C0%80",
        "%2F",
        "&amp;",
        "&#39;",
        "&#039;",
        "&#x27;",
        "&#X2F;",
        "&apos;",
    ),
    *(
        "&quot;",
        "&lt;",
        "https://cdn.example.org/",
        "HTTPS://x:8333/",
        "//cdn.example.org/",
        "s3://b/",
        "storage/",
        "\t",
    ),
)
STRIP = ("storage/", "https://cdn.example.org/")
URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]+")
ENTITY = re.compile("&(?:lt|gt|quot|apos|amp|#0*(?:60|62|34|39|96|61|43|47|38)|#[xX]0*(?:3[cCeEdD]|2[267bBfF]|60));")
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def without_url(text: str) -> str:
    found = URL.match(text)
    return re.split("[?#]", text[found.end() :])[0].lstrip("/") if found else text


def unescaped(text: str) -> str:
    return ENTITY.sub(lambda found: html.unescape(found[0]), text)


def decoded(text: str) -> str:
    try:
        found = unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text
    return text if "\0" in found else found


ORACLE: Mapping[SpellingRule, Callable[[str], str]] = {
    "trim": lambda text: text.strip(" \t\r\n\f\v"),
    "html": unescaped,
    "url": without_url,
    "query_string": lambda text: text.partition("?")[0],
    "backslash": lambda text: text.replace("\\", "/"),
    "percent": decoded,
    "plus": lambda text: text.replace("+", " "),
    "leading_slash": lambda text: text.lstrip("/"),
    "doubled_slash": lambda text: re.sub("/{2,}", "/", text),
    "lower_case": lambda text: text.translate(LOWER),
    "nfc": lambda text: unicodedata.normalize("NFC", text),
    "nfd": lambda text: unicodedata.normalize("NFD", text),
}


@pytest.fixture(scope="module")
def shelf(sandbox: StackSandbox) -> Iterator[Shelf]:
    with shelf_of(sandbox, "references") as made:
        yield made


@contextmanager
def saying(shelf: Shelf, **reference: Any) -> Iterator[None]:
    """The reference says more for the block."""
    whole = shelf.settings.reference[0]
    shelf.changes["reference"] = (whole.model_copy(update=reference),)
    try:
        yield
    finally:
        del shelf.changes["reference"]


def cleared(shelf: Shelf) -> None:
    """No rows, no objects, and the three tenants alone."""
    shelf.execute("DELETE FROM shelf_files")
    shelf.execute("DELETE FROM shelf_tenants WHERE tenant > '3' OR starts_with(base_path, 'archive')")
    for item in shelf.s3.list_objects_v2(Bucket=shelf.bucket).get("Contents", ()):
        shelf.delete(item["Key"])
    with open_records(shelf.settings.records) as records:  # no query of a later test fell
        records.execute("DELETE FROM reference_rows WHERE bucket = %s", (shelf.bucket,))


def test_keys_are_spelled_by_the_database_as_by_a_dictionary_of_rules(shelf: Shelf) -> None:
    dice = random.Random(16)
    texts = ["", *("".join(dice.choices(PIECES, k=dice.randint(1, 7))) for _ in range(150))]
    orders = [*((rule,) for rule in RULES), *(tuple(dice.sample([*RULES], k=dice.randint(2, 6))) for _ in range(12))]
    assert RULES.keys() == ORACLE.keys()
    with shelf.site.connect(None) as connection:
        for rules in orders:
            for strip in ((), STRIP):
                query = sql.SQL(
                    "SELECT {} FROM unnest({}::text[]) WITH ORDINALITY AS asked (key, n) ORDER BY n"
                ).format(spelled(sql.SQL("asked.key"), strip, rules), sql.Literal(texts))
                found = [key for (key,) in connection.execute(query)]
                for text, key in zip(texts, found, strict=True):
                    expected = next(
                        (
                            text[len(start) :]
                            for start in sorted(strip, key=len, reverse=True)
                            if text.startswith(start)
                        ),
                        text,
                    )
                    for rule in rules:
                        expected = ORACLE[rule](expected)
                    assert key == expected, (text, rules, strip)
    assert html.unescape("&#39;") == unescaped("&#39;")


def test_rows_of_a_declared_spelling_and_disk_have_their_objects_and_an_unmapped_disk_is_a_finding(
    shelf: Shelf, tmp_path: Path
) -> None:
    names = ("Größe 50% + Rand.pdf", "a+b (2).pdf", "карта.pdf", "e\u0301.pdf", "it's <one>.pdf")
    disks = (DiskSettings(name="media", bucket=shelf.bucket, prefix="shops/"), DiskSettings(name="local"))
    said: Any = {"query": "SELECT tenant, owner, key, etag AS disk FROM shelf_files", "disk": disks, "spelling": RULED}
    with saying(shelf, **said):
        opened_before_any_row = open_catalog(shelf.settings)
    for tenant in TENANTS:
        for number, name in enumerate(names):
            shelf.put(unicodedata.normalize("NFC", f"shops/{tenant}/{name}"))
            quoted = html.escape(f"https://cdn.example.org/{tenant}/{name.replace('%', '%25')}?v={number}&w=2")
            shelf.refer(quoted.replace("&#x27;", "&#39;"), tenant=tenant, owner=f"file {tenant} {number}", etag="media")
    shelf.refer("/var/www/tmp.pdf", etag="local")
    assert [*opened_before_any_row.look_up(shelf.bucket, [f"shops/1/{names[0]}"])] != []
    with saying(shelf, **said):
        healthy, none = shelf.findings(tmp_path)
        shelf.delete("shops/2/карта.pdf")
        shelf.refer("https://cdn.example.org/1/on%20glacier.pdf", etag="cold storage", owner="file on glacier")
        faulty, found = shelf.findings(tmp_path)
    cleared(shelf)
    assert (none, healthy.references) == ([], len(TENANTS) * len(names))
    assert {check.outcome for check in healthy.checks} == {Outcome.PASS}
    assert {(finding.kind, finding.key) for finding in found} == {
        ("missing_restorable", "shops/2/карта.pdf"),
        ("unknown", "1/on glacier.pdf"),
    }
    assert any('its disk "cold storage" is no [[reference.disk]]' in finding.detail for finding in found)
    outcomes = {(check.check, check.outcome) for check in faulty.checks}
    assert outcomes >= {("files.missing", Outcome.FAIL), ("files.content", Outcome.UNKNOWN)}


def test_a_database_for_each_tenant_is_read_and_one_in_trouble_is_its_tenants_alone(
    shelf: Shelf, tmp_path: Path
) -> None:
    make = "CREATE TABLE files (path text, bytes bigint)"
    databases = {tenant: f'shop "{tenant}" of {shelf.bucket}' for tenant in TENANTS}
    every = ", ".join(f"('{name}', '{tenant}')" for tenant, name in databases.items())
    asked = f"SELECT * FROM (VALUES {every}) AS found (database, tenant)"
    query = "SELECT path AS owner, path AS key, bytes AS size FROM files"
    with ExitStack() as stack:
        cluster = stack.enter_context(shelf.site.connect(None))
        for name in databases.values():
            cluster.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            stack.callback(cluster.execute, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        dice, expected = random.Random(5), set()
        for tenant, name in databases.items():
            with shelf.site.connect(name) as connection:
                connection.execute(make)
                for number in range(40):
                    key = f"shops/{tenant}/{dice.choice('abcé%')}{number}.pdf"
                    shelf.put(key)
                    connection.execute("INSERT INTO files VALUES (%s, 8)", (key,))
                    expected.add((key, tenant))
        shelf.put("shops/1/nobody's.pdf")
        shelf.put("shops/2/nobody can tell.pdf")
        stack.callback(cleared, shelf)
        with saying(shelf, query=query, databases=asked):
            read = [(row.key, row.tenant) for row in open_catalog(shelf.settings).references(shelf.bucket)]
            healthy, _ = shelf.findings(tmp_path)
            with shelf.site.connect(databases["2"]) as connection:
                connection.execute("ALTER TABLE files RENAME TO renamed")
            faulty, found = shelf.findings(tmp_path)
        with (
            saying(shelf, query=query.replace("bytes", "byte"), databases=asked),
            pytest.raises(ConfigError) as refused,
        ):
            reconcile(shelf.settings)

    assert read == sorted(expected)
    assert healthy.references == len(expected)
    assert {kind: count for kind, count in healthy.counts.items() if count} == {"orphan": 2}
    assert {(finding.kind, finding.tenant, finding.key) for finding in found} == {
        ("orphan", "1", "shops/1/nobody's.pdf"),
        ("unknown", "2", None),
    }
    assert faulty.references == len(expected) - 40
    assert 'database "shop "2" of' in next(finding.detail for finding in found if finding.kind == "unknown")
    assert {check.outcome for check in faulty.checks} == {Outcome.UNKNOWN, Outcome.FAIL}
    assert 'column "byte" does not exist' in refused.value.what


def test_a_tenant_may_have_several_base_paths_or_none_and_overlaps_and_strangers_are_said(
    shelf: Shelf, tmp_path: Path
) -> None:
    base = shelf.settings.tenancy
    shelf.admit("1", "archive/1/")
    shelf.admit("4", None)
    for key, tenant in (("archive/1/old.pdf", "1"), ("shops/1/new.pdf", "1"), ("anywhere/x.pdf", "4")):
        shelf.stock(key, tenant=tenant)
    shelf.changes["tenancy"] = base.model_copy(update={"base_path_required": False})
    healthy, none = shelf.findings(tmp_path)
    alone = [shelf.findings(tmp_path, tenants=[tenant]) for tenant in ("1", "4")]
    shelf.refer("shops/1/new.pdf", tenant="4")
    shelf.delete("archive/1/old.pdf")
    shelf.admit("5", "archive/1/branch/")
    shelf.refer("shops/3/stranger.pdf", tenant="somebody")
    faulty, found = shelf.findings(tmp_path)
    shelf.changes["tenancy"] = base.model_copy(update={"base_path_required": False, "nested_base_paths": True})
    _, of_branches = shelf.findings(tmp_path)
    del shelf.changes["tenancy"]
    cleared(shelf)

    assert none == []
    assert {check.outcome for check in healthy.checks} == {Outcome.PASS}
    assert [(report.references, report.objects, len(those)) for report, those in alone] == [(2, 2, 0), (1, 0, 0)]
    kinds = sorted((finding.kind, finding.tenant, finding.key) for finding in found if finding.key)
    assert kinds == [
        ("missing_restorable", "1", "archive/1/old.pdf"),
        ("wrong_tenant", "4", "shops/1/new.pdf"),
        ("wrong_tenant", "somebody", "shops/3/stranger.pdf"),
    ]
    said = {finding.tenant: finding.detail for finding in found if not finding.key}
    assert "lies within that of tenant 1" in said["5"]
    assert "which tenancy.tenants does not return" in said["somebody"]
    assert {check.check: check.outcome for check in faulty.checks}["files.tenancy"] is Outcome.FAIL
    assert "5" not in {finding.tenant for finding in of_branches}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT tenant, owner, ARRAY[key] AS key FROM shelf_files", 'its column "key" is text[]'),
        ("SELECT tenant, owner, to_jsonb(key) AS key FROM shelf_files", "jsonb, which is no key"),
        ("SELECT tenant, owner, key, 'x' AS disk FROM shelf_files", "there is no [[reference.disk]]"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(shelf: Shelf, query: str, said: str) -> None:
    with saying(shelf, query=query), pytest.raises(ConfigError) as refused:
        reconcile(shelf.settings)
    assert said in refused.value.what


def test_a_query_whose_keys_are_all_null_is_unknown_and_a_single_null_is_not(shelf: Shelf, tmp_path: Path) -> None:
    shelf.stock("shops/1/a.pdf")
    shelf.refer(None)
    _, none = shelf.findings(tmp_path)
    with saying(shelf, query="SELECT tenant, owner, key || bucket AS key FROM shelf_files", bucket=shelf.bucket):
        report, found = shelf.findings(tmp_path)
    cleared(shelf)

    fell, empty = sorted(finding.detail for finding in found)
    assert (none, "returned 1 row at the last pass and returns none now" in fell) == ([], True)
    assert 'its column "key" is NULL in each of them' in empty
    assert Outcome.PASS not in {check.outcome for check in report.checks}


def test_a_key_that_is_no_text_names_no_file_and_hides_no_other(foreign: ForeignPlatform, tmp_path: Path) -> None:
    query = r"""SELECT '1' AS tenant, 'file ' || n AS owner, 'shops/1/' || name || '.pdf' AS key
        FROM (VALUES (1, 'a'::text), (2, convert_from('\xfc'::bytea, 'SQL_ASCII')), (3, 'z')) AS found (n, name)"""
    with shelf_at(on_foreign(foreign, "legacy"), "no-text") as shelf, saying(shelf, query=query):
        for name in ("a", "z"):
            shelf.put(f"shops/1/{name}.pdf")
        _, (finding,) = shelf.findings(tmp_path)

    assert (finding.kind, finding.owner, "not UTF-8" in finding.detail) == ("missing_lost", "file 2", True)


def test_the_foreign_shop_is_read_by_databases_disks_and_rules_too(foreign: ForeignPlatform) -> None:
    columns = "chr(92) || 'print' || chr(92) || f.id || '//' || f.file_name AS key"
    disk = "CASE WHEN f.id = (SELECT min(id) FROM media) THEN '{}' ELSE 's3' END AS disk"
    rows = 'FROM media f JOIN merchants m ON m.id = f.merchant"""'
    before = f"'shops/' || m.slug || '/print/' || f.id || '/' || f.file_name AS key\n{rows}"
    after = (
        f"m.slug || {columns}, {disk}\n{rows}\n"
        'databases = "SELECT current_database() AS database"\nspelling = ["backslash", "doubled_slash"]\n'
        '[[reference.disk]]\nname = "s3"\nbucket = "media"\nprefix = "shops/"\n'
    )
    with changed(foreign, before, after.format("s3")):
        healthy = foreign.run("files", "reconcile", "--json")
    with changed(foreign, before, after.format("tape")):
        faulty = foreign.run("files", "reconcile", "--json")

    assert (healthy.exit_code, healthy.document["references"]) == (0, healthy.document["objects"]), healthy
    assert (faulty.exit_code, faulty.document["counts"]["unknown"]) != (0, 0), faulty
    assert any('its disk "tape"' in finding["detail"] for finding in faulty.document["findings"])
