"""What every tick has in common: what it opens is kept for the next, of the databases as of Dagster itself."""

from collections.abc import Callable

import dagster as dg
import pytest
from sqlalchemy.exc import DBAPIError

from printflow_reliability.alerts.turn import OutboxTurn
from printflow_reliability.defs import alerting, order_sensor, ticks
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.kept_instance import KeptInstance
from printflow_reliability.kept_connections import KeptConnections, shared_client
from printflow_reliability.orders.turn import GuardTurn
from printflow_reliability.records.leases import Lease

LEASE = Lease("test", "somebody else", False, 20.0)


def test_ticks_of_the_guard_and_the_outbox_keep_what_they_open(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []

    def guard_turn(*_: object) -> GuardTurn:
        opened.append(shared_client("bucket", object))
        return GuardTurn(LEASE)

    def outbox_turn(*_: object) -> OutboxTurn:
        opened.append(shared_client("bucket", object))
        return OutboxTurn(LEASE)

    kept = KeptConnections()
    monkeypatch.setattr(Configuration, "settings", lambda _self: None)
    for module in (order_sensor, alerting):
        monkeypatch.setattr(module, "KEPT", kept)
    monkeypatch.setattr(order_sensor, "guard_turn", guard_turn)
    monkeypatch.setattr(order_sensor, "_fingerprints", lambda _settings: {})
    monkeypatch.setattr(alerting, "outbox_turn", outbox_turn)
    for sensor in (order_sensor.paid_orders_guard, alerting.outbox, order_sensor.paid_orders_guard):
        sensor(dg.build_sensor_context(last_sensor_start_time=1.0))

    assert len(opened) == 3
    assert len(set(map(id, opened))) == 1


@pytest.fixture
def storage() -> dg.DagsterInstance:
    """An instance whose storage can be asked in tests; nothing of it is on disk."""
    return dg.DagsterInstance.ephemeral()


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, storage: dg.DagsterInstance) -> tuple[KeptInstance, list[object]]:
    """A kept instance, and each reference that it was opened by."""
    opened: list[object] = []

    def from_ref(ref: object) -> dg.DagsterInstance:
        opened.append(ref)
        return storage

    monkeypatch.setattr(dg.DagsterInstance, "from_ref", staticmethod(from_ref))
    monkeypatch.setattr(dg.DagsterInstance, "optimize_for_webserver", lambda *_: None)
    return KeptInstance(), opened


def failing(times: int, *, invalidated: bool) -> Callable[[dg.DagsterInstance], int]:
    """A question that fails so often; it answers how often it was asked."""
    asked: list[object] = []

    def question(instance: dg.DagsterInstance) -> int:
        asked.append(instance)
        if len(asked) <= times:
            raise DBAPIError("SELECT", None, ValueError("terminating connection"), connection_invalidated=invalidated)
        return len(asked)

    return question


REF = "the same every time"


def test_the_instance_is_opened_once(kept: tuple[KeptInstance, list[object]]) -> None:
    instance, opened = kept
    for _ in range(3):
        assert instance.ask(REF, failing(0, invalidated=False)) == 1  # type: ignore[arg-type]
    assert opened == [REF]


def test_another_reference_is_another_instance(kept: tuple[KeptInstance, list[object]]) -> None:
    instance, opened = kept
    for ref in (REF, "another storage", "another storage"):
        instance.ask(ref, failing(0, invalidated=False))  # type: ignore[arg-type]
    assert opened == [REF, "another storage"]


def test_a_lost_connection_costs_one_more_question(kept: tuple[KeptInstance, list[object]]) -> None:
    instance, opened = kept
    assert instance.ask(REF, failing(1, invalidated=True)) == 2  # type: ignore[arg-type]
    assert opened == [REF, REF]


@pytest.mark.parametrize(("times", "invalidated"), [(2, True), (1, False)])
def test_what_fails_again_or_for_another_reason_fails_the_tick_and_the_next_begins_anew(
    kept: tuple[KeptInstance, list[object]], times: int, invalidated: bool
) -> None:
    instance, opened = kept
    with pytest.raises(DBAPIError):
        instance.ask(REF, failing(times, invalidated=invalidated))  # type: ignore[arg-type]
    before = len(opened)
    instance.ask(REF, failing(0, invalidated=False))  # type: ignore[arg-type]
    assert len(opened) == before + 1


def test_a_tick_that_was_given_an_instance_asks_that(storage: dg.DagsterInstance) -> None:
    context = dg.build_sensor_context(instance=storage)
    assert ticks.asked(context, lambda instance: instance) is storage
