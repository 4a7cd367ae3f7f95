"""The anti-join that each foreign key is checked with."""

from dataclasses import replace

from printflow_reliability.platform.foreign_keys import ForeignKey
from printflow_reliability.restore.validation.foreign_keys import anti_join

ITEMS = ForeignKey(
    name="items_order_fk",
    child="public.order items",
    parent="shop.orders",
    child_schema="public",
    child_table="order items",
    parent_schema="shop",
    parent_table="orders",
    child_columns=["tenant", "order_id"],
    parent_columns=["tenant_id", "id"],
    operators=[["pg_catalog", "="], ["citext", "="]],
    primary_key=["id"],
)


def test_match_simple_asks_nothing_of_a_row_with_any_null() -> None:
    query = anti_join(ITEMS).as_string()
    assert 'num_nulls(child."tenant", child."order_id") = 0 AND NOT EXISTS' in query


def test_match_full_lets_only_rows_pass_that_are_null_in_all_columns() -> None:
    query = anti_join(replace(ITEMS, match_full=True)).as_string()
    assert 'num_nonnulls(child."tenant", child."order_id") > 0 AND NOT EXISTS' in query


def test_columns_are_compared_with_the_constraints_own_operators() -> None:
    query = anti_join(ITEMS).as_string()
    assert '"parent"."tenant_id" OPERATOR("pg_catalog".=) "child"."tenant"' in query
    assert '"parent"."id" OPERATOR("citext".=) "child"."order_id"' in query
    assert 'FROM ONLY "public"."order items" AS child' in query


def test_examples_are_named_by_primary_key_or_by_place() -> None:
    assert """concat_ws(', ', 'id ' || child."id"::text)""" in anti_join(ITEMS).as_string()
    assert "child.ctid::text" in anti_join(replace(ITEMS, primary_key=[])).as_string()
