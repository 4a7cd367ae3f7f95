"""The journey: it pays only what is proven to be a test and the tenant's own, and says the true reason of its end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from printflow_reliability.checkout.journey import Judged
from printflow_reliability.checkout.report import report_of
from printflow_reliability.checkout.steps import Carried, Proof, Step
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.synthetic_orders import SyntheticOrder
from printflow_reliability_tests.checkout.configured import TENANT, checkout_settings
from printflow_reliability_tests.checkout.fakes import PLAN, Tried, tried

REFUSED = Carried(False, "test mode is not proven", refused=True)
OTHER = SyntheticOrder("5", "paid", True, ("tenants/t/b.pdf",))


def test_an_order_is_placed_paid_made_downloaded_and_cancelled_by_the_platform() -> None:
    made = tried()
    journey, cleaned = made.go(), made.clean_up()

    assert (journey.outcome, journey.why) == (Outcome.PASS, "")
    assert journey.order is not None
    assert [step.outcome for step in journey.steps] == [Outcome.PASS] * 5
    assert "https://shop/orders/7" in made.browser.done
    assert (cleaned.outcome, cleaned.cancelled) == (Outcome.PASS, ("7",))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda made: setattr(made.browser, "proof", REFUSED), "nothing was ordered: test mode is not proven"),
        (lambda made: made.browser.goes_wrong.update(pay=REFUSED), "nothing was paid: test mode is not proven"),
        (lambda made: made.browser.goes_wrong.update(checkout=Carried(True)), "the shop may be another's"),
        (lambda made: setattr(made.shop, "known", Judged(Outcome.FAIL, "no such tenant")), "no such tenant"),
    ],
    ids=["by its document", "by its page", "another tenant's shop", "an order that the guard would not know"],
)
def test_nothing_is_paid_without_proof(change: object, said: str) -> None:
    made = tried(change)  # type: ignore[arg-type]
    journey = made.go()

    assert journey.outcome is Outcome.FAIL
    assert said in journey.why
    assert not any(order.paid for order in made.shop.found.values())
    assert made.clean_up().outcome is Outcome.PASS
    if said.startswith("nothing was ordered"):
        assert made.browser.done == []


def test_an_order_that_was_paid_before_its_payment_is_not_paid() -> None:
    made = tried()
    paid = SyntheticOrder("8", "paid", True, (None,))
    made.browser.goes_wrong["storefront"] = Carried(True)
    made.shop.found.clear()
    original = made.browser.carry_out

    def carry_out(step: Step) -> Carried:
        carried = original(step)
        if step.name == "checkout":
            made.shop.found["8"] = paid
        return carried

    made.browser.carry_out = carry_out  # type: ignore[method-assign]
    journey = made.go()
    assert (journey.outcome, "2 new orders" in journey.why) == (Outcome.FAIL, True)
    assert "#pay" not in made.browser.done


def never_paid(made: Tried) -> None:
    made.browser.goes_wrong["pay"] = Carried(True)


def never_made(made: Tried) -> None:
    def carry_out(step: Step) -> Carried:
        carried = original(step)
        if step.name == "pay":
            made.shop.change("7", keys=(None,))
        return carried

    original = made.browser.carry_out
    made.browser.carry_out = carry_out  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("change", "outcome", "said"),
    [
        (never_paid, Outcome.FAIL, "order 7 was not paid within 1 min"),
        (never_made, Outcome.FAIL, "its print file was not linked within 2 min"),
        (lambda made: made.browser.goes_wrong.update(pay=Carried(False, "late")), Outcome.FAIL, 'step "pay": late'),
        (lambda made: made.browser.goes_wrong.update(order=None), Outcome.UNKNOWN, "the browser's process has ended"),
        (
            lambda made: made.browser.goes_wrong.update(storefront=Carried(False, "no name", unreached=True)),
            Outcome.UNKNOWN,
            'step "storefront": no name',
        ),
        (lambda made: setattr(made.files, "stored", Judged(Outcome.FAIL, "a page")), Outcome.FAIL, "a page"),
        (lambda made: setattr(made.files, "downloaded", Judged(Outcome.FAIL, "other")), Outcome.FAIL, "other"),
        (lambda made: setattr(made.files, "stored", Judged(Outcome.UNKNOWN, "S3")), Outcome.UNKNOWN, "S3"),
        (lambda made: setattr(made.shop, "away", CouldNotTell("no answer")), Outcome.UNKNOWN, "no answer"),
    ],
)
def test_the_reason_is_the_true_one(change: object, outcome: Outcome, said: str) -> None:
    journey = tried(change).go()  # type: ignore[arg-type]
    assert (journey.outcome, said in journey.why) == (outcome, True), journey.why


def test_what_an_interrupted_journey_left_is_cancelled_too() -> None:
    made = tried(lambda made: made.shop.found.update({"5": OTHER}))
    assert made.go().outcome is Outcome.PASS
    assert made.clean_up().cancelled == ("7", "5")


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.browser.goes_wrong.update(checkout=Carried(True)),
        lambda made: made.browser.goes_wrong.update(checkout=Carried(False, "HTTP 500")),
        lambda made: made.browser.goes_wrong.update(storefront=Carried(False, "no name", unreached=True)),
        lambda made: setattr(made.browser, "proof", REFUSED),
    ],
    ids=["no order came", "its checkout fails", "it is not reached", "test mode is not proven"],
)
def test_nothing_is_cancelled_in_a_shop_that_may_be_anothers(change: Callable[[Tried], object]) -> None:
    made = tried(change)
    made.shop.found["5"] = OTHER
    assert made.go().outcome is not Outcome.PASS
    cleaned = made.clean_up()

    assert not any(address.endswith("/cancel") for address in made.browser.done)
    assert (cleaned.outcome, cleaned.cancelled, cleaned.steps) == (Outcome.FAIL, (), ())
    assert cleaned.why.startswith("1 order of tenant the-tenant is still open, such as order 5: no order of this run")


def test_a_new_order_of_the_tenant_shows_whose_shop_it_is_also_where_it_is_not_paid() -> None:
    made = tried(lambda made: made.browser.goes_wrong.update(pay=REFUSED))
    made.shop.found["5"] = OTHER
    assert made.go().outcome is Outcome.FAIL
    assert made.clean_up().cancelled == ("7", "5")


def test_a_new_order_that_this_run_did_not_place_shows_nothing_of_the_shop() -> None:
    """A colleague orders as the synthetic tenant while the run is in another tenant's shop."""

    def ordered_meanwhile(made: Tried) -> None:
        def carry_out(step: Step) -> Carried:
            if step.name == "checkout":
                made.shop.found["6"] = replace(OTHER, order="6", paid=False)
                return Carried(False, "HTTP 500")
            return original(step)

        original = made.browser.carry_out
        made.browser.carry_out = carry_out  # type: ignore[method-assign]

    made = tried(ordered_meanwhile)
    made.shop.found["5"] = OTHER
    assert made.go().outcome is Outcome.FAIL
    cleaned = made.clean_up()
    assert not any(address.endswith("/cancel") for address in made.browser.done)
    assert (cleaned.outcome, "2 orders" in cleaned.why) == (Outcome.FAIL, True)

    made = tried(ordered_meanwhile)
    made.plan = replace(PLAN, order_before_payment=False)
    made.go()
    assert made.clean_up().cancelled == ("6",), "where orders are made by their payment, nothing else tells"


def stuck(*orders: str) -> Callable[[Tried], None]:
    """The shop refuses to cancel these orders."""

    def change(made: Tried) -> None:
        original = made.browser.carry_out

        def carry_out(step: Step) -> Carried:
            if step.name == "cancel" and step.address.split("/")[-2] in orders:
                return Carried(False, "HTTP 500")
            return original(step)

        made.browser.carry_out = carry_out  # type: ignore[method-assign]

    return change


def test_an_order_that_cannot_be_cancelled_keeps_no_other_from_it() -> None:
    made = tried(stuck("5"))
    made.shop.found |= {number: replace(OTHER, order=number) for number in ("4", "5", "6")}
    made.go()
    cleaned = made.clean_up()

    assert cleaned.outcome is Outcome.FAIL
    assert sorted(cleaned.cancelled) == ["4", "6", "7"]
    assert cleaned.why == '1 order of tenant the-tenant is still open, such as order 5: step "cancel": HTTP 500'


def test_many_orders_that_cannot_be_cancelled_leave_the_others_their_turn() -> None:
    numbers = [str(number) for number in range(100, 120)]
    made = tried(stuck(*numbers))
    made.shop.found |= {number: replace(OTHER, order=number) for number in (*numbers, "5")}
    made.go()
    assert "7" in made.clean_up().cancelled, "the journey's own comes first"
    for _ in range(500):
        made.clean_up()
        if made.shop.found["5"].ended(PLAN.ended):
            break
    assert made.shop.found["5"].ended(PLAN.ended)


def test_an_order_that_the_platform_does_not_cancel_is_told() -> None:
    made = tried(lambda made: made.browser.goes_wrong.update(cancel=Carried(False, "HTTP 500")))
    made.go()
    cleaned = made.clean_up()
    assert cleaned.outcome is Outcome.FAIL
    assert cleaned.why == '1 order of tenant the-tenant is still open, such as order 7: step "cancel": HTTP 500'


def test_a_cancel_that_only_says_so_is_told() -> None:
    made = tried(lambda made: made.browser.goes_wrong.update(cancel=Carried(True)))
    made.go()
    assert made.clean_up().outcome is Outcome.FAIL


def test_without_a_browser_what_is_open_is_told_and_what_is_not_known_is_unknown() -> None:
    made = tried()
    assert made.clean_up(browser=False).outcome is Outcome.PASS
    made.shop.found["5"] = OTHER
    assert made.clean_up(browser=False).outcome is Outcome.FAIL
    made.shop.away = CouldNotTell("no answer")
    assert made.clean_up(browser=False).outcome is Outcome.UNKNOWN


def test_javascript_that_throws_beside_a_good_journey_warns_and_shows_no_secret() -> None:
    settings, _ = checkout_settings()
    made = tried()
    thrown = Carried(True, exceptions=("TypeError of ada@example.org",), console_errors=("x",))
    made.browser.goes_wrong["storefront"] = thrown
    report = report_of(
        settings, made.go(), made.clean_up(), names=("a", "b"), tenant=TENANT, screenshots={"pay": "p.png"}, took=1.0
    )
    assert report.checks[0].outcome is Outcome.WARN
    assert "ada@" not in str(report.as_json())
    assert report.numbers["exceptions"] == 1
    assert [(row.step, row.outcome) for row in report.steps[5:7]] == [("a", "not reached"), ("b", "not reached")]
    assert [row.screenshot for row in report.steps if row.step == "pay"] == ["p.png"]


def test_a_step_is_that_of_the_file_with_its_address_and_masks_secrets() -> None:
    settings, checkout = checkout_settings(('path = "/orders/{order}"', 'path = "/orders/{order}"\nvalue = "hidden"'))
    step = Step.of(checkout.step[2], checkout.base_url, ("hidden",))
    assert step.of_order("9").address == "https://synthetic.example/shop/orders/9"
    assert (step.masked, Step.of(checkout.step[1], checkout.base_url, ("hidden",)).masked) == (True, False)
    assert Proof.of(checkout).selector == "#payment"
    assert replace(step, value="") != step
    assert settings.checkout is checkout
    assert Carried.from_json({"ok": True, "seconds": 1, "download": "a"}).download == Path("a")


def test_a_live_key_that_a_page_was_kept_from_sending_leaves_no_order_open() -> None:
    made = tried()
    original = made.browser.carry_out

    def carry_out(step: Step) -> Carried:
        carried = original(step)
        return Carried(False, "a live key", refused=True) if step.name == "cancel" else carried

    made.browser.carry_out = carry_out  # type: ignore[method-assign]
    made.go()
    cleaned = made.clean_up()
    assert (cleaned.outcome, cleaned.cancelled) == (Outcome.PASS, ("7",))
    assert [step.why for step in cleaned.steps] == ["a live key"]
