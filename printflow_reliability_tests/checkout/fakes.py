"""A browser, a shop's database and files that answer as they are told, and a clock that nobody waits for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from printflow_reliability.checkout.journey import CleanUp, Journey, Judged, Plan, Traveller, clean_up
from printflow_reliability.checkout.steps import BrowserDead, Carried, Step
from printflow_reliability.checks import Outcome
from printflow_reliability.platform.synthetic_orders import SyntheticOrder

STEPS = (
    Step("storefront", "open", address="https://shop/"),
    Step("checkout", "click", selector="#checkout"),
    Step("pay", "click", selector="#pay", payment=True),
    Step("order", "open", address="https://shop/orders/{order}"),
    Step("download", "download", selector="#download"),
)
CANCEL = (Step("cancel", "open", address="https://shop/orders/{order}/cancel"),)
PLAN = Plan("the-tenant", STEPS, CANCEL, True, 60.0, 120.0, ("refunded", "cancelled"))
DONE, GOOD = Carried(True), Judged(Outcome.PASS)


@dataclass
class Clock:
    """A clock that sleeping moves on."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class FakeShop:
    """The platform: what the steps of a browser do to its orders, and whether it answers."""

    found: dict[str, SyntheticOrder] = field(default_factory=dict)
    away: Exception | None = None
    known: Judged = GOOD

    def judge_tenant(self) -> Judged:
        return self.known

    def orders(self) -> Sequence[SyntheticOrder]:
        if self.away is not None:
            raise self.away
        return tuple(self.found.values())

    def change(self, order: str, **changes: object) -> None:
        self.found[order] = replace(self.found[order], **changes)  # type: ignore[arg-type]


@dataclass
class FakeBrowser:
    """Does what a working shop's browser would, unless a step is told otherwise.

    Attributes:
        goes_wrong: by the name of a step, how it goes instead; None is a browser that dies.
        done: the addresses or selectors of the steps that were carried out.
    """

    shop: FakeShop
    goes_wrong: dict[str, Carried | None] = field(default_factory=dict)
    proof: Carried = DONE
    done: list[str] = field(default_factory=list)
    number: str = "7"

    def prove(self) -> Carried:
        return self.proof

    def carry_out(self, step: Step) -> Carried:
        self.done.append(step.address or step.selector)
        if step.name in self.goes_wrong:
            wrong = self.goes_wrong[step.name]
            if wrong is None:
                raise BrowserDead("the browser's process has ended")
            return wrong
        if step.name == "checkout":
            self.shop.found[self.number] = SyntheticOrder(self.number, "pending", False, (None,))
        elif step.name == "pay":
            self.shop.change(self.number, status="paid", paid=True, keys=("tenants/t/a.pdf",))
        elif step.name == "cancel":
            self.shop.change(step.address.split("/")[-2], status="Refunded")
        return Carried(True, download=Path("download") if step.kind == "download" else None)


@dataclass
class FakeFiles:
    """Files that are as they should be, unless told otherwise."""

    stored: Judged = GOOD
    downloaded: Judged = GOOD

    def judge(self, _order: SyntheticOrder, /) -> Judged:
        return self.stored

    def compare(self, _order: SyntheticOrder, _download: Path, /) -> Judged:
        return self.downloaded


@dataclass
class Tried:
    """One try with fakes."""

    browser: FakeBrowser
    shop: FakeShop
    files: FakeFiles = field(default_factory=FakeFiles)
    plan: Plan = PLAN
    clock: Clock = field(default_factory=Clock)
    journey: Journey = field(default_factory=Journey)

    def go(self) -> Journey:
        """The journey."""
        browser, shop, files = self.browser, self.shop, self.files
        self.journey = Traveller(self.plan, browser, shop, files, clock=self.clock, sleep=self.clock.sleep).go()
        return self.journey

    def clean_up(self, *, browser: bool = True) -> CleanUp:
        """The clean-up after it."""
        used = self.browser if browser else None
        return clean_up(self.plan, used, self.shop, self.journey, clock=self.clock, sleep=self.clock.sleep)


def tried(prepare: Callable[[Tried], object] = lambda _tried: None) -> Tried:
    """A try that works, but for what is changed."""
    shop = FakeShop()
    made = Tried(FakeBrowser(shop), shop)
    prepare(made)
    return made
