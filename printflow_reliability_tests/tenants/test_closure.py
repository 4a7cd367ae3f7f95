"""Which tables hold rows of tenants, in which order, and which cannot be restored, by the catalog alone."""

from collections.abc import Mapping, Sequence

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.platform.foreign_keys import ForeignKey
from printflow_reliability.settings import TenancySettings, TenantRowsSettings
from printflow_reliability.tenants.closure import closure, drift, limits
from printflow_reliability.tenants.schema import Column, Schema, Table, Trigger, UniqueKey


def table(name: str, *columns: str, key: tuple[str, ...] = ("id",), schema: str = "public") -> Table:
    keys = [UniqueKey(f"{name}_pkey", key, primary=True)] if key else []
    return Table(schema, name, {column: Column(column, not_null=column in key) for column in ("id", *columns)}, keys)


def key(child: str, column: str, parent: str, *, deferrable: bool = False) -> ForeignKey:
    return ForeignKey(
        name=f"{child}_{column}_fkey",
        child=f"public.{child}",
        parent=f"public.{parent}",
        child_schema="public",
        child_table=child,
        parent_schema="public",
        parent_table=parent,
        child_columns=[column],
        parent_columns=["id"],
        operators=[["pg_catalog", "="]],
        deferrable=deferrable,
    )


TABLES = (
    table("tenants"),
    table("orders", "tenant_id"),
    table("order_items", "order_id", "product_id"),
    table("products", "tenant_id"),
    table("proofs", "item_id"),
    table("jobs", "payload"),
)
KEYS = [
    key("orders", "tenant_id", "tenants"),
    key("products", "tenant_id", "tenants"),
    key("order_items", "order_id", "orders"),
    key("order_items", "product_id", "products"),
    key("proofs", "item_id", "order_items"),
]


def schema(tables: Sequence[Table] = TABLES, keys: Sequence[ForeignKey] = KEYS) -> Schema:
    return Schema({item.label: item for item in tables}, keys)


def changed(name: str, **more: object) -> Mapping[str, Table]:
    tables = dict(schema().tables)
    tables[f"public.{name}"] = Table(**{**tables[f"public.{name}"].__dict__, **more})
    return tables


def tenancy(**more: object) -> TenancySettings:
    return TenancySettings.model_validate({"cluster": "live_db", "tenants": "SELECT 1", **more})


def test_parents_come_before_children_and_what_is_nobodys_is_left_out() -> None:
    found = [item.name for item in closure(schema(), tenancy()).tables.values()]
    assert found == ["tenants", "orders", "products", "order_items", "proofs"]


def test_a_table_that_must_be_tenants_and_cannot_tell_whose_its_rows_are_is_named() -> None:
    with pytest.raises(ConfigError, match=r'tenancy.tables\[0\]: "jobs" has neither the column tenant_id nor'):
        closure(schema(), tenancy(tables=["jobs"]))


def test_in_a_cluster_without_the_tenants_table_rows_are_told_by_the_column_and_keys_among_themselves() -> None:
    there = (table("subscriptions", "tenant_id"), table("terms", "subscription"), table("x"))
    elsewhere = TenantRowsSettings(cluster="admin_db")
    found = closure(schema(there, [key("terms", "subscription", "subscriptions")]), elsewhere)
    assert list(found.tables) == ["public.subscriptions", "public.terms"]


def test_a_root_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r'tenancy.table: there is no table "shops"'):
        closure(schema(), tenancy(table="shops"))


def test_a_name_without_a_schema_must_be_one_tables_alone() -> None:
    twice = (*TABLES, table("log", "tenant_id", schema="a"), table("log", "tenant_id", schema="b"))
    with pytest.raises(ConfigError, match=r'"log" is a table of several schemas: a.log, b.log'):
        closure(schema(twice), tenancy(unrestorable=["log"]))
    assert closure(schema(twice), tenancy(unrestorable=["b.log"])).left_out == {"b.log"}


def test_lines_of_unrestorable_that_name_no_table_of_tenants_are_stale() -> None:
    found = closure(schema(), tenancy(unrestorable=["orders", "jobs", "gone"]))
    assert found.left_out == {"public.orders"}
    assert found.stale == ("jobs", "gone")


def test_a_circle_is_a_limit_only_where_keys_can_neither_be_deferred_nor_suppressed() -> None:
    circle = [*KEYS, key("orders", "last_item", "order_items")]
    found = closure(schema(keys=circle), tenancy())
    assert set(found.tables) == set(closure(schema(), tenancy()).tables)
    assert limits(schema(keys=circle), found, replica=True) == ()
    named = {limit.table: limit.reason for limit in limits(schema(keys=circle), found, replica=False)}
    assert set(named) == {"public.orders", "public.order_items"}
    assert "GRANT SET ON PARAMETER session_replication_role" in named["public.orders"]
    soft = [*KEYS, key("orders", "last_item", "order_items", deferrable=True)]
    deferred = closure(schema(keys=soft), tenancy())
    assert limits(schema(keys=soft), deferred, replica=False) == ()
    assert list(deferred.tables) == list(closure(schema(), tenancy()).tables)


@pytest.mark.parametrize(
    ("more", "replica", "said"),
    [
        ({"unique_keys": ()}, True, "has no primary key"),
        ({"unlogged": True}, True, "is unlogged"),
        ({"is_foreign": True}, True, "is a foreign table"),
        ({"foreign_partition": True}, True, "has a partition that is a foreign table"),
        ({"triggers": [Trigger("t", "A")]}, True, "has triggers that always fire"),
        ({"triggers": [Trigger("t", "R")]}, True, "has triggers that always fire"),
        ({"triggers": [Trigger("t", "O")]}, True, None),
        ({"triggers": [Trigger("t", "O")]}, False, "has triggers that would fire: t. The role of restore_url needs"),
        ({"triggers": [Trigger("t", "R")]}, False, None),
        ({"triggers": [Trigger("t", "O", on_insert=False)]}, False, None),
    ],
)
def test_what_cannot_be_restored_is_told_by_the_catalog_until_it_is_acknowledged(
    more: dict[str, object], replica: bool, said: str | None
) -> None:
    today = Schema(changed("orders", **more), KEYS)
    found = limits(today, closure(today, tenancy()), replica=replica)
    assert [limit.table for limit in found] == (["public.orders"] if said else [])
    assert not said or said in found[0].reason
    acknowledged = limits(today, closure(today, tenancy(unrestorable=["public.orders"])), replica=replica)
    assert all(limit.acknowledged for limit in acknowledged)


def test_a_column_that_is_nullable_or_has_a_default_may_come_and_every_other_change_is_named() -> None:
    then = table("orders", "tenant_id", "total")
    assert drift(then, table("orders", "tenant_id", "total", "note")) is None
    renamed = drift(then, table("orders", "tenant_id", "sum"))
    assert renamed == 'is another table in production today: column "total" is gone'
    retyped = Column("total", type="bigint", base_type="bigint")
    today = Table("public", "orders", {**then.columns, "total": retyped}, then.unique_keys)
    assert 'column "total" was text and is bigint' in (drift(then, today) or "")
    widened = Column("total", type="character varying(300)", base_type="character varying")
    assert drift(then, Table("public", "orders", {**then.columns, "total": widened}, then.unique_keys)) is None
    demanding = Table("public", "orders", {**then.columns, "by": Column("by", not_null=True)}, then.unique_keys)
    assert 'column "by" was added, is NOT NULL and has no default' in (drift(then, demanding) or "")
    assert "has no unique index on (id)" in (drift(then, Table("public", "orders", then.columns)) or "")
    labelled = Column("total", labels=("a", "b"))
    before = Table("public", "orders", {**then.columns, "total": labelled}, then.unique_keys)
    assert "has lost 2 of its values" in (drift(before, then) or "")
