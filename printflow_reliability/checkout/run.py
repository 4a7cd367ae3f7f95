"""`printflow checkout`: one synthetic checkout from the browser's start to the cancel of its order."""

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from printflow_reliability.checkout import screenshots
from printflow_reliability.checkout.files import OrderFiles
from printflow_reliability.checkout.journey import CleanUp, Journey, Judged, Plan, StepResult, Traveller, clean_up
from printflow_reliability.checkout.report import CheckoutReport, report_of
from printflow_reliability.checkout.session import installed, opened
from printflow_reliability.checkout.steps import Step
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.orders.synthetic import is_synthetic
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.synthetic_orders import SyntheticOrder, synthetic_orders
from printflow_reliability.platform.tenancy import tenancy
from printflow_reliability.records.session import RecordsSession
from printflow_reliability.settings import CheckoutSettings, Settings

LOCK = "synthetic checkout"
"""The records' lock of whoever orders as the synthetic tenant: new orders are known by being new."""
MISSING = "[checkout] is missing in printflow.toml, so that no shop is known to order in"


@dataclass(frozen=True)
class PlatformShop:
    """The orders as the platform's database has them."""

    settings: Settings

    def orders(self) -> tuple[SyntheticOrder, ...]:
        """As `checkout.orders` returns them."""
        return synthetic_orders(self.settings)

    def judge_tenant(self) -> Judged:
        """Whether `tenancy.tenants` returns the tenant: the guard knows its orders by that id.

        It is asked before the payment, since a shop may make its tenant at the first visit.
        """
        known, tenant = tenancy(self.settings), self.settings.checkout and self.settings.checkout.tenant
        if any(is_synthetic(self.settings, other) for other in (*(every.id for every in known.tenants), *known.odd)):
            return Judged(Outcome.PASS)
        why = f"tenancy.tenants returns no tenant {tenant}, so that the guard would not know the order"
        return Judged(Outcome.FAIL, f"nothing was paid: {why}; let checkout.tenant be an id that it returns")


def run_checkout(settings: Settings) -> CheckoutReport:
    """Order, pay in test mode, wait, inspect, download, compare, and have the platform cancel the order.

    Raises:
        ConfigError: no checkout is configured, or no browser is installed.
        LockHeld: another one is at work.
        CouldNotTell: the records do not answer.
    """
    checkout = settings.checkout
    if checkout is None:
        raise ConfigError(MISSING, "see docs/platform/checkout.md")
    installed(settings, checkout)
    began, at = time.monotonic(), datetime.now(UTC)
    plan, shop = _plan(settings, checkout), PlatformShop(settings)
    journey, cleaned = Journey(), CleanUp(Outcome.UNKNOWN, "")
    pictures: dict[str, str] = {}
    notes: list[str] = []
    version = ""
    with RecordsSession(settings.records, LOCK), ExitStack() as stack:
        try:
            shop.orders()  # nothing is begun that nobody could follow
            browser = stack.enter_context(opened(settings, checkout))
        except CouldNotTell as away:
            journey = Journey(outcome=Outcome.UNKNOWN, why=away.sentence)
            cleaned = clean_up(plan, None, shop, journey)
        else:
            version = browser.version
            worker = stack.enter_context(InspectionWorker(settings.pdf))
            journey = Traveller(plan, browser, shop, OrderFiles(settings, checkout.tenant, worker)).go()
            cleaned = clean_up(plan, browser, shop, journey)
            run = f"{at:%Y%m%dT%H%M%SZ}-{os.getpid()}"
            try:
                pictures.update(screenshots.keep(settings, checkout, run, _taken([*journey.steps, *cleaned.steps])))
            except (CouldNotTell, OSError) as refused:
                notes.append(f"the screenshots were not kept: {refused}")
    return report_of(
        settings,
        journey,
        cleaned,
        names=[step.name for step in plan.steps],
        tenant=checkout.tenant,
        screenshots=pictures,
        took=time.monotonic() - began,
        browser=version,
        notes=notes,
    )


def _plan(settings: Settings, checkout: CheckoutSettings) -> Plan:
    steps, cancel = (
        tuple(Step.of(step, checkout.base_url, settings.secrets) for step in wanted)
        for wanted in (checkout.step, checkout.cancel)
    )
    return Plan(
        tenant=checkout.tenant,
        steps=steps,
        cancel=cancel,
        order_before_payment=checkout.order_before_payment,
        paid_within=checkout.paid_within_seconds,
        artwork_within=checkout.artwork_within_seconds,
        ended=settings.orders.ended,
    )


def _taken(results: list[StepResult]) -> list[tuple[str, Path]]:
    return [
        (result.name, result.carried.screenshot)
        for result in results
        if result.carried is not None and result.carried.screenshot is not None
    ]
