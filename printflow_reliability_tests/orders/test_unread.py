"""What could not be read of the paid orders is said with how many there are, and a name."""

import pytest

from printflow_reliability.platform.paid_orders import PaidItems


@pytest.mark.parametrize(
    ("paid", "whole", "said"),
    [
        (PaidItems(()), True, ""),
        (PaidItems((), unread_tenants={"a": "why"}), False, "orders.paid fails on rows of tenant a: why"),
        (
            PaidItems((), unread_tenants={None: "why", "b": "else", "c": "else"}),
            False,
            "orders.paid fails on rows of no tenant and 2 other tenants: why",
        ),
        (PaidItems((), others="why"), False, "orders.paid fails on rows that tell no tenant of tenancy.tenants: why"),
        (
            PaidItems((), unread_orders=frozenset({"8", "7"})),
            True,
            "orders.paid fails on many rows, and 2 paid orders could not be read in time, such as 7",
        ),
    ],
)
def test_what_could_not_be_read_is_said(paid: PaidItems, whole: bool, said: str) -> None:
    assert (paid.whole, paid.unread) == (whole, said)
