"""A [checkout] for what never asks a shop."""

from printflow_reliability.settings import CheckoutSettings, Settings
from printflow_reliability_tests.minimal_settings import minimal_settings

TENANT = "5e1f0000-c4ec-4007-8000-000000000001"
CHECKOUT = f"""
[checkout]
tenant = "{TENANT}"
base_url = "https://synthetic.example/shop"
orders = "SELECT 1 WHERE %(tenant)s <> ''"
[checkout.test_mode]
selector = "#payment"
[[checkout.step]]
name = "storefront"
kind = "open"
path = "/"
[[checkout.step]]
name = "pay"
kind = "click"
selector = "#pay"
payment = true
[[checkout.step]]
name = "order"
kind = "open"
path = "/orders/{{order}}"
[[checkout.step]]
name = "download"
kind = "download"
selector = "#download"
[[checkout.cancel]]
name = "cancel"
kind = "open"
path = "/orders/{{order}}/cancel"
"""


def checkout_settings(*changes: tuple[str, str]) -> tuple[Settings, CheckoutSettings]:
    """The settings with these texts of the file replaced."""
    text = CHECKOUT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    settings = minimal_settings(text)
    assert settings.checkout is not None
    return settings, settings.checkout
