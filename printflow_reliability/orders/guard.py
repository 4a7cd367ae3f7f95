"""The guard: every paid order is judged; what has no usable artwork is held and told, what was mended is freed.

Where the database or S3 does not answer, nothing is concluded: no hold is placed and none is lifted. A hold is lifted
for three reasons only: the order is right now, the platform says that it has ended, or a named person lets it go.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.outbox import Alert, raise_alert, resolve_alert
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.findings import Severity
from printflow_reliability.orders import vanished
from printflow_reliability.orders.holds import Hold, files_of, held, lift, place
from printflow_reliability.orders.judgement import OrderAnswer, judge_items, keys_in_place
from printflow_reliability.orders.overrides import in_force
from printflow_reliability.orders.problems import next_step
from printflow_reliability.orders.vanished import Vanished
from printflow_reliability.pdf.judge import Judge
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.paid_orders import PaidItem, PaidItems, paid_items
from printflow_reliability.platform.tenancy import tenants
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings

CHECK = "orders.artwork"
MOST_FETCHED = 100
"""Files new to the ledger that one look fetches and inspects; of more, only presence is known until their turn."""
INSPECTING_SECONDS = 20.0
"""How long one look goes on to fetch files; what is left has its turn at the next one."""
MANY = 10
"""More newly held orders than this in one look have one cause: they become one alert with a count."""

Records = psycopg.Connection[TupleRow]


@dataclass(frozen=True)
class GuardReport:
    """What one look at the paid orders found."""

    checks: tuple[CheckResult, ...]
    numbers: dict[str, int | float] = field(default_factory=dict)
    held: tuple[Hold, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As `orders held` prints it."""
        return {"held": [hold.as_json() for hold in self.held], **self.numbers}


@dataclass(frozen=True)
class _Settled:
    """What a look changed."""

    new: Sequence[OrderAnswer]
    lifted: int
    holds: tuple[Hold, ...]


def judge_paid_orders(settings: Settings, *, orders: Sequence[str] | None = None) -> GuardReport:
    """Judge every paid order, or those named; place and lift holds, and put an alert for each change in the outbox."""
    try:
        paid = paid_items(settings, orders)
        with open_records(settings.records) as records, InspectionWorker(settings.pdf) as worker:
            open_holds = held(records)
            answers = _judge(settings, paid.items, records, worker)
            answers = _confirmed(settings, answers, {hold.order for hold in open_holds}, records, worker)
            missing = _explained(settings, records, open_holds, paid, orders)
            settled = _settle(records, settings, answers, open_holds, missing, orders)
    except CouldNotTell as away:
        return GuardReport((CheckResult(CHECK, Outcome.UNKNOWN, away.sentence),))
    holds = settled.holds if orders is None else tuple(hold for hold in settled.holds if hold.order in orders)
    numbers: dict[str, int | float] = {
        "paid_orders": len(answers),
        "ready_orders": sum(answer.ready for answer in answers),
        "waiting_orders": sum(answer.waiting and not answer.ready for answer in answers),
        "held_orders": len(holds),
        "newly_held": len(settled.new),
        "lifted": settled.lifted,
        "unexplained_orders": len(missing.unexplained),
    }
    return GuardReport((_check(holds, numbers, paid, missing),), numbers, holds)


def check_order(settings: Settings, order: str) -> OrderAnswer:
    """The guard's answer for one order, from the database and the bucket as they are now.

    Raises:
        ConfigError: no paid order has that number.
        CouldNotTell: the database or S3 does not answer; the order must not go on.
    """
    paid = paid_items(settings, [order])
    with open_records(settings.records) as records, InspectionWorker(settings.pdf) as worker:
        answers = _judge(settings, paid.items, records, worker)
    if not answers:
        raise ConfigError(f"there is no paid order {order} waiting for print", "printflow orders held lists held ones")
    return answers[0]


def _judge(
    settings: Settings, items: Sequence[PaidItem], records: Records, worker: InspectionWorker
) -> tuple[OrderAnswer, ...]:
    """The answer for each order of these items.

    Raises:
        CouldNotTell: the database or S3 does not answer, or the tenants' query has fallen to nothing.
    """
    if not items:
        return ()
    bases = {tenant.id: tenant.base_path for tenant in tenants(settings)}
    if not bases:
        raise CouldNotTell(
            "tenancy.tenants returns nothing, so nobody's files can be told apart", "mend the query in printflow.toml"
        )
    judge = Judge(settings.bucket_named(settings.orders.bucket), records, worker)
    keys = sorted(keys_in_place(items, bases))
    until = time.monotonic() + INSPECTING_SECONDS
    files = {judged.key: judged for judged in judge.judge(keys, most_fetched=MOST_FETCHED, until=until)}
    return judge_items(items, bases, files, in_force(records), datetime.now(UTC), settings.orders.grace_seconds)


def _confirmed(
    settings: Settings,
    answers: Sequence[OrderAnswer],
    held_before: set[str],
    records: Records,
    worker: InspectionWorker,
) -> tuple[OrderAnswer, ...]:
    """Look once more at what would be held anew: it may be refunded, or its artwork arrive, while we look."""
    suspects = [answer.order for answer in answers if answer.wrong and answer.order not in held_before]
    if not suspects:
        return tuple(answers)
    again = {answer.order: answer for answer in _judge(settings, paid_items(settings, suspects).items, records, worker)}
    return tuple(
        again.get(answer.order, answer) for answer in answers if answer.order not in suspects or answer.order in again
    )


def _explained(
    settings: Settings, records: Records, holds: Sequence[Hold], paid: PaidItems, orders: Sequence[str] | None
) -> Vanished:
    """What became of the orders that were known or held, and are no longer paid."""
    returned = {item.order for item in paid.items}
    known = vanished.known_orders(records)
    on_hold = {hold.order for hold in holds}
    if orders is not None:
        # One order's look cannot tell whether the whole query has fallen to nothing; the lookup can.
        named = set(orders)
        return vanished.explain(settings, known & named, on_hold & named, returned or known - named)
    found = vanished.explain(settings, known, on_hold, returned)
    vanished.remember(records, returned, known, found)
    return found


def _settle(
    connection: Records,
    settings: Settings,
    answers: Iterable[OrderAnswer],
    open_holds: Sequence[Hold],
    missing: Vanished,
    orders: Sequence[str] | None,
) -> _Settled:
    """Place and lift holds, and queue an alert for each change, in one transaction."""
    bucket = settings.orders.bucket
    by_order = {answer.order: answer for answer in answers}
    before = {hold.order: hold for hold in open_holds}
    new = []
    with connection.transaction():
        for answer in by_order.values():
            if not answer.wrong:
                continue
            known = before.get(answer.order)
            if known is not None and list(known.files) == list(files_of(answer, bucket)):
                continue
            if place(connection, answer, bucket):
                new.append(answer)
        freed = [
            order
            for order in before
            if (order in by_order and by_order[order].ready) or (order not in by_order and order in missing.explained)
        ]
        for order in freed:
            lift(connection, order)
            resolve_alert(connection, settings, f"order:{order}")
        for alert in _alerts(new, bucket):
            raise_alert(connection, settings, alert)
        holds = held(connection)
        if not holds and orders is None:
            resolve_alert(connection, settings, "orders:held-many")
    return _Settled(new, len(freed), holds)


def _alerts(new: Sequence[OrderAnswer], bucket: str) -> list[Alert]:
    if len(new) > MANY:
        oldest = new[0]
        title = f"{len(new)} paid orders must not go to print"
        body = (
            f"The one paid longest ago is order {oldest.order}: {oldest.problems[0].text}.\nNext: printflow orders held"
        )
        return [Alert("orders:held-many", Severity.CRITICAL, title, body)]
    return [
        Alert(
            f"order:{answer.order}",
            Severity.CRITICAL,
            f"Paid order {answer.order} must not go to print",
            f"{answer.problems[0].text} (tenant {answer.tenant or 'unknown'}).\n"
            f"Next: {next_step(answer.problems[0], answer.order, answer.tenant, bucket)}",
        )
        for answer in new
    ]


def _check(holds: Sequence[Hold], numbers: dict[str, int | float], paid: PaidItems, missing: Vanished) -> CheckResult:
    untold = [missing.describe()] if missing.unexplained else []
    if paid.without_order:
        rows = "1 row" if paid.without_order == 1 else f"{paid.without_order} rows"
        untold.append(f"{rows} of orders.paid without an order's number")
    if holds:
        orders = "1 paid order" if len(holds) == 1 else f"{len(holds):,} paid orders"
        detail = "; ".join([f"{orders} must not go to print; order {holds[0].order}: {holds[0].reason}", *untold])
        return CheckResult(CHECK, Outcome.FAIL, detail, numbers)
    if untold:
        return CheckResult(CHECK, Outcome.UNKNOWN, "; ".join(untold), numbers)
    if not numbers["paid_orders"]:
        return CheckResult(CHECK, Outcome.PASS, "no paid order is waiting for print", numbers)
    orders = (
        "1 paid order has its" if numbers["paid_orders"] == 1 else f"{numbers['paid_orders']:,} paid orders have their"
    )
    waiting = numbers["waiting_orders"]
    young = f"; {waiting:,} of them still within the grace period" if waiting else ""
    return CheckResult(CHECK, Outcome.PASS, f"{orders} artwork{young}", numbers)
