"""Queries of printflow.toml that fail on one row: that row's owner is named, and everybody else is judged."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import LiteralString

import pytest
from psycopg import sql

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.findings import Finding
from printflow_reliability.pdf.sweep import sweep
from printflow_reliability.platform.queries import as_table, connect_to_platform
from printflow_reliability.platform.row_by_row import MOST_FAILING, Query, Rows, rows_of
from printflow_reliability.platform.tenancy import tenancy
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.shop import FILES, GRACE_OVER, Shop, by_key, shop

__all__ = ["shop"]
pytestmark = pytest.mark.stack

KEYS: Mapping[str, str] = {
    "a division": "CASE WHEN owner = 'odd' THEN (1 / (length(owner) - 3))::text ELSE key END",
    "a cast": "CASE WHEN owner = 'odd' THEN owner::int::text ELSE key END",
    "a cast to a domain": "substr(key, (CASE owner WHEN 'odd' THEN -1 ELSE 1 END)::information_schema.cardinal_number)",
    "a cast to a table": "CASE WHEN owner = 'odd' THEN owner::regclass::text ELSE key END",
    "two rows": "(SELECT key FROM generate_series(1, CASE WHEN owner = 'odd' THEN 2 ELSE 1 END))",
    "a column beside the key": "key",
}


@pytest.fixture
def forgetful(shop: Shop) -> Iterator[Shop]:
    """The shop, whose rows are not remembered after the test."""
    yield shop
    with open_records(shop.settings.records) as records:
        records.execute("DELETE FROM reference_rows WHERE reference = 'stack file'")


def settings_of(
    shop: Shop, key: str, *, where: str = "true", tenant: str = "tenant", table: str = "stack_files"
) -> Settings:
    size = "CASE WHEN owner = 'odd' THEN owner::bigint END" if key == "key" else "NULL::bigint"
    query = f"SELECT {tenant}, owner, {key} AS key, {size} AS size FROM {table} WHERE {where}"
    reference = shop.settings.reference[0].model_copy(update={"query": query})
    return shop.settings.model_copy(update={"reference": (reference,)})


def found_by(settings: Settings, shop: Shop, file: Path) -> Mapping[str, Finding]:
    reconcile(settings, tenants=[shop.tenant, shop.neighbour], findings_file=file)
    return by_key(file)


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("whose", ["a tenant", "nobody"])
def test_the_tenant_of_the_row_is_named_and_all_others_are_judged(
    forgetful: Shop, tmp_path: Path, kind: str, whose: str
) -> None:
    shop, settings = forgetful, settings_of(forgetful, KEYS[kind])
    missing = shop.refer(shop.path("missing.pdf"))
    orphan = shop.put(shop.path("orphan.pdf"))
    unsure = shop.put(shop.path("orphan.pdf", shop.neighbour))
    time.sleep(GRACE_OVER)
    healthy = found_by(settings, shop, tmp_path / "before.jsonl")
    assert {key: finding.kind for key, finding in healthy.items()} == {
        missing: "missing_lost",
        orphan: "orphan",
        unsure: "orphan",
    }

    shop.refer(shop.path("a.pdf", shop.neighbour), owner="odd", tenant=shop.neighbour if whose == "a tenant" else None)
    mixed = found_by(settings, shop, tmp_path / "mixed.jsonl")
    told = mixed[""]
    assert (told.kind, told.reference) == ("unknown", "stack file")
    assert told.tenant == (shop.neighbour if whose == "a tenant" else None)
    assert "fails on rows of" in told.detail
    assert mixed[missing] == healthy[missing]
    # What rows of nobody name may be anywhere, unless their keys are known.
    anywhere = whose == "nobody" and kind != "a column beside the key"
    assert mixed.keys() == ({"", missing} if anywhere else {"", missing, orphan})

    swept = sweep(settings)
    assert [finding.tenant for finding in swept.findings if finding.owner == 'reference "stack file"'] == [told.tenant]
    assert (swept.checked, swept.missing) == (FILES, 1)
    others = sweep(settings, tenants=[shop.tenant])
    assert not [finding for finding in others.findings if finding.owner == 'reference "stack file"']
    assert (others.checked, others.missing) == (FILES, 1)


CONDITIONS: Mapping[str, str] = {
    "a division": "1 / CASE owner WHEN 'odd' THEN 0 ELSE 1 END > 0",
    "a cast": "owner <> 'odd' OR owner::int > 0",
}


@pytest.mark.parametrize("kind", CONDITIONS)
@pytest.mark.parametrize("whose", ["a tenant", "nobody"])
def test_where_the_condition_fails_the_tenant_of_the_row_is_named_and_all_others_are_judged(
    forgetful: Shop, tmp_path: Path, kind: str, whose: str
) -> None:
    shop, settings = forgetful, settings_of(forgetful, "key::text", where=CONDITIONS[kind])
    missing = shop.refer(shop.path("missing.pdf"), owner="file 1")
    orphan = shop.put(shop.path("orphan.pdf"))
    unsure = shop.put(shop.path("orphan.pdf", shop.neighbour))
    time.sleep(GRACE_OVER)
    healthy = found_by(settings, shop, tmp_path / "before.jsonl")
    assert healthy.keys() == {missing, orphan, unsure}

    shop.refer(shop.path("a.pdf", shop.neighbour), owner="odd", tenant=shop.neighbour if whose == "a tenant" else None)
    mixed = found_by(settings, shop, tmp_path / "mixed.jsonl")
    told = mixed[""]
    assert (told.kind, told.tenant) == ("unknown", shop.neighbour if whose == "a tenant" else None)
    assert "fails on rows of" in told.detail
    assert mixed[missing] == healthy[missing]
    # Rows of nobody may be anywhere, unless the database asked for the key before it failed.
    assert mixed.keys() - {"", missing} == {orphan} if whose == "a tenant" else mixed.keys() <= {"", missing, orphan}

    swept = sweep(settings)
    assert [finding.tenant for finding in swept.findings if finding.owner == 'reference "stack file"'] == [told.tenant]
    assert (swept.checked, swept.missing, swept.checks[0].outcome) == (FILES, 1, Outcome.FAIL)


def test_where_tenants_can_only_be_asked_for_one_by_one_all_but_one_are_judged(forgetful: Shop, tmp_path: Path) -> None:
    shop = forgetful
    joined = "stack_files JOIN stack_tenants AS t USING (tenant)"
    settings = settings_of(shop, "key::text", where=CONDITIONS["a division"], tenant="t.tenant", table=joined)
    missing = shop.refer(shop.path("missing.pdf"), owner="file 1")
    shop.put(shop.path("orphan.pdf"))
    shop.refer(shop.path("a.pdf", shop.neighbour), owner="odd", tenant=shop.neighbour)
    time.sleep(GRACE_OVER)
    report = reconcile(settings, tenants=[shop.tenant, shop.neighbour], findings_file=tmp_path / "found.jsonl")
    with (tmp_path / "found.jsonl").open(encoding="utf-8") as lines:
        found = [Finding(**json.loads(line)) for line in lines]
    # An orphan is not concluded: rows that tell no known tenant are not seen, and may name it.
    told = {(finding.kind, finding.tenant, finding.key) for finding in found}
    assert told == {
        ("missing_lost", shop.tenant, missing),
        ("unknown", shop.neighbour, None),
        ("unknown", None, None),
    }
    assert report.references == FILES + 1


def test_a_tenant_whose_row_fails_is_odd_alone(shop: Shop) -> None:
    def with_path(expression: str) -> Settings:
        query = f"SELECT tenant, {expression} AS base_path FROM stack_tenants"
        return shop.settings.model_copy(update={"tenancy": shop.settings.tenancy.model_copy(update={"tenants": query})})

    odd = f"CASE WHEN tenant = '{shop.neighbour}' THEN (1 / length(substr(base_path, 999)))::text ELSE base_path END"
    found = tenancy(with_path(odd))
    assert [tenant.id for tenant in found.tenants] == [shop.tenant]
    assert found.odd == {shop.neighbour: "cannot be read: division by zero"}
    all_odd = tenancy(with_path("(1 / length(substr(base_path, 999)))::text"))
    assert all_odd.tenants == ()
    assert all_odd.odd == dict.fromkeys((shop.tenant, shop.neighbour), "cannot be read: division by zero")


def test_whose_rows_fail_is_found_among_many_and_all_are_the_querys_own_trouble(sandbox: StackSandbox) -> None:
    def asked(odd: str, columns: LiteralString = "tenant::text, key::text", grouped: bool = False) -> Rows:
        key = f"CASE WHEN {odd} THEN (1 / (n - n))::text ELSE n::text END"
        query = (
            f"SELECT CASE WHEN n % 7 > 0 THEN n % 1000 END AS tenant, {key} AS key FROM generate_series(1, 9000) AS n"
        )
        with connect_to_platform(sandbox.settings.cluster_named("live_db"), None) as connection:
            read = Query("a.query", as_table(query), sql.SQL(columns), "tenant", "int4", grouped=grouped)
            return rows_of(connection, read)

    assert asked("false").failing == {}
    several = asked("n IN (8, 3018, 8999)")
    assert several.failing == dict.fromkeys(("8", "18", "999"), "division by zero")
    assert {row[0] for row in several.rows} == {str(n) for n in range(1000)} - {"8", "18", "999"} | {None}
    nobodys = asked("n = 7", "tenant::text, count(key)", grouped=True)
    assert nobodys.failing == {None: "division by zero"}
    assert len(nobodys.rows) == 1000
    many = asked(f"n % 1000 <= {2 * MOST_FAILING} AND n % 7 > 0")
    assert many.failing == dict.fromkeys(map(str, range(2 * MOST_FAILING + 1)), "division by zero")
    assert {row[0] for row in many.rows} == {str(n) for n in range(2 * MOST_FAILING + 1, 1000)} | {None}
    with pytest.raises(ConfigError, match="division by zero"):
        asked("true")


def test_a_size_that_no_object_can_have_is_its_own_rows_trouble(forgetful: Shop, tmp_path: Path) -> None:
    shop = forgetful
    sizes = "(CASE owner WHEN 'nobody knows' THEN 'NaN' WHEN 'too large' THEN '1e300' END)::numeric AS size"
    query = f"SELECT tenant, owner, key, {sizes} FROM stack_files"
    reference = shop.settings.reference[0].model_copy(update={"query": query})
    unknown = shop.refer(shop.put(shop.path("unknown.pdf")), owner="nobody knows")
    large = shop.refer(shop.put(shop.path("large.pdf")), owner="too large")
    missing = shop.refer(shop.path("missing.pdf"))
    found = found_by(shop.settings.model_copy(update={"reference": (reference,)}), shop, tmp_path / "found.jsonl")
    assert {key: finding.kind for key, finding in found.items()} == {large: "size_mismatch", missing: "missing_lost"}
    assert unknown not in found
