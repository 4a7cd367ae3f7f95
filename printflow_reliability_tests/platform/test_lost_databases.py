"""Where the query of a lost database may point to: its other databases tell, since the query is the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.platform import accepted_entries as accepted
from printflow_reliability.platform.catalog import Catalog
from printflow_reliability.platform.catalog_entry import CatalogEntry
from printflow_reliability.platform.failing_rows import FailingRows
from printflow_reliability.settings import BucketSettings
from printflow_reliability.settings.references import DiskSettings
from printflow_reliability_tests.minimal_settings import minimal_settings


def catalog_without_second(monkeypatch: pytest.MonkeyPatch, *columns: str) -> Catalog:
    """A query in two databases, of which the first accepts it with these columns and the second has no table."""
    base = minimal_settings()
    reference = base.reference[0].model_copy(update={"databases": "SELECT database"})
    buckets = (*base.bucket, BucketSettings(name="copies", bucket="copies"))
    settings = base.model_copy(update={"reference": (reference,), "bucket": buckets})
    first, second = (
        accepted._Database(0, reference.model_copy(update={"database": name}), tenant)
        for name, tenant in (("a", "1"), ("b", "2"))
    )

    @contextmanager
    def session(*_: Any) -> Iterator[None]:
        yield None

    def answer(_settings: Any, _connection: Any, database: Any, _tenants: Any) -> CatalogEntry:
        if database is second:
            raise ConfigError("no such table", "make it")
        return CatalogEntry(0, first.settings, ("key", *columns), ("print-files",), tenant="1")

    monkeypatch.setattr(accepted, "_databases", lambda *_: iter((first, second)))
    monkeypatch.setattr(accepted, "session", session)
    monkeypatch.setattr(accepted, "_accepted", answer)
    failing = FailingRows()
    return Catalog(settings, accepted.accepted_entries(settings, None, None, failing), None, failing)


def test_a_lost_database_of_a_query_that_tells_buckets_may_point_into_any(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = catalog_without_second(monkeypatch, "bucket")
    assert [entry.buckets for entry in catalog.entries] == [("print-files",), ("copies", "print-files")]
    assert catalog.buckets == ("print-files",)  # copies, which nothing names, are no orphans


def test_a_lost_database_of_a_query_that_tells_none_points_into_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = catalog_without_second(monkeypatch)
    assert [entry.buckets for entry in catalog.entries] == [("print-files",), ("print-files",)]


@pytest.mark.parametrize(("columns", "asked"), [(("bucket",), True), (("disk",), True), ((), False)])
def test_a_query_that_had_no_row_into_a_bucket_is_asked_about_its_keys_all_the_same(
    monkeypatch: pytest.MonkeyPatch, columns: tuple[str, ...], asked: bool
) -> None:
    base = minimal_settings()
    disk = DiskSettings(name="s3", bucket="copies")
    reference = base.reference[0].model_copy(update={"disk": (disk,) if "disk" in columns else ()})
    entry = CatalogEntry(0, reference, ("key", *columns), ())
    streams: list[list[CatalogEntry]] = []

    def stream(_: Catalog, entries: list[CatalogEntry], *__: Any) -> Iterator[Any]:
        streams.append(entries)
        return iter(())

    monkeypatch.setattr(Catalog, "_stream", stream)
    assert not [*Catalog(base, (entry,)).look_up("copies", ["a.pdf"])]
    assert streams == [[entry] if asked else []]
    assert not entry.may_name("elsewhere") or "bucket" in columns
