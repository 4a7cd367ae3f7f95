"""What bytes cost in a year, by the price that printflow.toml names: no price is made up."""

GB = 10**9
MONTHS = 12


def yearly_cost(size: int, price_per_gb_month: float | None) -> float | None:
    """In the currency of the price, to its hundredth; None where there is no price.

    Args:
        size: bytes.
        price_per_gb_month: of 10^9 bytes, for a month.
    """
    return None if price_per_gb_month is None else round(size / GB * price_per_gb_month * MONTHS, 2)
