"""What a look at the paid orders changes: holds are placed and lifted, and alerts raised and resolved, all at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.outbox import Alert, open_alerts, raise_alert, resolve_alert
from printflow_reliability.findings import Severity
from printflow_reliability.orders.holds import Hold, files_of, held, lift, place
from printflow_reliability.orders.judgement import OrderAnswer
from printflow_reliability.orders.problems import next_step
from printflow_reliability.settings import Settings
from printflow_reliability.text import storable

MANY = 10
"""More newly held orders than this in one look have one cause: they become one alert with a count, and so do those
that come after them while as many are still held."""
STORM = "orders:held-many"


@dataclass(frozen=True)
class Settled:
    """What a look changed, and what is held after it."""

    new: int
    lifted: int
    holds: tuple[Hold, ...]


def settle(
    records: psycopg.Connection[TupleRow],
    settings: Settings,
    answers: Sequence[OrderAnswer],
    before: Sequence[Hold],
    explained: Collection[str],
    *,
    everything: bool,
) -> Settled:
    """Place and lift holds, and queue an alert for each change, in one transaction.

    Args:
        records: where holds and alerts are kept.
        settings: the whole file.
        answers: of every order that was judged.
        before: the holds that were open.
        explained: orders that are no longer paid, and why is known.
        everything: whether every paid order was judged, and not only some.
    """
    judged = {answer.order: answer for answer in answers}
    known = {hold.order: hold for hold in before}
    with records.transaction():
        changed = [answer for answer in answers if answer.wrong and not _as_before(answer, known.get(answer.order))]
        new = place(records, changed)
        freed = [order for order in known if (judged[order].ready if order in judged else order in explained)]
        lift(records, freed)
        for order in freed:
            resolve_alert(records, settings, f"order:{order}")
        holds = held(records)
        newly = [answer for answer in changed if answer.order in new]
        for alert in alerts_of(newly, len(holds), storm=STORM in open_alerts(records, STORM)):
            raise_alert(records, settings, alert)
        if not holds and everything:
            resolve_alert(records, settings, STORM)
    return Settled(len(new), len(freed), holds)


def _as_before(answer: OrderAnswer, hold: Hold | None) -> bool:
    return hold is not None and list(hold.files) == list(files_of(answer))


def alerts_of(new: Sequence[OrderAnswer], holds: int, *, storm: bool) -> list[Alert]:
    """One alert an order; one for all where they are many, or join a storm that people have heard of and goes on."""
    if len(new) > MANY or (new and storm and holds > MANY):
        oldest = new[0]
        body = (
            f"The one paid longest ago is order {oldest.order}: {_first_problem(oldest)}.\nNext: printflow orders held"
        )
        return [Alert(STORM, Severity.CRITICAL, f"{holds:,} paid orders must not go to print", body, holds)]
    return [
        Alert(
            f"order:{answer.order}",
            Severity.CRITICAL,
            f"Paid order {answer.order} must not go to print",
            f"{_first_problem(answer)} (tenant {answer.tenant or 'unknown'}).\n"
            f"Next: {storable(next_step(answer.problems[0], answer.order, answer.tenant))}",
        )
        for answer in new
    ]


def _first_problem(answer: OrderAnswer) -> str:
    return storable(answer.problems[0].text)
