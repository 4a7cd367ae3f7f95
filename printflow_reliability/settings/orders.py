"""`[orders]`: the paid orders, and when a hold is lifted without artwork."""

from pydantic import Field

from printflow_reliability.settings.section import Section

ENDED_STATUSES = ("cancelled", "canceled", "refunded", "fulfilled", "completed", "shipped", "delivered")
"""What shops call an order that waits for print no more."""


class OrdersSettings(Section):
    """The paid-order guard: a paid order whose artwork is missing or unusable is held and a person is told."""

    cluster: str = Field(description="The `name` of the [[cluster]] that holds the orders.")
    bucket: str = Field(description="The `name` of the [[bucket]] that holds their print-ready files.")
    grace_seconds: float = Field(
        default=300,
        ge=0,
        description="How long after its payment an order may wait for its artwork before it is held. Set it just above "
        "the time that the platform normally takes to make a print-ready file.",
    )
    paid: str = Field(
        description="Query that returns `order`, `tenant`, `paid_at` (a timestamp; without a zone it is UTC) and `key` "
        "for each item of a paid order that goes to print. An order without any item must come "
        "with a NULL key, so join the items with LEFT JOIN; a NULL key is missing artwork."
    )
    lookup: str | None = Field(
        default=None,
        description="Query that is given one order's number as %(order)s and returns `order` and `status`, without the "
        "filter on paid orders. It explains a held order that `paid` no longer returns: the hold is lifted only if "
        "the status is one of `ended`, or no row is there. Without it such a hold stays.",
    )
    ended: tuple[str, ...] = Field(
        default=ENDED_STATUSES,
        description="Statuses of orders that no longer wait for print, in any case of letters. Replace the list with "
        "the platform's own words.",
    )
