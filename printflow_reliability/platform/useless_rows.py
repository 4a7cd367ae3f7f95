"""Rows of reference queries that name no object and nobody: without a key, with a key that is no text, of strangers."""

from collections.abc import Collection, Generator, Mapping

from psycopg import sql

from printflow_reliability.platform.catalog import Catalog, Reference, as_reference, entries_of, tenants_in
from printflow_reliability.platform.queries import config_errors, session
from printflow_reliability.platform.tenancy import tenancy


def not_utf8(catalog: Catalog) -> Generator[Reference, None, None]:
    """References whose keys are not UTF-8, with escapes in them: no object has such a key."""
    for entry in catalog.entries:
        if not entry.unencoded or catalog.failing.leaves_out(entry.place):
            continue
        wanted = catalog.failing.conditions(entry.place, sql.SQL("key IS NOT NULL AND NOT {}").format(entry.utf8))
        rows = sql.SQL("\nUNION ALL\n").join(map(entry.select, wanted))
        cluster = catalog.settings.cluster_named(entry.settings.cluster)
        with (
            session(cluster, entry.settings.database, catalog.connect_with) as connection,
            config_errors(entry.key),
            connection.cursor().copy(sql.SQL("COPY ({}) TO STDOUT").format(rows)) as copy,
        ):
            yield from map(as_reference, copy.rows())


def without_keys(catalog: Catalog, name: str) -> bool:
    """Whether a reference's query returns rows, and not one of them with a key."""
    rows = False
    for entry in entries_of(catalog, name):
        if catalog.failing.of(entry.place):
            return False  # which says so itself
        query = sql.SQL("SELECT EXISTS (SELECT FROM {0}), EXISTS (SELECT FROM {0} WHERE key IS NOT NULL)")
        cluster = catalog.settings.cluster_named(entry.settings.cluster)
        with session(cluster, entry.settings.database, catalog.connect_with) as connection, config_errors(entry.key):
            any_row, any_key = connection.execute(query.format(entry.table)).fetchone() or (False, False)
        if any_key:
            return False
        rows = rows or any_row
    return rows


def strangers(
    catalog: Catalog, rows: Collection[tuple[int, str | None]], known: Collection[str]
) -> Mapping[int, list[str]]:
    """By query, the tenants of its rows that the platform does not name among its tenants, also not by now.

    Args:
        catalog: the queries.
        rows: of which tenants each query returned any.
        known: the tenants that were named before.
    """
    found: dict[int, set[str]] = {}
    for index, tenant in rows:
        if tenant is not None and tenant not in known:
            found.setdefault(index, set()).add(tenant)
    if not found:
        return {}
    platform = tenancy(catalog.settings, connect_with=catalog.connect_with)
    now = {tenant.id for tenant in platform.tenants} | platform.odd.keys()
    left: dict[int, list[str]] = {}
    for index, tenants in found.items():
        entries = entries_of(catalog, catalog.settings.reference[index].name)
        still = {tenant for entry in entries for tenant in tenants_in(catalog, entry, tenants - now)}
        if named := sorted(tenant for tenant in still if tenant is not None):
            left[index] = named
    return left
