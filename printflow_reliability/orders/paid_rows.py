"""What the rows of all paid orders say of one item: whether it can be told apart, and which files are its own."""

from collections.abc import Sequence

from printflow_reliability.orders.judgement import in_place
from printflow_reliability.platform.paid_orders import PaidItem
from printflow_reliability.platform.tenancy import BasePaths
from printflow_reliability.text import agreed, counted


class PaidRows:
    """The items of all paid orders."""

    def __init__(self, items: Sequence[PaidItem], paths: BasePaths) -> None:
        """Args: what `orders.paid` returns, and the base paths of all tenants."""
        self._paid = items
        self._paths = paths

    def linked(self, order: str) -> frozenset[str | None]:
        """What the items of an order are linked to."""
        return frozenset(paid.key for paid in self._paid if paid.order == order)

    def taken(self, item: PaidItem, key: str) -> str:
        """Why a file is another item's; empty if no row says so."""
        if other := next((paid for paid in self._paid if paid.key == key and not _same(paid, item)), None):
            return f"it is the artwork of {_named(other, item)}"
        lies_in = (paid for paid in self._paid if paid.folder and key.startswith(paid.folder))
        if other := next((paid for paid in lies_in if paid.folder != item.folder and not _same(paid, item)), None):
            return f"it lies in the folder of {_named(other, item)}"
        return ""

    def unclear(self, item: PaidItem) -> str:
        """Why a link cannot be written for this item and no other of its order."""
        if item.item is not None:
            return ""
        alike = sum(paid.order == item.order and paid.key == item.key for paid in self._paid)
        if alike < 2:
            return ""
        link = "the same link" if item.key else "no link"
        return (
            f"{counted(alike, 'item')} of order {item.order} {agreed(alike, 'has', 'have')} {link}, and orders.paid "
            "does not return a column item that tells them apart"
        )

    def folder_trouble(self, item: PaidItem) -> str:
        """Why the item has no folder of its own that can be relied on."""
        folder, tenant = item.folder, item.tenant or ""
        if not folder:
            return "orders.paid returns no folder for the item, so that nothing tells which files are its own"
        if not folder.endswith("/") or not in_place(f"{folder}x", tenant, self._paths):
            return (
                f'the folder "{folder}" of orders.paid does not lie within its tenant\'s base path, or lacks its slash'
            )
        if folder in self._paths.of[tenant]:
            return f'the folder "{folder}" of orders.paid is the whole base path of its tenant'
        for paid in self._paid:
            shared = paid.folder and (paid.folder.startswith(folder) or folder.startswith(paid.folder))
            if shared and not _same(paid, item):
                return f"the folder {folder} of orders.paid is not the item's own: {_named(paid, item)} has it too"
        return ""


def _same(paid: PaidItem, item: PaidItem) -> bool:
    """Whether two rows are of one item; without a column item, those of one order with one link are."""
    if paid.order != item.order:
        return False
    return paid.item == item.item if item.item is not None else paid.key == item.key


def _named(other: PaidItem, item: PaidItem) -> str:
    return f"order {other.order}" if other.order != item.order else "another item of the order"
