"""[checkout]: a file that could pay in earnest, cancel a customer's order or print a synthetic one is refused."""

import re
from pathlib import Path

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability_tests.checkout.configured import TENANT, checkout_settings
from printflow_reliability_tests.minimal_settings import minimal_settings

PAYS = "payment = true\n"
PAGE = Path(__file__).parents[2] / "docs" / "platform" / "checkout.md"


def test_a_whole_checkout_is_taken() -> None:
    _, checkout = checkout_settings()
    assert [step.name for step in checkout.step if step.payment] == ["pay"]
    assert checkout.schedule is None
    assert checkout.test_mode.prefix == "pk_test_"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((TENANT, "synthetic"), r"checkout\.tenant: .*not a UUID"),
        (("https://", "http://"), r"checkout\.base_url"),
        (("https://", "https://ada:secret@"), r"checkout\.base_url"),
        ((" WHERE %(tenant)s <> ''", ""), r"checkout\.orders: .*other tenants' orders would be cancelled"),
        (('selector = "#payment"', ""), r"checkout\.test_mode: .*nothing would prove test mode"),
        (('selector = "#payment"', 'selector = "#payment"\nprefix = "pk_live_"'), r"prefix is that of live mode"),
        ((PAYS, ""), "exactly one has payment = true"),
        (('path = "/"\n', 'path = "/"\npayment = true\n'), "the step that pays is a click"),
        (('path = "/"\n', 'path = "//evil.example"\n'), "stays below base_url"),
        (('path = "/"\n', 'path = "{order}"\n'), "stays below base_url"),
        (('path = "/"\n', 'path = "/{order}"\n'), "known only after the payment"),
        (('kind = "download"', 'kind = "click"'), "none after the payment is a download"),
        (('name = "order"', 'name = "pay"'), '"pay" is given twice'),
        (('kind = "open"\npath = "/"', 'kind = "fill"\nselector = "#a"'), "fill needs a value"),
        (('kind = "open"\npath = "/"', 'kind = "wait"'), "wait needs expect"),
        (('kind = "open"\npath = "/"', 'kind = "wait"\nexpect = "x"'), "the first one opens a page"),
        (("[checkout.test_mode]", 'schedule = "0 5 * * 1"\n[checkout.test_mode]'), r"checkout\.schedule"),
        (("[checkout.test_mode]", 'schedule = "61 * * * *"\n[checkout.test_mode]'), r"checkout\.schedule"),
        (("[checkout.test_mode]", 'schedule = "0 22-6 * * *"\n[checkout.test_mode]'), r"checkout\.schedule"),
        (("[checkout.test_mode]", 'schedule = "hourly"\n[checkout.test_mode]'), r"checkout\.schedule"),
    ],
)
def test_what_would_do_harm_or_nothing_is_refused(change: tuple[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        checkout_settings(change)


def test_the_example_of_the_page_is_taken_as_it_stands() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    checkout = minimal_settings(example).checkout
    assert checkout is not None
    assert checkout.schedule == "20 * * * *"


@pytest.mark.parametrize("schedule", ["20 * * * *", "*/15 * * * *", "5,35 6-22/2 * * *"])
def test_a_schedule_of_every_day_is_taken(schedule: str) -> None:
    _, checkout = checkout_settings(("[checkout.test_mode]", f'schedule = "{schedule}"\n[checkout.test_mode]'))
    assert checkout.schedule == schedule
