"""Orders of the synthetic checkout: refused to whoever asks, held by nobody, and let go by nobody."""

from datetime import UTC, datetime

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.orders.guard import check_order
from printflow_reliability.orders.problems import Kind, next_step
from printflow_reliability.orders.synthetic import (
    is_synthetic,
    refusal_of_order,
    require_customers,
    without_synthetic,
)
from printflow_reliability.platform.paid_orders import PaidItem
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
