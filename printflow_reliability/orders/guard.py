"""Judging paid orders: is there artwork, under the tenant's own path, in the bucket, printable? What is not is held.

Where the database or S3 does not answer, nothing is concluded: no hold is placed and none is lifted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.outbox import Alert, raise_alert, resolve_alert
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.findings import Severity
from printflow_reliability.orders.holds import Hold, held, lift, place
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.pdf.judge import Judge, Judged
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.paid_orders import PaidItem, paid_items
from printflow_reliability.platform.tenancy import tenants
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings

CHECK = "orders.artwork"
MOST_FETCHED = 100
"""Files new to the ledger that one look fetches and inspects; of more, only presence is known until their turn."""
MANY = 10
"""More newly held orders than this in one look have one cause: they become one alert with a count."""


@dataclass(frozen=True)
class OrderAnswer:
    """The guard's answer for one order: ready, waiting within the grace period, or not ready and why."""

    order: str
    tenant: str
    paid_at: datetime
    problems: tuple[tuple[str | None, str], ...] = ()
    waiting: bool = False

    @property
    def ready(self) -> bool:
        """Whether the order may go to print."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """As `orders check` prints it."""
        return {"order": self.order, "ready": self.ready, "reasons": [problem for _, problem in self.problems]}


@dataclass(frozen=True)
class GuardReport:
    """What one look at the paid orders found."""

    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float] = field(default_factory=dict)
    held: tuple[Hold, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As `orders held` prints it."""
        return {"held": [hold.as_json() for hold in self.held], **self.numbers}


def judge_paid_orders(settings: Settings, *, orders: Sequence[str] | None = None) -> GuardReport:
    """Judge every paid order, or those named; place and lift holds, and put an alert for each change in the outbox."""
    try:
        answers = judge(settings, orders)
        # An order may be refunded, or its artwork arrive, while we look: only what is still wrong is held.
        suspects = [answer.order for answer in answers if not answer.ready and not answer.waiting]
        again = {answer.order: answer for answer in judge(settings, suspects)} if suspects else {}
        settled = [again.get(answer.order, answer) for answer in answers if answer.ready or answer.waiting]
        settled += again.values()
        with open_records(settings.records) as connection:
            placed, lifted = _settle(connection, settings, settled, orders)
            holds = held(connection)
    except CouldNotTell as away:
        return GuardReport((CheckResult(CHECK, Outcome.UNKNOWN, away.what),))
    if orders is not None:
        holds = tuple(hold for hold in holds if hold.order in orders)
    numbers = {
        "paid_orders": len(settled),
        "ready_orders": sum(answer.ready for answer in settled),
        "waiting_orders": sum(answer.waiting for answer in settled),
        "held_orders": len(holds),
        "newly_held": placed,
        "lifted": lifted,
    }
    return GuardReport((_check(holds, numbers),), numbers, holds)


def check_order(settings: Settings, order: str) -> OrderAnswer:
    """The guard's answer for one order, from the database and the bucket as they are now.

    Raises:
        ConfigError: no paid order has that number.
        CouldNotTell: the database or S3 does not answer; the order must not go on.
    """
    answers = judge(settings, [order])
    if not answers:
        raise ConfigError(f"there is no paid order {order} waiting for print", "printflow orders held lists held ones")
    return answers[0]


def judge(settings: Settings, orders: Sequence[str] | None = None) -> list[OrderAnswer]:
    """The answer for every paid order, or for those named; nothing is written.

    Raises:
        CouldNotTell: the database or S3 does not answer.
    """
    if orders is None:
        items = paid_items(settings)
    else:
        items = tuple(item for order in orders for item in paid_items(settings, order))
    bases = {tenant.id: tenant.base_path for tenant in tenants(settings)}
    placed = {item.key for item in items if item.key is not None and _in_place(item.key, bases.get(item.tenant))}
    bucket = settings.bucket_named(settings.orders.bucket)
    with open_records(settings.records) as records, InspectionWorker(settings.pdf) as worker:
        judge = Judge(bucket, records, worker)
        files = {judged.key: judged for judged in judge.judge(sorted(placed), most_fetched=MOST_FETCHED)}
    problems = [_problem(item, bases.get(item.tenant), files) for item in items]
    now = datetime.now(UTC)
    answers = []
    judged = sorted(zip(items, problems, strict=True), key=lambda pair: pair[0].order)
    for order, pairs in groupby(judged, key=lambda pair: pair[0].order):
        found = list(pairs)
        paid_at = found[0][0].paid_at
        wrong = tuple((item.key, problem) for item, problem in found if problem)
        young = (now - paid_at).total_seconds() < settings.orders.grace_seconds
        answers.append(OrderAnswer(order, found[0][0].tenant, paid_at, wrong, waiting=bool(wrong) and young))
    return answers


def _in_place(key: str, base: str | None) -> bool:
    """Whether a key lies under its tenant's own base path."""
    return base is not None and key.startswith(base) and ".." not in key.split("/")


def _problem(item: PaidItem, base: str | None, files: Mapping[str, Judged]) -> str | None:
    """What is wrong with one item's artwork, as a sentence's part; None where nothing is."""
    if item.key is None:
        return "print-ready file was never linked"
    if not _in_place(item.key, base):  # also where its rightful owner refers to it and it was judged for them
        return "print-ready file lies outside its tenant's own path"
    judged = files[item.key]
    if judged.head is None:
        return "print-ready file is not in the bucket"
    if judged.inspection is not None and judged.inspection.verdict in (Verdict.UNUSABLE, Verdict.UNPRINTABLE):
        return f"print-ready PDF is {judged.inspection.verdict}: {judged.inspection.reason}"
    return None


def _settle(
    connection: psycopg.Connection[TupleRow],
    settings: Settings,
    answers: Iterable[OrderAnswer],
    orders: Sequence[str] | None,
) -> tuple[int, int]:
    """Place and lift holds; how many were new, and how many were lifted."""
    wrong = {answer.order: answer for answer in answers if not answer.ready and not answer.waiting}
    new = []
    with connection.transaction():
        for answer in wrong.values():
            files: list[dict[str, str | None]] = [{"key": key, "problem": text} for key, text in answer.problems]
            reason = answer.problems[0][1]
            if place(connection, answer.order, answer.tenant, answer.paid_at, reason, files):
                new.append(answer)
        # What is no longer in the paid query (fulfilled, refunded) needs no hold either.
        ended = [hold.order for hold in held(connection) if hold.order not in wrong]
        gone = [order for order in ended if orders is None or order in orders]
        for order in gone:
            lift(connection, order)
            resolve_alert(connection, settings, f"order:{order}")
        for alert in _alerts(new):
            raise_alert(connection, settings, alert)
        if not wrong and orders is None:
            resolve_alert(connection, settings, "orders:held-many")
    return len(new), len(gone)


def _alerts(new: Sequence[OrderAnswer]) -> list[Alert]:
    if len(new) > MANY:
        oldest = min(new, key=lambda answer: answer.paid_at)
        title = f"{len(new)} paid orders must not go to print"
        body = (
            f"The one paid longest ago is order {oldest.order}: {oldest.problems[0][1]}.\nNext: printflow orders held"
        )
        return [Alert("orders:held-many", Severity.CRITICAL, title, body)]
    return [
        Alert(
            f"order:{answer.order}",
            Severity.CRITICAL,
            f"Paid order {answer.order} must not go to print",
            f"{answer.problems[0][1]} (tenant {answer.tenant}).\nNext: printflow orders check {answer.order}",
        )
        for answer in new
    ]


def _check(holds: Sequence[Hold], numbers: Mapping[str, int]) -> CheckResult:
    if holds:
        detail = f"{len(holds)} paid orders must not go to print; order {holds[0].order}: {holds[0].reason}"
        return CheckResult(CHECK, Outcome.FAIL, detail, numbers)
    return CheckResult(CHECK, Outcome.PASS, f"{numbers['paid_orders']} paid orders have their artwork", numbers)
