"""Orders of the synthetic checkout: the guard refuses them to whoever asks, holds none and pages nobody about them."""

from collections.abc import Iterable, Sequence

from printflow_reliability.errors import ConfigError
from printflow_reliability.orders.judgement import OrderAnswer
from printflow_reliability.orders.problems import Kind, Problem
from printflow_reliability.platform.paid_orders import PaidItem
from printflow_reliability.platform.synthetic_orders import synthetic_orders
from printflow_reliability.settings import Settings

NEVER_PRINTED = "it is an order of the synthetic checkout, and is never printed"


def is_synthetic(settings: Settings, tenant: str | None) -> bool:
    """Whether this is the synthetic checkout's tenant, in any spelling of its UUID."""
    return settings.checkout is not None and tenant is not None and tenant.casefold() == settings.checkout.tenant


def without_synthetic(settings: Settings, items: Iterable[PaidItem]) -> tuple[PaidItem, ...]:
    """The items that are some customer's."""
    return tuple(item for item in items if not is_synthetic(settings, item.tenant))


def refusal_of_tenant(settings: Settings, order: str, tenant: str | None) -> OrderAnswer | None:
    """The answer for an order that the caller says is the synthetic tenant's, whatever its number; else None."""
    return _refused(order, tenant) if is_synthetic(settings, tenant) else None


def refusal_of_order(
    settings: Settings, order: str, tenant: str | None, items: Sequence[PaidItem]
) -> OrderAnswer | None:
    """The answer for an order that the synthetic tenant has, also where others have the same number; else None.

    Args:
        settings: the whole file.
        order: its number.
        tenant: whose order the caller means; None where it does not say.
        items: what the platform returns of that paid order; without any, the synthetic tenant's orders are asked.

    Raises:
        CouldNotTell, ConfigError: as `synthetic_orders`.
    """
    if settings.checkout is None:
        return None
    found = any(is_synthetic(settings, item.tenant) for item in items)
    if not items and tenant is None:
        found = any(synthetic.order == order for synthetic in synthetic_orders(settings))
    return _refused(order, settings.checkout.tenant) if found else None


def require_customers(settings: Settings, order: str, items: Iterable[PaidItem]) -> None:
    """Raises:
    ConfigError: nobody may let an order of the synthetic checkout go to print.
    """
    if any(is_synthetic(settings, item.tenant) for item in items):
        raise ConfigError(f"order {order} may not go to print: {NEVER_PRINTED}", "printflow checkout")


def _refused(order: str, tenant: str | None) -> OrderAnswer:
    return OrderAnswer(order, tenant, None, (Problem(Kind.SYNTHETIC, None, NEVER_PRINTED),))
