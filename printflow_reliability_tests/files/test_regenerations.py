"""Which file took whose place: the same order's, of the same name but for its number, and nobody else's."""

from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.files.regenerations import Regenerations, name_of
from printflow_reliability.storage.pages import StoredObject

THEN = datetime(2026, 1, 1, tzinfo=UTC)
UUID = "0193f0a2-1c7e-7c3d-8a57-aa01b2c3d4e5"


def superseding(alone: str, *named: tuple[str, str | None]) -> str | None:
    """The key of what took the place of `alone`, written a day before all that rows name."""
    made = Regenerations()
    for key, owner in sorted([(alone, ""), *named]):
        written = THEN if key == alone else THEN + timedelta(days=1)
        stored = StoredObject(key, 1, "", written)
        if key == alone:
            made.alone(stored)
        else:
            made.named(stored, owner)
    made.end()
    newer = made.superseding(alone, THEN)
    return newer.key if newer else None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("card.pdf", "card-2.pdf"),
        ("card-2.pdf", "card.pdf"),
        ("card (1).pdf", "card (2).PDF"),
        ("card_v1.pdf", "card_v2.pdf"),
        ("card-1764441600.pdf", "card-1764441999123.pdf"),
        ("card-2026-01-01T10:00:00Z.pdf", "card-20260102T100000Z.pdf"),
        (f"card-{UUID}.pdf", "card.pdf"),
        ("1764441600.pdf", "1764441700.pdf"),
        ("print-ready-1.pdf", "print-ready-1764441600123.pdf"),
        ("proof", "proof-2"),
    ],
)
@pytest.mark.parametrize(
    ("folder", "owner"),
    [("orders/7/v2/", "order 7"), (f"t/a/{UUID}/", f"order {UUID}"), ("o/PF-2026-0007/", "order PF-2026-0007")],
)
def test_a_file_that_was_made_again_is_told(folder: str, owner: str, old: str, new: str) -> None:
    assert superseding(folder + old, (folder + new, owner)) == folder + new


@pytest.mark.parametrize(
    ("old", "new", "owner"),
    [
        ("orders/7/back.pdf", "orders/7/front.pdf", "order 7"),
        ("orders/7/card.png", "orders/7/card-2.pdf", "order 7"),
        ("orders/70/card.pdf", "orders/70/card-2.pdf", "order 7"),
        ("orders/order-6.pdf", "orders/order-7.pdf", "order 7"),
        ("uploads/stray.pdf", "uploads/stray-2.pdf", "order 7"),
        ("orders/7/card.pdf", "orders/7/sub/card-2.pdf", "order 7"),
        ("orders/7/card.pdf", "orders/7/card-2.pdf", None),
        ("orders/7/card.pdf", "orders/7/card-2.pdf", "order"),
        ("o/PF-2025-0007/card.pdf", "o/PF-2025-0007/card-2.pdf", "order PF-2026-0007"),
        ("card.pdf", "card-2.pdf", "order 7"),
    ],
)
def test_a_neighbour_has_taken_nobodys_place(old: str, new: str, owner: str | None) -> None:
    assert superseding(old, (new, owner)) is None


def test_where_rows_name_two_the_numbers_count_pages() -> None:
    pages = [(f"orders/7/page-{number}.pdf", "order 7") for number in (1, 3)]
    assert superseding("orders/7/page-2.pdf", *pages) is None
    assert superseding("orders/7/page-2.pdf", pages[0], pages[0]) == "orders/7/page-1.pdf"


@pytest.mark.parametrize(
    "name", ["1" * 1000 + "x", "1-" * 500, "(1)" * 300, "v" * 1000, "2026-01-01" * 100, "", ".", "x."]
)
def test_every_name_is_answered(name: str) -> None:
    assert len("".join(name_of(f"orders/7/{name}"))) <= len(name)
