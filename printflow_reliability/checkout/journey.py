"""The journey itself: step by step until one goes wrong, and a clean-up by the platform's own cancel in any case.

It knows a browser, a shop's database and files by their protocols only, so that it is tested without any of them.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from printflow_reliability.checkout.steps import Answer, Browser, BrowserDead, Carried, Step, awaited
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.platform.synthetic_orders import SyntheticOrder
from printflow_reliability.text import counted, seconds

MOST_CANCELLED = 10
"""Orders that one clean-up has cancelled; the others have their turn at the next."""
NOT_PROVEN = "no order of this run is known, so that the shop may be another's, and nothing was cancelled there"


class Shop(Protocol):
    """The synthetic tenant's orders as the platform's database has them."""

    def orders(self) -> Sequence[SyntheticOrder]:
        """Every order, ended or not.

        Raises:
            CouldNotTell: the database does not answer.
            ConfigError: the query is refused.
        """

    def judge_tenant(self) -> "Judged":
        """Whether the guard will know whose the order is; raises as `orders`."""


class Files(Protocol):
    """The print files of an order."""

    def judge(self, order: SyntheticOrder, /) -> "Judged":
        """Whether every print file of the order is in its place and can be printed.

        Raises:
            CouldNotTell: the bucket or the database does not answer.
        """

    def compare(self, order: SyntheticOrder, download: Path, /) -> "Judged":
        """Whether what was downloaded can be printed, and is a file of this very order.

        Raises:
            CouldNotTell: as `judge`.
        """


@dataclass(frozen=True)
class Judged:
    """What is said of something, as a whole sentence; empty where nothing is wrong."""

    outcome: Outcome
    why: str = ""


@dataclass(frozen=True)
class Plan:
    """What is tried.

    Attributes:
        tenant: whose shop it is.
        steps: the way to the download, one of which pays.
        cancel: the way to cancel one order.
        order_before_payment: whether the order must be there before it is paid.
        paid_within, artwork_within: seconds that a payment or a cancel, and then the print files, may take.
        ended: the statuses of orders that are over.
    """

    tenant: str
    steps: Sequence[Step]
    cancel: Sequence[Step]
    order_before_payment: bool
    paid_within: float
    artwork_within: float
    ended: Sequence[str]


@dataclass(frozen=True)
class StepResult:
    """How one step went; a step that was not reached has no outcome."""

    name: str
    outcome: Outcome | None
    why: str = ""
    carried: Carried | None = None


@dataclass
class Journey:
    """What has happened so far.

    Attributes:
        steps: those that were begun, in order.
        order: the order that was placed; None where none is known.
        outcome, why: how it ended, and the reason as a sentence.
        before: the tenant's orders at its start; None where it did not begin.
        numbers: seconds from the payment to what followed from it.
    """

    steps: list[StepResult] = field(default_factory=list)
    order: SyntheticOrder | None = None
    outcome: Outcome = Outcome.PASS
    why: str = ""
    before: frozenset[str] | None = None
    numbers: dict[str, int | float] = field(default_factory=dict)


class _Stopped(Exception):
    """The journey goes no further."""

    def __init__(self, outcome: Outcome, why: str) -> None:
        super().__init__(why)
        self.outcome, self.why = outcome, why


class Traveller:
    """Goes the way once."""

    def __init__(
        self,
        plan: Plan,
        browser: Browser,
        shop: Shop,
        files: Files,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._plan, self._browser, self._shop, self._files = plan, browser, shop, files
        self._clock, self._sleep = clock, sleep
        self.journey = Journey()

    def go(self) -> Journey:
        """Order, pay, wait for the print files and download them; what went wrong is in the answer."""
        journey = self.journey
        try:
            journey.before = frozenset(order.order for order in self._shop.orders())
            proof = self._browser.prove()
            if not proof.ok:
                raise _Stopped(_outcome_of(proof), f"nothing was ordered: {proof.why}")
            for step in self._plan.steps:
                self._take(step)
        except _Stopped as stopped:
            journey.outcome, journey.why = stopped.outcome, stopped.why
        except (CouldNotTell, ConfigError) as away:
            journey.outcome, journey.why = Outcome.UNKNOWN, away.sentence
        return journey

    def _take(self, step: Step) -> None:
        if step.payment:
            self._before_payment(step)
            self._require(self._shop.judge_tenant())
        order = self.journey.order
        meant = step.of_order(order.order) if order is not None else step
        try:
            carried = self._browser.carry_out(meant)
        except BrowserDead as dead:
            self.journey.steps.append(StepResult(step.name, Outcome.UNKNOWN, dead.what))
            raise
        outcome = Outcome.PASS if carried.ok else _outcome_of(carried)
        self.journey.steps.append(StepResult(step.name, outcome, carried.why, carried))
        if not carried.ok:
            said = f"nothing was paid: {carried.why}" if carried.refused else f'step "{step.name}": {carried.why}'
            raise _Stopped(outcome, said)
        if step.payment:
            self._after_payment()
        if carried.download is not None and self.journey.order is not None:
            self._require(self._files.compare(self.journey.order, carried.download))

    def _before_payment(self, step: Step) -> None:
        """An order of the tenant's own proves that this is its shop."""
        if not self._plan.order_before_payment:
            return
        new = self._await(lambda: self._new() or None, step.limit_seconds)
        if not new:
            why = f"no new order of tenant {self._plan.tenant} is in the database, so that the shop may be another's"
            raise _Stopped(Outcome.FAIL, f"nothing was paid: {why}")
        if len(new) > 1 or new[0].paid:
            said = f"{counted(len(new), 'new order')} of the tenant instead of an unpaid one"
            raise _Stopped(Outcome.FAIL, f"nothing was paid: there {'is' if len(new) == 1 else 'are'} {said}")
        self.journey.order = new[0]

    def _after_payment(self) -> None:
        plan, paid_at = self._plan, self._clock()

        def paid() -> SyntheticOrder | None:
            return next((order for order in self._new() if order.paid and self._is_ours(order)), None)

        order = self._await(paid, plan.paid_within)
        if order is None:
            known = f"order {self.journey.order.order}" if self.journey.order else "no new order of the tenant"
            verb = "was not paid" if self.journey.order else "was paid"
            raise _Stopped(Outcome.FAIL, f"{known} {verb} within {seconds(plan.paid_within)} after the payment")
        self.journey.order = order
        self.journey.numbers["paid_seconds"] = round(self._clock() - paid_at, 3)

        def made() -> SyntheticOrder | None:
            return next((found for found in self._new() if found.order == order.order and found.made), None)

        linked = self._await(made, plan.artwork_within)
        if linked is None:
            why = f"is paid, and its print file was not linked within {seconds(plan.artwork_within)}"
            raise _Stopped(Outcome.FAIL, f"order {order.order} {why}")
        self.journey.order = linked
        self.journey.numbers["artwork_seconds"] = round(self._clock() - paid_at, 3)
        self._require(self._files.judge(linked))

    def _is_ours(self, order: SyntheticOrder) -> bool:
        return self.journey.order is None or order.order == self.journey.order.order

    def _new(self) -> list[SyntheticOrder]:
        return [order for order in self._shop.orders() if order.order not in (self.journey.before or ())]

    @staticmethod
    def _require(judged: Judged) -> None:
        if judged.outcome is not Outcome.PASS:
            raise _Stopped(judged.outcome, judged.why)

    def _await(self, look: Callable[[], Answer | None], limit: float) -> Answer | None:
        return awaited(look, limit, self._clock, self._sleep)


@dataclass(frozen=True)
class CleanUp:
    """What became of the tenant's open orders.

    Attributes:
        cancelled: orders that the platform has ended since.
        steps: the steps that were taken for it.
    """

    outcome: Outcome
    why: str
    cancelled: tuple[str, ...] = ()
    steps: tuple[StepResult, ...] = ()


def clean_up(
    plan: Plan,
    browser: Browser | None,
    shop: Shop,
    journey: Journey,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> CleanUp:
    """Have the platform cancel every order of the tenant that is open, also of journeys that were interrupted.

    Without a browser nothing is cancelled, and what is open is told; likewise where the journey had no order placed:
    nothing then shows whose shop it is, and where tenants number alike, a customer's order would be cancelled.
    """
    steps: list[StepResult] = []
    asked: list[str] = []
    troubles: dict[str, str] = {}
    gone = ""
    left: list[str] | None
    try:
        found = shop.orders()
        if browser is None or not _placed(plan, journey, found):
            gone = "there is no browser to cancel it with" if browser is None else NOT_PROVEN
        else:
            for order in _in_turn([order for order in found if not order.ended(plan.ended)], journey):
                why, taken = _cancelled(plan, browser, order, steps)
                if why:
                    troubles[order.order] = why
                if taken:
                    asked.append(order.order)
        awaited(lambda: None if _open_of(plan, shop, asked) else True, plan.paid_within, clock, sleep)
        left = [order.order for order in _open(plan, shop)]
    except BrowserDead as dead:
        gone, left = dead.what, _left(plan, shop)
    except (CouldNotTell, ConfigError) as away:
        return CleanUp(Outcome.UNKNOWN, away.sentence, steps=tuple(steps))
    if left is None:
        return CleanUp(Outcome.UNKNOWN, f"which orders are open is not known: {gone}", steps=tuple(steps))
    done = tuple(order for order in dict.fromkeys((*asked, *troubles)) if order not in left)
    if left:
        shown = f"{counted(len(left), 'order')} of tenant {plan.tenant} {'is' if len(left) == 1 else 'are'} still open"
        such = next((order for order in left if order in troubles), left[0])
        trouble = troubles.get(such) or gone
        why = f"{shown}, such as order {such}" + (f": {trouble}" if trouble else "")
        return CleanUp(Outcome.FAIL, why, done, tuple(steps))
    said = f"the platform cancelled {counted(len(done), 'order')}" if done else "no order was left to be cancelled"
    return CleanUp(Outcome.PASS, said, done, tuple(steps))


def _placed(plan: Plan, journey: Journey, orders: Sequence[SyntheticOrder]) -> bool:
    """Whether the tenant has an order that the journey placed: the shop is then the tenant's own.

    A new one might be somebody else's; where orders are there only once they are paid, nothing else tells.
    """
    if plan.order_before_payment:
        return journey.order is not None
    return journey.before is not None and any(order.order not in journey.before for order in orders)


def _in_turn(orders: Sequence[SyntheticOrder], journey: Journey) -> list[SyntheticOrder]:
    """Orders to cancel: the journey's own first, the others by lot, so that no stuck ones keep the rest from a turn."""
    before = journey.before or frozenset()
    by_lot = random.sample(orders, len(orders))
    return sorted(by_lot, key=lambda order: order.order in before)[:MOST_CANCELLED]


def _cancelled(plan: Plan, browser: Browser, order: SyntheticOrder, steps: list[StepResult]) -> tuple[str, bool]:
    """Cancel an order: what went wrong, or nothing, and whether every step was taken.

    A key of live mode that a page was kept from sending is told, and is no reason to leave an order open.
    """
    refused = ""
    for step in plan.cancel:
        carried = browser.carry_out(step.of_order(order.order))
        outcome = Outcome.PASS if carried.ok else _outcome_of(carried)
        steps.append(StepResult(f"{step.name} {order.order}", outcome, carried.why, carried))
        why = "" if carried.ok else f'step "{step.name}": {carried.why}'
        if why and not carried.refused:
            return why, False
        refused = refused or why
    return refused, True


def _open(plan: Plan, shop: Shop) -> list[SyntheticOrder]:
    return [order for order in shop.orders() if not order.ended(plan.ended)]


def _open_of(plan: Plan, shop: Shop, asked: Sequence[str]) -> list[SyntheticOrder]:
    return [order for order in _open(plan, shop) if order.order in asked]


def _left(plan: Plan, shop: Shop) -> list[str] | None:
    """The numbers of open orders; None where the database does not tell."""
    try:
        return [order.order for order in _open(plan, shop)]
    except (CouldNotTell, ConfigError):
        return None


def _outcome_of(carried: Carried) -> Outcome:
    return Outcome.UNKNOWN if carried.unreached else Outcome.FAIL
