"""Many objects of another size are told by one more listing, without a HEAD each; what it cannot tell is asked for."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from printflow_reliability.files import confirm_mismatched
from printflow_reliability.files.confirm_mismatched import MismatchConfirmation
from printflow_reliability.files.presence import Presence
from printflow_reliability.files.spool import Spool
from printflow_reliability.platform.catalog import Reference
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.pages import StoredObject
from printflow_reliability.storage.side_by_side import OrderBroken
from printflow_reliability.storage.sources import ObjectListing
from printflow_reliability_tests.minimal_settings import minimal_settings
from printflow_reliability_tests.storage.fake_s3 import FakeBucket, serving

KNOWN, HAS = 8, 7
KEYS = tuple(f"shops/1/orders/{number:02}.pdf" for number in range(20))


@dataclass
class Rows:
    """A database whose rows know a size of each key; `now` is what it has by the time that it is asked again."""

    known: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KEYS, KNOWN))
    now: dict[str, int | None] = field(default_factory=dict)

    settings = minimal_settings()

    def look_up(self, _bucket: str, keys: Collection[str]) -> Iterator[Reference]:
        rows: Mapping[str, int | None] = {**self.known, **self.now}
        return (_row(key, size) for key in keys if (size := rows.get(key)) is not None)


def _row(key: str, size: int) -> Reference:
    return Reference(key, 0, "1", f"order {key[-6:-4]}", "files", size, None, soft_deleted=False)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirm_mismatched, "FEW", 5)


def found(bucket: BucketSettings, rows: Rows, source: Any = None, keys: Collection[str] = KEYS) -> dict[str, str]:
    """The kinds of what is told, by key."""
    candidates: Spool[Reference] = Spool(tuple, lambda values: Reference(*values))
    with closing(candidates):
        for key in keys:
            candidates.append(_row(key, rows.known[key]))
        confirmation = MismatchConfirmation(
            Presence(bucket), cast("Any", rows), source or ObjectListing(bucket), checksums=None
        )
        return {finding.key or "": finding.kind for finding in confirmation.findings(candidates)}


def test_many_of_another_size_are_told_by_one_listing_and_no_head() -> None:
    store = FakeBucket(dict.fromkeys(KEYS, HAS))
    with serving(store) as bucket:
        assert found(bucket, Rows()) == dict.fromkeys(KEYS, "size_mismatch")
        assert (store.requests["LIST"], store.requests["HEAD"]) == (1, 0)
        assert len(found(bucket, Rows(), keys=KEYS[:5])) == 5
        assert (store.requests["LIST"], store.requests["HEAD"]) == (1, 5)  # few are asked for each


def test_what_was_mended_or_went_meanwhile_is_no_finding_and_is_asked_for_alone() -> None:
    objects = dict.fromkeys(KEYS, HAS)
    rewritten, gone, refused, corrected, changed, forgotten = KEYS[:6]
    objects[rewritten] = KNOWN
    del objects[gone], objects[refused]
    rows = Rows(now={corrected: HAS, changed: KNOWN + 1, forgotten: None})
    store = FakeBucket(objects, fails={refused: 403})
    with serving(store) as bucket:
        told = found(bucket, rows)
    assert told == {**dict.fromkeys((changed, *KEYS[6:]), "size_mismatch"), refused: "unknown"}
    assert store.requests["HEAD"] <= 5 + 1  # of these, and of another key whether the store answers


def test_a_bucket_out_of_order_is_sorted_and_an_inventory_is_not_asked_twice() -> None:
    store, rows, expected = FakeBucket(dict.fromkeys(KEYS, HAS)), Rows(), dict.fromkeys(KEYS, "size_mismatch")
    objects = [StoredObject(key, HAS, "e", datetime(2026, 11, 2, tzinfo=UTC)) for key in KEYS]

    def broken(_prefix: str) -> Iterator[StoredObject]:
        yield from objects[10:]
        raise OrderBroken(KEYS[0])

    disordered = SimpleNamespace(as_of=None, listed=broken, listed_anyhow=lambda _: iter(objects[::-1]))
    inventory = SimpleNamespace(as_of=datetime(2026, 11, 1, tzinfo=UTC))  # and nothing to read from it again
    with serving(store) as bucket:
        assert found(bucket, rows, disordered) == expected
        assert store.requests == {}
        assert found(bucket, rows, inventory) == expected
        assert (store.requests["LIST"], store.requests["HEAD"]) == (1, 0)
