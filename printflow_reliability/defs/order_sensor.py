"""The paid-order guard's clock: looks every few seconds, alerts at once, and runs a held order when it changed.

A `run_key` is never run twice, not even after a failure, so a key names the change that asks for the run.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.orders import judge_held_order
from printflow_reliability.defs.partition_names import partition_of
from printflow_reliability.defs.reporting import as_dagster_failure
from printflow_reliability.defs.ticks import HEARTBEATS, KEPT, holder, is_preview, tick_settings
from printflow_reliability.orders.holds import held
from printflow_reliability.orders.turn import GuardTurn, guard_turn
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted

INTERVAL_SECONDS = 15
"""Less often than the watch looks: each tick is much work for Dagster's daemon, also where there is nothing to do."""
SHOWN_AFTER_LIFTED = timedelta(days=1)
"""How long a mended order keeps its partition, so that people see that it succeeded."""
LIFTED = "lifted"
MOST_SHOWN = 100
"""Held orders that have a partition at a time: thousands of runs with one cause would keep all others waiting."""
MOST_ASKED = 5
"""Runs that one look asks for: what is left has its turn at the next ones. All are held and told before that."""


@dataclass(frozen=True)
class Seen:
    """What this sensor last knew of an order: a fingerprint of its hold, or that it was lifted, and since when."""

    state: str
    at: str


@dataclass(frozen=True)
class Change:
    """What to do about an order whose hold changed."""

    run: tuple[str, ...]
    forget: tuple[str, ...]
    seen: Mapping[str, Seen]


def changes(before: Mapping[str, Seen], held_now: Mapping[str, str], now: datetime) -> Change:
    """Which held orders to run, and which lifted ones to forget; of very many, the first stand for the others.

    A few runs at a time: a change that has to wait is as new at the next look.

    Args:
        before: what was known at the last look, by order.
        held_now: a fingerprint of each open hold, by order.
        now: the time of this look.
    """
    shown = {order: state for order, state in held_now.items() if order in before}
    waiting = [order for order in held_now if order not in before]
    shown |= {order: held_now[order] for order in waiting[: max(MOST_SHOWN - len(shown), 0)]}
    states = {**dict.fromkeys(before, LIFTED), **shown}
    changed = [order for order, state in states.items() if order not in before or before[order].state != state]
    run = tuple(changed[:MOST_ASKED])
    late = frozenset(changed[MOST_ASKED:])
    forget = tuple(
        order
        for order, state in states.items()
        if order not in changed
        and state == LIFTED
        and now - datetime.fromisoformat(before[order].at) > SHOWN_AFTER_LIFTED
    )
    seen = {
        order: Seen(state, now.isoformat()) if order in run else before[order]
        for order, state in states.items()
        if order not in forget and (order not in late or order in before)
    }
    return Change(run, forget, seen)


@dg.sensor(
    job=judge_held_order,
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Judges every paid order, holds and alerts where artwork is missing or unusable, and runs each held "
    "order when its state changed: it fails until it is mended. A failed tick means that paid orders are not judged: "
    "its error says what does not answer (printflow orders held); no hold is lifted meanwhile. It stands by while "
    "printflow watch has the lease, and then only runs what changed.",
)
def paid_orders_guard(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Judge and alert unless another does, then run what changed."""
    with as_dagster_failure(), KEPT.used():
        settings = tick_settings()
        if is_preview(context):
            count = counted(len(_fingerprints(settings)), "order")
            return dg.SensorResult(skip_reason=f"preview: {count} held; no order is judged and nobody is told")
        turn = guard_turn(settings, holder(), HEARTBEATS)
        if turn.failed:
            raise dg.Failure(turn.describe())
        held_now = _fingerprints(settings)
    now = datetime.now(UTC)
    before = {order: Seen(**seen) for order, seen in json.loads(context.cursor or "{}").items()}
    change = changes(before, held_now, now)
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if change.run:
        requests.append(words.HELD_ORDERS.build_add_request([partition_of(order) for order in change.run]))
    if change.forget:
        requests.append(words.HELD_ORDERS.build_delete_request([partition_of(order) for order in change.forget]))
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"{order} {change.seen[order].state} {now.isoformat()}", partition_key=partition_of(order)
            )
            for order in change.run
        ],
        skip_reason=None if change.run else _nothing_changed(turn, len(held_now)),
        dynamic_partitions_requests=requests,
        cursor=json.dumps({order: asdict(seen) for order, seen in change.seen.items()}),
    )


def _nothing_changed(turn: GuardTurn, held_now: int) -> str:
    known = f"{counted(held_now, 'order')} held, nothing changed"
    return known if turn.lease.mine else f"{turn.describe()}; {known}"


def _fingerprints(settings: Settings) -> Mapping[str, str]:
    """What each open hold is about, in short, by order."""
    with open_records(settings.records) as connection:
        return {
            hold.order: hashlib.sha256(
                json.dumps([hold.since.isoformat(), hold.reason, hold.files], default=str, sort_keys=True).encode()
            ).hexdigest()[:16]
            for hold in held(connection)
        }


definitions = dg.Definitions(sensors=[paid_orders_guard])
