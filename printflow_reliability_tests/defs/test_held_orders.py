"""A held order in the graph: its partition says what is wrong before it fails."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defs import orders
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.orders import held_orders
from printflow_reliability.orders.guard import GuardReport
from printflow_reliability.orders.holds import Hold

HOLD = Hold(
    order="7",
    tenant="9f3a",
    paid_at=None,
    reason="print-ready PDF is cut off",
    files=[{"key": "tenants/9f3a/a|b.pdf", "problem": "cut off", "action": "printflow files heal --tenant 9f3a"}],
    since=datetime(2026, 5, 1, tzinfo=UTC),
)


def run(monkeypatch: pytest.MonkeyPatch, report: GuardReport, instance: dg.DagsterInstance) -> bool:
    monkeypatch.setattr(Configuration, "settings", lambda _self: None)
    monkeypatch.setattr(orders, "check_paid_orders", lambda _settings, **_orders: report)
    instance.add_dynamic_partitions(words.HELD_ORDERS.name or "", ["7"])
    done = dg.materialize(
        [held_orders],
        instance=instance,
        partition_key="7",
        resources={"configuration": Configuration()},
        raise_on_error=False,
    )
    return done.success


def test_a_held_orders_partition_says_why_before_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = CheckResult("orders.artwork", Outcome.FAIL, "1 order is held")
    with dg.DagsterInstance.ephemeral() as instance:
        succeeded = run(monkeypatch, GuardReport((failed,), {}, (HOLD,)), instance)
        (event,) = instance.fetch_observations(dg.AssetKey(["held_orders"]), limit=5).records
        materialized = instance.fetch_materializations(dg.AssetKey(["held_orders"]), limit=5).records

    assert not succeeded
    assert materialized == []
    observed = event.asset_observation
    assert observed is not None
    assert observed.partition == "7"
    shown = {name: value.value for name, value in observed.metadata.items()}
    assert list(shown) == ["verdict", "not_passed", "reason", "tenant", "held_since", "files", "next_step"]
    assert (shown["reason"], shown["tenant"]) == (HOLD.reason, "9f3a")
    assert "a\\|b.pdf" in str(shown["files"])
    assert shown["next_step"] == "printflow files heal --tenant 9f3a"


def test_an_order_that_is_mended_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = CheckResult("orders.artwork", Outcome.PASS, "fine")
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(monkeypatch, GuardReport((passed,)), instance)
        assert instance.fetch_observations(dg.AssetKey(["held_orders"]), limit=5).records == []


def test_an_order_that_cannot_be_judged_says_so_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = CheckResult("orders.artwork", Outcome.UNKNOWN, "S3 does not answer")
    with dg.DagsterInstance.ephemeral() as instance:
        assert not run(monkeypatch, GuardReport((unknown,)), instance)
        (event,) = instance.fetch_observations(dg.AssetKey(["held_orders"]), limit=5).records

    assert event.asset_observation is not None
    assert str(event.asset_observation.metadata["verdict"].value).startswith("COULD NOT TELL")
