"""The shop as the platform's database has it: whether the guard will know whose a synthetic order is."""

from collections.abc import Sequence

import pytest

from printflow_reliability.checkout import run
from printflow_reliability.checkout.run import PlatformShop
from printflow_reliability.checks import Outcome
from printflow_reliability.platform.tenancy import Tenancy, Tenant
from printflow_reliability_tests.checkout.configured import TENANT, checkout_settings


@pytest.mark.parametrize(
    ("ids", "odd", "outcome"),
    [
        (["1", TENANT.upper()], [], Outcome.PASS),
        (["1"], [TENANT], Outcome.PASS),
        (["1", "2"], ["3"], Outcome.FAIL),
        ([], [], Outcome.FAIL),
    ],
    ids=["known", "known without a base path", "numbers beside UUIDs", "no tenant"],
)
def test_nothing_is_paid_for_a_tenant_whose_orders_the_guard_would_not_know(
    ids: Sequence[str], odd: Sequence[str], outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Tenancy(tuple(Tenant(number) for number in ids), dict.fromkeys(odd, "has no base path"))
    monkeypatch.setattr(run, "tenancy", lambda _settings: known)
    settings, _ = checkout_settings()
    judged = PlatformShop(settings).judge_tenant()
    assert (judged.outcome, TENANT in judged.why) == (outcome, outcome is Outcome.FAIL)
