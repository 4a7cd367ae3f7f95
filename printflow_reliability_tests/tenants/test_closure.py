"""Which tables hold a tenant's rows, in which order, and what cannot be told."""

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.settings import TenancySettings, TenantRowsSettings
from printflow_reliability.tenants.closure import ForeignKey, Table, tenant_tables

SHOP = "7f3a91c2-0000-4000-8000-000000000001"


def table(name: str, *columns: str, key: tuple[str, ...] = ("id",)) -> Table:
    return Table("public", name, ["id", *columns], list(key))


def key(child: str, column: str, parent: str) -> ForeignKey:
    return ForeignKey(f"public.{child}", f"public.{parent}", [column], ["id"])


TABLES = {
    one.label: one
    for one in (
        table("tenants"),
        table("orders", "tenant_id"),
        table("order_items", "order_id", "product_id"),
        table("products", "tenant_id"),
        table("proofs", "item_id"),
        table("jobs", "payload"),
    )
}
KEYS = [
    key("orders", "tenant_id", "tenants"),
    key("products", "tenant_id", "tenants"),
    key("order_items", "order_id", "orders"),
    key("order_items", "product_id", "products"),
    key("proofs", "item_id", "order_items"),
]


def tenancy(**more: object) -> TenancySettings:
    return TenancySettings.model_validate({"cluster": "live_db", "tenants": "SELECT 1", **more})


def test_parents_come_before_children_and_what_is_nobodys_is_left_out() -> None:
    found = [one.table.name for one in tenant_tables(TABLES, KEYS, tenancy(), SHOP)]
    assert found == ["tenants", "orders", "products", "order_items", "proofs"]


def test_a_row_without_the_column_is_a_tenants_by_its_parents_and_only_if_they_agree() -> None:
    found = {one.table.name: one.condition.as_string() for one in tenant_tables(TABLES, KEYS, tenancy(), SHOP)}
    assert found["orders"] == f"t.\"tenant_id\"::text = '{SHOP}'"
    assert found["order_items"].count("EXISTS") == 4
    assert "IS NOT TRUE" in found["order_items"]


def test_a_table_that_must_be_tenants_and_cannot_tell_whose_its_rows_are_is_named() -> None:
    with pytest.raises(ConfigError, match=r'tenancy.tables\[0\]: "jobs" has neither the column tenant_id nor'):
        tenant_tables(TABLES, KEYS, tenancy(tables=["jobs"]), SHOP)


def test_in_a_cluster_without_the_tenants_table_rows_are_told_by_the_column_and_keys_among_themselves() -> None:
    there = {
        one.label: one for one in (table("subscriptions", "tenant_id"), table("terms", "subscription"), table("x"))
    }
    elsewhere = TenantRowsSettings(cluster="admin_db")
    found = tenant_tables(there, [key("terms", "subscription", "subscriptions")], elsewhere, SHOP)
    assert [one.table.name for one in found] == ["subscriptions", "terms"]


def test_a_root_that_is_not_there_and_a_table_without_a_primary_key_are_named() -> None:
    with pytest.raises(ConfigError, match=r'tenancy.table: there is no table "shops"'):
        tenant_tables(TABLES, KEYS, tenancy(table="shops"), SHOP)
    without = {**TABLES, "public.orders": table("orders", "tenant_id", key=())}
    with pytest.raises(ConfigError, match=r"public.orders holds rows of tenants and has no primary key"):
        tenant_tables(without, KEYS, tenancy(), SHOP)


def test_tables_that_refer_to_each_other_in_a_circle_are_named() -> None:
    circle = [*KEYS, key("orders", "last_item", "order_items")]
    with pytest.raises(ConfigError, match=r"circle: public.order_items, public.orders, public.proofs"):
        tenant_tables(TABLES, circle, tenancy(), SHOP)
