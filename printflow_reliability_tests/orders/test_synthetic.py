"""Orders of the synthetic checkout: refused to whoever asks, held by nobody, and let go by nobody."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.orders import synthetic
from printflow_reliability.orders.guard import check_order
from printflow_reliability.orders.problems import Kind, next_step
from printflow_reliability.orders.synthetic import (
    is_synthetic,
    refusal_of_order,
    require_customers,
    without_synthetic,
)
from printflow_reliability.platform.paid_orders import PaidItem
from printflow_reliability.platform.synthetic_orders import SyntheticOrder
from printflow_reliability.platform.tenancy import Tenancy, Tenant
from printflow_reliability_tests.checkout.configured import TENANT, checkout_settings
from printflow_reliability_tests.minimal_settings import minimal_settings

NOW = datetime(2026, 11, 2, tzinfo=UTC)
OURS = PaidItem("7", TENANT, NOW, "tenants/t/a.pdf")
THEIRS = PaidItem("8", "6f2b1c52-8f0e-4c3a-9d59-0d1e6b7f4a11", NOW, "tenants/u/a.pdf")


def test_an_order_that_is_said_to_be_the_tenants_is_refused_without_asking_any_server() -> None:
    settings, _ = checkout_settings()  # its servers are nowhere
    answer = check_order(settings, "7", tenant=TENANT.upper())
    assert not answer.ready
    assert answer.as_json()["reasons"] == ["it is an order of the synthetic checkout, and is never printed"]
    assert answer.problems[0].kind is Kind.SYNTHETIC
    assert "printflow checkout" in next_step(answer.problems[0], "7", TENANT)


def test_a_paid_order_of_the_tenant_is_refused_also_where_another_tenant_has_its_number() -> None:
    settings, _ = checkout_settings()
    for items in ([OURS], [PaidItem("7", THEIRS.tenant, NOW, "x"), OURS]):
        answer = refusal_of_order(settings, "7", None, items)
        assert answer is not None
        assert not answer.ready
    assert refusal_of_order(settings, "8", None, [THEIRS]) is None


def test_the_guard_judges_and_holds_customers_orders_alone() -> None:
    settings, _ = checkout_settings()
    assert without_synthetic(settings, [OURS, THEIRS]) == (THEIRS,)
    assert without_synthetic(minimal_settings(), [OURS, THEIRS]) == (OURS, THEIRS)
    assert not is_synthetic(settings, None)


def test_nobody_lets_such_an_order_go() -> None:
    settings, _ = checkout_settings()
    with pytest.raises(ConfigError, match="order 7 may not go to print"):
        require_customers(settings, "7", [OURS])
    require_customers(settings, "8", [THEIRS])


@pytest.mark.parametrize(
    "spelled",
    [UUID(TENANT).hex, TENANT.upper(), f"{{{TENANT}}}", f" {TENANT} ", f"\\x{UUID(TENANT).hex}", UUID(TENANT).urn],
)
def test_the_tenant_is_known_in_every_spelling_of_its_uuid(spelled: str) -> None:
    settings, _ = checkout_settings()
    item = PaidItem("7", spelled, NOW, "tenants/t/a.pdf")
    assert is_synthetic(settings, spelled)
    assert without_synthetic(settings, [item]) == ()
    assert refusal_of_order(settings, "7", None, [item]) is not None
    with pytest.raises(ConfigError, match="order 7 may not go to print"):
        require_customers(settings, "7", [item])
    assert not any(is_synthetic(settings, other) for other in ("", "7", "shop", spelled[:-4], str(THEIRS.tenant)))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The synthetic tenant has order 7 in the platform's database; how often that was asked."""
    looks: list[str] = []

    def orders(_settings: object) -> tuple[SyntheticOrder, ...]:
        looks.append("looked")
        return (SyntheticOrder("7", "paid", True, (None,)),)

    monkeypatch.setattr(synthetic, "synthetic_orders", orders)
    monkeypatch.setattr(synthetic, "tenancy", lambda _: Tenancy((Tenant("4712", "shops/4712/"),), {"4713": "has none"}))
    return looks


NULL_TENANT = PaidItem("7", None, NOW, "tenants/t/a.pdf")
FAILING = PaidItem("7", None, None, None, "division by zero")


@pytest.mark.parametrize(
    ("tenant", "items"),
    [
        (None, [NULL_TENANT]),
        (None, [FAILING]),
        (None, []),
        (None, [PaidItem("7", THEIRS.tenant, NOW, "x"), NULL_TENANT]),
        (THEIRS.tenant, [NULL_TENANT]),
        (None, [PaidItem("7", "4711", NOW, "tenants/t/a.pdf")]),
        ("4711", [PaidItem("7", "4711", NOW, "tenants/t/a.pdf")]),
        ("4711", []),
    ],
)
def test_an_order_that_nobody_says_by_a_uuid_whose_it_is_is_looked_for_among_the_tenants_own(
    asked: list[str], tenant: str | None, items: list[PaidItem]
) -> None:
    settings, _ = checkout_settings()
    answer = refusal_of_order(settings, "7", tenant, items)
    assert answer is not None
    assert not answer.ready
    with pytest.raises(ConfigError, match="order 7 may not go to print"):
        require_customers(settings, "7", items)
    others = [PaidItem("8", item.tenant, item.paid_at, item.key, item.refusal) for item in items]
    assert refusal_of_order(settings, "8", tenant, others) is None
    require_customers(settings, "8", others)
    assert len(asked) == 4


@pytest.mark.parametrize("tenant", ["4712", "4713"])
def test_an_order_of_a_known_customer_is_no_matter_of_the_checkout(asked: list[str], tenant: str) -> None:
    settings, _ = checkout_settings()
    items = [PaidItem("7", tenant, NOW, "tenants/t/a.pdf"), PaidItem("7", THEIRS.tenant, NOW, "x")]
    assert refusal_of_order(settings, "7", tenant, items) is None
    require_customers(settings, "7", items)
    assert asked == []


def test_an_order_whose_rows_say_whose_it_is_costs_no_further_look(asked: list[str]) -> None:
    settings, _ = checkout_settings()
    assert refusal_of_order(settings, "8", None, [THEIRS]) is None
    require_customers(settings, "8", [THEIRS])
    assert refusal_of_order(minimal_settings(), "7", None, [NULL_TENANT]) is None
    assert asked == []


def test_nobody_lets_an_order_go_while_it_is_not_known_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_settings: object) -> tuple[SyntheticOrder, ...]:
        raise CouldNotTell("the cluster does not answer")

    monkeypatch.setattr(synthetic, "synthetic_orders", away)
    settings, _ = checkout_settings()
    with pytest.raises(CouldNotTell):
        refusal_of_order(settings, "7", None, [FAILING])
    with pytest.raises(CouldNotTell):
        require_customers(settings, "7", [FAILING])
