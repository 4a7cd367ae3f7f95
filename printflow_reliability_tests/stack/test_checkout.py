"""The synthetic checkout with a real Chromium in the sandbox's real shop: healthy, with each fault, and dead."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from printflow_reliability.checkout import reaper
from printflow_reliability.checkout.report import CheckoutReport
from printflow_reliability.checkout.run import run_checkout
from printflow_reliability.checkout.session import NAMES
from printflow_reliability.checks import Outcome
from printflow_reliability.orders.guard import check_order, check_paid_orders
from printflow_reliability.platform.synthetic_orders import synthetic_orders
from printflow_reliability.sandbox import node_pdf_service, seaweedfs
from printflow_reliability_tests.hearing import HEARS_SIGNALS
from printflow_reliability_tests.ports import closed_port
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.synthetic import changed, checkout_of, shop, with_limit

__all__ = ["shop"]
BROWSER = any(os.access(Path(folder) / name, os.X_OK) for folder in os.get_exec_path() for name in NAMES)
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(bool(node_pdf_service.missing()), reason=node_pdf_service.missing()),
    pytest.mark.skipif(not BROWSER, reason="no Chromium is installed: make setup"),
]


@pytest.fixture(scope="module", autouse=True)
def place() -> Iterator[Path]:
    """Where browsers have their directories: that of other tests is not this module's."""
    with tempfile.TemporaryDirectory(prefix="pfc-", dir="/tmp") as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", directory)
        yield Path(directory)


def working_in(place: Path) -> list[str]:
    """The processes of browsers that are left."""
    every = (_arguments(path) for path in Path("/proc").glob("[0-9]*/cmdline"))
    return [arguments for arguments in every if f"{place}/{reaper.PREFIX}" in arguments]


@contextlib.contextmanager
def going_wrong(shop: StackSandbox, *faults: str) -> Iterator[None]:
    node_pdf_service.misbehave_shop(shop.home, *faults)
    try:
        yield
    finally:
        node_pdf_service.misbehave_shop(shop.home)


def outcomes(report: CheckoutReport) -> dict[str, Outcome]:
    return {check.check: check.outcome for check in report.checks}


def open_orders(shop: StackSandbox) -> list[str]:
    ended = shop.settings.orders.ended
    return [order.order for order in synthetic_orders(shop.settings) if not order.ended(ended)]


@pytest.mark.alarm("checkout.journey", "silent")
@pytest.mark.alarm("checkout.clean_up", "silent")
def test_a_customer_can_order_and_the_guard_never_lets_it_go(shop: StackSandbox, place: Path) -> None:
    report = run_checkout(shop.settings)

    assert set(outcomes(report).values()) == {Outcome.PASS}, report.as_json()
    assert report.numbers["passed_steps"] == report.numbers["steps"] == len(checkout_of(shop.settings).step)
    assert report.order is not None
    assert open_orders(shop) == []
    assert not check_order(shop.settings, report.order).ready, "also once it is cancelled"
    assert all(row.seconds is not None and row.screenshot is not None for row in report.steps)
    key = str(report.steps[1].screenshot).partition("reports/")[2]
    picture = seaweedfs.client(shop.home, "reports").get_object(Bucket="reports", Key=key)["Body"].read()
    assert picture.startswith(b"\x89PNG")
    assert shop.home.secret("storefront.password") not in str(report.as_json())
    assert not working_in(place)


def _arguments(path: Path) -> str:
    try:
        return os.fsdecode(path.read_bytes())
    except OSError:
        return ""


@pytest.mark.alarm("checkout.journey", "ring")
@pytest.mark.alarm("checkout.clean_up", "ring")
def test_another_customers_file_and_an_order_that_cannot_be_cancelled_are_told(shop: StackSandbox) -> None:
    with going_wrong(shop, "other_customer", "cancel_fails"):
        report = run_checkout(shop.settings)

    assert set(outcomes(report).values()) == {Outcome.FAIL}, report.as_json()
    journey, cleaned = report.checks
    assert "is another file than the order's own" in journey.detail
    assert cleaned.detail.endswith('step "cancel": the page answers HTTP 500')
    assert open_orders(shop) == [report.order]
    held = check_paid_orders(shop.settings, orders=[str(report.order)])
    assert (held.held, held.numbers["paid_orders"]) == ((), 0), "nobody is paged about it"
    assert not check_order(shop.settings, str(report.order)).ready


@pytest.mark.alarm("checkout.journey", "unknown")
@pytest.mark.alarm("checkout.clean_up", "unknown")
def test_with_the_database_away_nothing_is_begun_and_nothing_is_known(shop: StackSandbox) -> None:
    clusters = [
        cluster.model_copy(update={"url": f"postgresql://printflow@127.0.0.1:{closed_port()}/live_db"})
        if cluster.name == shop.settings.orders.cluster
        else cluster
        for cluster in shop.settings.cluster
    ]
    report = run_checkout(shop.settings.model_copy(update={"cluster": tuple(clusters)}))

    assert set(outcomes(report).values()) == {Outcome.UNKNOWN}
    assert {row.outcome for row in report.steps} == {"not reached"}


def test_a_browser_that_is_dead_is_not_a_checkout_that_is_down(shop: StackSandbox) -> None:
    report = run_checkout(changed(shop.settings, browser=Path("/bin/false")))

    assert outcomes(report)["checkout.journey"] is Outcome.UNKNOWN
    assert "browser" in report.checks[0].detail


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("fault", "step", "said"),
    [
        ("payment_hangs", "pay", '"Thank you" did not appear within 3 s'),
        ("javascript_throws", "add to cart", "JavaScript threw: Cannot read properties of undefined"),
        ("live_key", "pay", "nothing was paid: the page that pays holds a key of live mode"),
        ("sends_live_key", "pay", "the page was about to send a key of live mode, and was kept from it"),
        ("download_error_page", "", "it is not a PDF but an HTML page"),
    ],
)
def test_each_fault_of_a_shop_is_told_by_its_reason(shop: StackSandbox, fault: str, step: str, said: str) -> None:
    with going_wrong(shop, fault):
        report = run_checkout(with_limit(shop.settings, step, 3))

    assert outcomes(report) == {"checkout.journey": Outcome.FAIL, "checkout.clean_up": Outcome.PASS}, report.as_json()
    assert said in report.checks[0].detail
    assert open_orders(shop) == []


@pytest.mark.exhaustive
def test_an_error_page_that_was_stored_for_a_pdf_is_told(shop: StackSandbox) -> None:
    node_pdf_service.behave(shop.home, "error_page_stored", 1)
    report = run_checkout(shop.settings)

    assert outcomes(report) == {"checkout.journey": Outcome.FAIL, "checkout.clean_up": Outcome.PASS}
    assert "print-ready PDF is unusable: it is not a PDF but an HTML page" in report.checks[0].detail


@pytest.mark.exhaustive
def test_a_browser_that_is_killed_in_between_is_unknown_and_the_next_run_cancels_its_order(
    shop: StackSandbox, place: Path
) -> None:
    killer = threading.Thread(target=_signal_the_browser_once_it_orders, args=(shop, place, signal.SIGKILL))
    with going_wrong(shop, "payment_hangs"):
        killer.start()
        report = run_checkout(with_limit(shop.settings, "pay", 60))
    killer.join()

    assert outcomes(report) == {"checkout.journey": Outcome.UNKNOWN, "checkout.clean_up": Outcome.FAIL}
    assert len(open_orders(shop)) == 1
    again = run_checkout(shop.settings)
    assert set(outcomes(again).values()) == {Outcome.PASS}
    assert again.numbers["cancelled_orders"] == 2


@pytest.mark.exhaustive
def test_a_browser_that_hangs_is_not_a_shop_that_hangs(shop: StackSandbox, place: Path) -> None:
    freezer = threading.Thread(target=_signal_the_browser_once_it_orders, args=(shop, place, signal.SIGSTOP))
    with going_wrong(shop, "payment_hangs"):
        freezer.start()
        report = run_checkout(with_limit(shop.settings, "pay", 5))
    freezer.join()

    assert outcomes(report) == {"checkout.journey": Outcome.UNKNOWN, "checkout.clean_up": Outcome.FAIL}
    assert report.checks[0].detail.startswith("the browser does not answer")
    assert not working_in(place)
    assert run_checkout(shop.settings).checks[1].outcome is Outcome.PASS


def _signal_the_browser_once_it_orders(shop: StackSandbox, place: Path, number: signal.Signals) -> None:
    deadline = time.monotonic() + 120
    while not open_orders(shop) and time.monotonic() < deadline:
        time.sleep(0.2)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if "/chrom" in (arguments := _arguments(path)) and str(place) in arguments:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.parent.name), number)


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_command_ends_its_browser_ends_with_it(
    shop: StackSandbox, place: Path, number: signal.Signals
) -> None:
    with going_wrong(shop, "payment_hangs"):
        process = subprocess.Popen(
            [sys.executable, "-c", HEARS_SIGNALS, "--config", str(shop.config), "checkout"],
            env={**os.environ, "TMPDIR": str(place)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 120
        while not open_orders(shop) and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(number)
        process.wait(60)
    deadline = time.monotonic() + 60
    while working_in(place) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not working_in(place)
    assert run_checkout(shop.settings).checks[1].outcome is Outcome.PASS
    assert open_orders(shop) == []
