"""The guard: every paid order is judged; what has no usable artwork is held and told, what was mended is freed.

Where the database or S3 does not answer, nothing is concluded: no hold is placed and none is lifted. A hold is lifted
for three reasons only: the order is right now, the platform says that it has ended, or a named person lets it go.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.checks import CheckResult, Outcome, scope_of, within
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.orders import vanished
from printflow_reliability.orders.guard_pass import GuardPass, Remembered, pace_from
from printflow_reliability.orders.holds import Hold, held
from printflow_reliability.orders.judgement import OrderAnswer, Override, UnknownOrder
from printflow_reliability.orders.names import ARTWORK
from printflow_reliability.orders.overrides import in_force
from printflow_reliability.orders.rolled_back import rolled_back
from printflow_reliability.orders.settling import settle
from printflow_reliability.orders.synthetic import refusal_of_order, refusal_of_tenant
from printflow_reliability.orders.vanished import Vanished
from printflow_reliability.pdf.ledger import Ledger
from printflow_reliability.pdf.verify import Pace
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.identifiers import kept
from printflow_reliability.platform.paid_orders import PaidItem, PaidItems, paid_items
from printflow_reliability.records import quarantine
from printflow_reliability.records.database import open_records
from printflow_reliability.records.queues import failed_orders
from printflow_reliability.settings import Settings
from printflow_reliability.storage.lookup import By
from printflow_reliability.text import counted

MEND_ROWS = "correct these rows, or orders.paid in printflow.toml"
Records = psycopg.Connection[TupleRow]


@dataclass(frozen=True)
class GuardReport:
    """What one look at the paid orders found."""

    checks: tuple[CheckResult, ...]
    numbers: dict[str, int | float] = field(default_factory=dict)
    held: tuple[Hold, ...] = ()
    untold: str = ""
    """What could not be told although the others were judged, and what to do about it."""

    @property
    def judged(self) -> bool:
        """Whether the paid orders were judged at all, whatever came of it."""
        return bool(self.numbers)

    def as_json(self) -> dict[str, Any]:
        """As `orders held` prints it."""
        return {"held": [hold.as_json() for hold in self.held], **self.numbers}


def check_paid_orders(settings: Settings, *, orders: Sequence[str] | None = None) -> GuardReport:
    """Check every paid order, or those named; place and lift holds, and put an alert for each change in the outbox."""
    began = time.monotonic()
    try:
        paid = paid_items(settings, orders)
        with open_records(settings.records) as records, InspectionWorker(settings.pdf) as worker:
            pace, ledger = pace_from(began, time.monotonic()), _ledger(settings, records, worker)
            guard_pass = GuardPass(settings, ledger, worker, _remembered(settings, records, paid.items), pace)
            open_holds = held(records)
            answers = guard_pass.confirmed(
                guard_pass.check(paid.items, By.LISTING), {hold.order for hold in open_holds}
            )
            missing = _explained(settings, records, open_holds, paid, orders, guard_pass.remembered.overrides)
            settled = settle(records, settings, answers, open_holds, missing.explained, everything=orders is None)
    except (CouldNotTell, ConfigError) as away:
        return GuardReport(within(scope_of(order=orders), [CheckResult(ARTWORK, Outcome.UNKNOWN, away.sentence)]))
    holds = settled.holds if orders is None else tuple(hold for hold in settled.holds if hold.order in orders)
    numbers: dict[str, int | float] = {
        "paid_orders": len(answers),
        "ready_orders": sum(answer.ready for answer in answers),
        "waiting_orders": sum(answer.waiting and not answer.ready for answer in answers),
        "held_orders": len(holds),
        "newly_held": settled.new,
        "lifted": settled.lifted,
        "unexplained_orders": len(missing.unexplained),
    }
    untold = _unknown(paid, missing)
    checks = within(scope_of(order=orders), [_check(holds, numbers, untold)])
    return GuardReport(checks, numbers, holds, untold)


def check_order(
    settings: Settings,
    order: str,
    *,
    tenant: str | None = None,
    worker: InspectionWorker | None = None,
    pace: Pace | None = None,
) -> OrderAnswer:
    """The guard's answer for one order, from the database and the bucket as they are now.

    An order of the synthetic checkout must not go to print, whatever there is of it.

    Args:
        settings: the whole file.
        order: its number.
        tenant: whose order the caller means; another tenant's order is unknown to it. None: it does not say.
        worker: inspects files; one of its own otherwise.
        pace: how much time there is.

    Raises:
        UnknownOrder: no paid order has that number, or none of that tenant.
        ConfigError: a query is refused.
        CouldNotTell: the database or S3 does not answer, or the order is held and no longer paid; it must not go on.
    """
    if (refused := refusal_of_tenant(settings, order, tenant)) is not None:
        return refused
    paid = paid_items(settings, [order])
    meant = None if tenant is None else kept(tenant)
    # Two tenants may count their orders alike; what belongs to nobody may be anybody's.
    items = [item for item in paid.items if meant is None or item.tenant in (meant, None)]
    if (refused := refusal_of_order(settings, order, meant, items)) is not None:
        return refused
    own_worker = InspectionWorker(settings.pdf) if worker is None else nullcontext(worker)
    with open_records(settings.records) as records, own_worker as inspecting:
        ledger, remembered = _ledger(settings, records, inspecting), _remembered(settings, records, items)
        guard_pass = GuardPass(settings, ledger, inspecting, remembered, pace)
        if answers := guard_pass.check(items, By.SURE):
            return answers[0]
        hold = next((hold for hold in held(records) if hold.order == order), None)
        if paid.items or (meant is not None and hold is not None and hold.tenant != meant):
            raise UnknownOrder(f"there is no paid order {order} of that tenant", "printflow orders held")
        if hold is None and paid.unread:
            raise CouldNotTell(f"whether order {order} may go to print is not known: {paid.unread}", MEND_ROWS)
        if hold is None:
            raise UnknownOrder(f"there is no paid order {order} waiting for print", "printflow orders held")
        known = vanished.known_orders(records) - {order}
        missing = vanished.explain(settings, (), [order], known, in_force(records), whole=paid.whole)
    if missing.unexplained:
        raise CouldNotTell(f"order {order} is held ({hold.reason}): {missing.describe()}", missing.next_step)
    raise UnknownOrder(f"order {order} is no longer waiting for print; its hold is lifted at the guard's next look")


def _remembered(settings: Settings, records: Records, items: Sequence[PaidItem]) -> Remembered:
    """What the records say of the orders of these items: jobs of a month's other orders are not read."""
    failed = failed_orders(records, {item.order for item in items})
    in_quarantine = partial(quarantine.held, records, settings.orders.bucket)
    return Remembered(in_force(records), failed, rolled_back(records), in_quarantine)


def _ledger(settings: Settings, records: Records, worker: InspectionWorker) -> Ledger:
    return Ledger(records, settings.orders.bucket, worker.rules.fingerprint)


def _explained(
    settings: Settings,
    records: Records,
    holds: Sequence[Hold],
    paid: PaidItems,
    orders: Sequence[str] | None,
    overrides: Mapping[str, Override],
) -> Vanished:
    """What became of the orders that were known or held, and are no longer paid."""
    returned = {item.order for item in paid.items} | paid.unread_orders
    known = vanished.known_orders(records)
    on_hold = {hold.order for hold in holds}
    if orders is not None:
        # One order's look cannot tell whether the whole query has fallen to nothing; the lookup can.
        named = set(orders)
        others = returned or known - named
        return vanished.explain(settings, known & named, on_hold & named, others, overrides, whole=paid.whole)
    found = vanished.explain(settings, known, on_hold, returned, overrides, whole=paid.whole)
    vanished.remember(records, returned, known, found)
    return found


def _unknown(paid: PaidItems, missing: Vanished) -> str:
    told = [(missing.describe(), missing.next_step)] if missing.unexplained else []
    if paid.unread:
        told.append((paid.unread, MEND_ROWS))
    if paid.without_order:
        rows = f"{counted(paid.without_order, 'row')} of orders.paid without an order's number, which nothing can hold"
        told.append((rows, "have orders.paid return the number of each order"))
    return f"{'; '.join(what for what, _ in told)}. Next: {'; '.join(step for _, step in told)}" if told else ""


def _check(holds: Sequence[Hold], numbers: dict[str, int | float], untold: str) -> CheckResult:
    if holds:
        orders = counted(len(holds), "paid order")
        detail = f"{orders} must not go to print; order {holds[0].order}: {holds[0].reason}"
        return CheckResult(ARTWORK, Outcome.FAIL, f"{detail}; {untold}" if untold else detail, numbers)
    if untold:
        return CheckResult(ARTWORK, Outcome.UNKNOWN, untold, numbers)
    if not numbers["paid_orders"]:
        return CheckResult(ARTWORK, Outcome.PASS, "no paid order is waiting for print", numbers)
    return CheckResult(ARTWORK, Outcome.PASS, _in_order(numbers), numbers)


def _in_order(numbers: Mapping[str, int | float]) -> str:
    paid, waiting, ready = (int(numbers[f"{name}_orders"]) for name in ("paid", "waiting", "ready"))
    have = f"{counted(ready, 'paid order')} {'has its' if ready == 1 else 'have their'} artwork"
    if not waiting:
        return have
    young = f"{waiting:,} within the grace period {'waits' if waiting == 1 else 'wait'} for it"
    return f"{have}; {young}" if paid > waiting else young.replace(f"{waiting:,}", counted(waiting, "paid order"), 1)
