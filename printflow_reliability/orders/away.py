"""The guard while the records are away: the same judgement, from the databases and the bucket alone.

Holds go to the spool. What was inspected before is not known then: a file that is there and has not been inspected
again yet holds nobody, and everything else that is wrong does.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from printflow_reliability.alerts.results import alerts_of, cleared_by
from printflow_reliability.alerts.spooled import SpooledAlerts
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.orders import settling
from printflow_reliability.orders.guard_pass import GuardPass, Remembered, pace_from
from printflow_reliability.orders.holds import files_of
from printflow_reliability.orders.judgement import OrderAnswer
from printflow_reliability.orders.known import Known
from printflow_reliability.orders.names import ARTWORK
from printflow_reliability.orders.problems import Kind
from printflow_reliability.pdf.ledger import Verdicts
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.paid_orders import paid_items
from printflow_reliability.records.spool import entry
from printflow_reliability.records.spool_lines import HELD, LIFTED, Entry
from printflow_reliability.settings import Settings
from printflow_reliability.storage.lookup import By
from printflow_reliability.text import counted, storable

HOLD = """
INSERT INTO holds (order_id, tenant, paid_at, reason, files, since)
VALUES (%(order)s, %(tenant)s, %(paid_at)s, %(reason)s, %(files)s, %(at)s)
ON CONFLICT (order_id) WHERE lifted_at IS NULL DO NOTHING"""
LIFT = """
UPDATE holds SET lifted_at = %(at)s, checked_at = %(at)s
WHERE order_id = %(order)s AND lifted_at IS NULL AND since <= %(at)s"""


@dataclass(frozen=True)
class LookAway:
    """What one look without records found.

    Attributes:
        answers: of every paid order; empty where they could not be judged.
        check: what is said of all.
    """

    answers: tuple[OrderAnswer, ...]
    check: CheckResult

    @property
    def judged(self) -> bool:
        """Whether the paid orders were judged at all."""
        return self.check.outcome is not Outcome.UNKNOWN


def look_away(settings: Settings, known: Known, ledger: Verdicts, held: Collection[str]) -> LookAway:
    """Judge every paid order without records.

    Args:
        settings: the whole file.
        known: what the records last said.
        ledger: what this process has inspected.
        held: orders that are held already, which need no second look.
    """
    began = time.monotonic()
    try:
        items = paid_items(settings).items
        with InspectionWorker(settings.pdf) as worker:
            overrides = known.overrides_at(datetime.now(UTC))
            guard_pass = GuardPass(settings, ledger, worker, Remembered(overrides), pace_from(began, time.monotonic()))
            first = tuple(map(_patient, guard_pass.check(items, By.LISTING)))
            answers = tuple(map(_patient, guard_pass.confirmed(first, {*held})))
    except (CouldNotTell, ConfigError) as away:
        return LookAway((), CheckResult(ARTWORK, Outcome.UNKNOWN, away.sentence))
    return LookAway(answers, _check(answers))


def settle_away(settings: Settings, look: LookAway, known: Known, alerts: SpooledAlerts) -> None:
    """Spool what changed, the holds with their alerts at once: neither is ever there without the other."""
    on_hold = held_in(alerts.events)
    new = [answer for answer in look.answers if answer.wrong and answer.order not in known.told | on_hold]
    freed = [answer.order for answer in look.answers if answer.ready and answer.order in on_hold]
    wrong = sum(answer.wrong for answer in look.answers)
    entries = [_held(answer) for answer in new]
    for alert in [*settling.alerts_of(new, wrong, storm=settling.STORM in alerts.open_keys), *alerts_of([look.check])]:
        entries += alerts.raised(settings, alert)
    for order in freed:
        entries += [entry(LIFTED, order=order), *alerts.resolved(f"order:{order}")]
    for key in cleared_by([look.check]):
        entries += alerts.resolved(key)
    alerts.keep(entries)


def held_in(events: Sequence[Entry]) -> frozenset[str]:
    """The orders that a spool holds."""
    found: set[str] = set()
    for event in events:
        if event["kind"] == HELD:
            found.add(event["order"])
        elif event["kind"] == LIFTED:
            found.discard(event["order"])
    return frozenset(found)


def fold_held(records: psycopg.Connection[TupleRow], held: Entry) -> None:
    """Place a hold of the spool, unless the order is held already."""
    records.execute(HOLD, {**held, "files": Jsonb(held["files"])})


def fold_lifted(records: psycopg.Connection[TupleRow], lifted: Entry) -> None:
    """Lift a hold that was lifted while the records were away."""
    records.execute(LIFT, lifted)


def _held(answer: OrderAnswer) -> Entry:
    return entry(
        HELD,
        order=answer.order,
        tenant=answer.tenant,
        paid_at=answer.paid_at and answer.paid_at.isoformat(),
        reason=storable(answer.problems[0].text),
        files=files_of(answer),
    )


def _patient(answer: OrderAnswer) -> OrderAnswer:
    """An order whose files are there and were not inspected again yet waits for that."""
    uninspected = answer.problems and all(problem.kind is Kind.UNINSPECTED for problem in answer.problems)
    return replace(answer, waiting=True) if uninspected else answer


def _check(answers: Sequence[OrderAnswer]) -> CheckResult:
    wrong = [answer for answer in answers if answer.wrong]
    numbers: dict[str, int | float] = {
        "paid_orders": len(answers),
        "ready_orders": sum(answer.ready for answer in answers),
        "held_orders": len(wrong),
    }
    if wrong:
        first = f"order {wrong[0].order}: {storable(wrong[0].problems[0].text)}"
        detail = f"{counted(len(wrong), 'paid order')} must not go to print; {first}"
        return CheckResult(ARTWORK, Outcome.FAIL, detail, numbers)
    return CheckResult(ARTWORK, Outcome.PASS, f"{counted(len(answers), 'paid order')}, none to be held", numbers)
