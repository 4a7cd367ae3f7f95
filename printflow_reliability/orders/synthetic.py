"""Orders of the synthetic checkout: the guard refuses them to whoever asks, holds none and pages nobody about them."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from printflow_reliability.errors import ConfigError
from printflow_reliability.orders.judgement import OrderAnswer
from printflow_reliability.orders.problems import Kind, Problem
from printflow_reliability.platform.paid_orders import PaidItem
from printflow_reliability.platform.synthetic_orders import synthetic_orders
from printflow_reliability.platform.tenancy import tenancy
from printflow_reliability.settings import Settings

NEVER_PRINTED = "it is an order of the synthetic checkout, and is never printed"
BYTES = "\\x"
"""What PostgreSQL writes before the digits of a bytea: platforms that came from MySQL keep UUIDs as 16 bytes."""


def is_synthetic(settings: Settings, tenant: str | None) -> bool:
    """Whether this is the synthetic checkout's tenant, in any spelling of its UUID, such as without dashes."""
    if settings.checkout is None or tenant is None:
        return False
    return _uuid(tenant) == settings.checkout.tenant


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
        items: what the platform returns of that paid order. Without any, or where an item names nobody whom
            `tenancy.tenants` knows (it may be anybody's), the synthetic tenant's orders are asked.

    Raises:
        CouldNotTell, ConfigError: as `synthetic_orders` and `tenancy`.
    """
    if settings.checkout is None:
        return None
    if not items and _uuid(tenant) is not None:
        return None
    return _refused(order, settings.checkout.tenant) if _has(settings, order, items) else None


def require_customers(settings: Settings, order: str, items: Sequence[PaidItem]) -> None:
    """Make sure that nobody lets an order of the synthetic checkout go; what is asked is as in `refusal_of_order`.

    Raises:
        ConfigError: it is such an order, or a query is refused.
        CouldNotTell: as `synthetic_orders` and `tenancy`.
    """
    if _has(settings, order, items):
        raise ConfigError(f"order {order} may not go to print: {NEVER_PRINTED}", "printflow checkout")


def _has(settings: Settings, order: str, items: Sequence[PaidItem]) -> bool:
    """Whether the synthetic tenant has the order, by what is paid of it, or else by its own orders."""
    if any(is_synthetic(settings, item.tenant) for item in items):
        return True
    if items and all(_uuid(item.tenant) is not None for item in items):
        return False
    if items and all(item.tenant is not None for item in items):
        known = tenancy(settings)
        customers = {tenant.id for tenant in known.tenants} | known.odd.keys()
        if all(_uuid(item.tenant) is not None or item.tenant in customers for item in items):
            return False  # so that the checkout's trouble, and an equal number, is none of theirs
    return any(synthetic.order == order for synthetic in synthetic_orders(settings))


def _uuid(tenant: str | None) -> str | None:
    """A tenant's id as `checkout.tenant` is spelled; None where it is no UUID, such as a number beside one."""
    try:
        return None if tenant is None else str(UUID(tenant.strip().removeprefix(BYTES)))
    except ValueError:
        return None


def _refused(order: str, tenant: str | None) -> OrderAnswer:
    return OrderAnswer(order, tenant, None, (Problem(Kind.SYNTHETIC, None, NEVER_PRINTED),))
