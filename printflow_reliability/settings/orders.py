"""`[orders]`: the paid orders, when a hold is lifted without artwork, and how a repair writes to the platform."""

from pydantic import Field, field_validator

from printflow_reliability.addresses import PostgresUrl
from printflow_reliability.settings.section import SECRET, Section

ENDED_STATUSES = ("cancelled", "canceled", "refunded", "fulfilled", "completed", "shipped", "delivered")
"""What shops call an order that waits for print no more."""


class RepairSettings(Section):
    """What `orders repair --apply` may change in the database of `orders.cluster`, and the role that does it.

    The role needs no more than to read the rows of orders and to update the columns that these statements set. A
    statement runs in a transaction of its own that is rolled back unless exactly one row was changed. In a statement a
    percent sign of its own is doubled: `%%`.
    """

    url: PostgresUrl = Field(
        json_schema_extra=SECRET,
        description="Connection string of a role that may write, to the same database as the url of `orders.cluster`. "
        "Nothing else uses it.",
    )
    link: str = Field(
        description="Statement that writes the link to a print-ready file. It is given %(order)s, %(item)s (the column "
        "`item` of `paid`), %(tenant)s, %(was)s (the link as it is now, or NULL), %(key)s (the new one), %(size)s in "
        "bytes and %(sha256)s. It must change one row at most, and only while its link is %(was)s: "
        "`... AND print_ready_file IS NOT DISTINCT FROM %(was)s`."
    )
    ask: str | None = Field(
        default=None,
        description="Statement that gives the order %(order)s the status by which the platform asks its customer for "
        "the artwork again, such as `generation_failed`. It must change one row at most, and only from the status that "
        "`paid` returns. Let `paid` go on returning such an order, so that it stays held until its artwork is there.",
    )

    @field_validator("link")
    @classmethod
    def _guarded(cls, statement: str) -> str:
        for name, why in (
            ("key", "it writes no link"),
            ("order", "it may change the row of another order"),
            ("was", "it may replace a link that has changed meanwhile"),
        ):
            if f"%({name})s" not in statement:
                raise ValueError(f"holds no %({name})s, so that {why}")
        return statement

    @field_validator("ask")
    @classmethod
    def _of_the_order(cls, statement: str | None) -> str | None:
        if statement is not None and "%(order)s" not in statement:
            raise ValueError("holds no %(order)s, so that it may change another order")
        return statement


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
        "for each item of a paid order that goes to print. `order` must be the number of that order alone, whatever "
        "tenant another is of. An order without any item must come "
        "with a NULL key, so join the items with LEFT JOIN; a NULL key is missing artwork. "
        "`orders repair` also reads two columns that may be left out: `item` (what identifies the item) and `folder` "
        "(the prefix, ending in a slash, below which this item's files lie and no other order's)."
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
    repair: RepairSettings | None = None
