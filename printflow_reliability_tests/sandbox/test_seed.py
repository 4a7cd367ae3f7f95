"""The seed makes a healthy platform, and the same one each time."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from printflow_reliability.sandbox.seed import NAMES, Platform, generate

pytestmark = pytest.mark.stack

TENANTS, ORDERS = 3, 20


@pytest.fixture(scope="module")
def platform() -> Platform:
    return generate(tenants=TENANTS, orders=ORDERS, seed=1)


def test_the_same_seed_gives_the_same_rows_keys_and_bytes_and_another_one_others() -> None:
    first, again, other = (generate(tenants=2, orders=5, seed=seed) for seed in (1, 1, 2))
    assert (again.rows, again.objects) == (first.rows, first.objects)
    assert other.objects.keys() != first.objects.keys()


def test_it_has_the_tenants_and_orders_that_were_asked_for(platform: Platform) -> None:
    assert len(platform.rows["tenants"]) == TENANTS
    assert len(platform.rows["orders"]) == ORDERS
    assert {row["tenant_id"] for row in platform.rows["orders"]} == {row["id"] for row in platform.rows["tenants"]}


def test_every_path_in_a_row_has_its_object_below_the_rows_own_tenant(platform: Platform) -> None:
    owners = [row["tenant_id"] for row in platform.rows["orders"]]
    for item in platform.rows["order_items"]:
        base = f"tenants/{owners[item['order_id'] - 1]}/"
        for path in (item["print_ready_file"], *json.loads(item["snapshot"])["files"].values()):
            assert path.startswith(base)
    named = set(_paths(platform.rows))
    assert named == platform.objects.keys()  # no missing file, and no orphan either


def test_what_the_database_knows_of_a_print_file_is_true(platform: Platform) -> None:
    for item in platform.rows["order_items"]:
        body = platform.objects[item["print_ready_file"]]
        assert body.startswith(b"%PDF-")
        assert item["print_ready_size"] == len(body)
        assert item["print_ready_sha256"] == hashlib.sha256(body).hexdigest()


def test_orders_are_in_every_state_and_only_pending_ones_unpaid(platform: Platform) -> None:
    orders = platform.rows["orders"]
    assert {order["status"] for order in orders} == {"paid", "pending", "fulfilled"}
    assert all((order["paid_at"] is None) == (order["status"] == "pending") for order in orders)
    assert any(order["deleted_at"] for order in orders)


def test_every_awkward_file_name_is_in_use(platform: Platform) -> None:
    used = {item["print_ready_file"].rpartition("/")[2] for item in platform.rows["order_items"]}
    assert used == set(NAMES)


def _paths(value: Any) -> Iterator[str]:
    """Every string below that is an object's key, also inside JSON snapshots."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner)
    elif isinstance(value, str):
        if value.startswith("{"):
            yield from _paths(json.loads(value))
        elif value.startswith("tenants/"):
            yield value
