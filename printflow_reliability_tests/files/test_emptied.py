"""Whose rows a lost database takes away: those of a tenant that nobody names may be anybody's."""

import pytest

from printflow_reliability.files.emptied import failing, untold
from printflow_reliability.platform.catalog import Catalog
from printflow_reliability.platform.catalog_entry import CatalogEntry
from printflow_reliability.platform.failing_rows import FailingRows
from printflow_reliability_tests.minimal_settings import minimal_settings

KNOWN = {"1", "2"}


def catalog_without(tenant: str | None) -> Catalog:
    """A catalog of which a database of this tenant cannot be read."""
    settings = minimal_settings()
    entry = CatalogEntry(0, settings.reference[0], (), ("print-files",), "", tenant)
    lost = FailingRows()
    lost.leave_out(entry.place, tenant, "it is gone")
    return Catalog(settings, (entry,), None, lost)


@pytest.mark.parametrize("scope", [None, "1"])
@pytest.mark.parametrize("tenant", ["suspended", None])
def test_a_lost_database_of_nobody_known_is_told_and_no_object_is_an_orphan(
    tenant: str | None, scope: str | None
) -> None:
    (found,) = failing(catalog_without(tenant), {}, "print-files", KNOWN, scope)
    assert "it is gone" in found.finding.detail
    assert untold([found], "1")
    assert untold([found], None)


def test_a_lost_database_of_a_known_tenant_is_its_own_trouble() -> None:
    catalog = catalog_without("1")
    (found,) = failing(catalog, {}, "print-files", KNOWN, None)
    assert [untold([found], owner) for owner in ("1", "2", None)] == [True, False, True]
    assert failing(catalog, {}, "print-files", KNOWN, "2") == []
    assert failing(catalog, {}, "other", KNOWN, None) == []
    assert not untold([], None)
