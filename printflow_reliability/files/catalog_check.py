"""Is the catalog complete? Columns that name objects of the buckets, and that no reference query returns.

Their files would look like orphans. Values are sampled and looked up in the buckets: what is found is certain, what is
not found is likely. A column is covered if a query returns the objects that it names, however it computes their keys.
"""

from collections.abc import Iterable, Iterator, Mapping

from printflow_reliability.files.catalog_look import DatabaseScan, Place, buckets_of
from printflow_reliability.files.catalog_report import CatalogReport, Uncovered, Unread, ValidReference
from printflow_reliability.files.object_index import ObjectIndex
from printflow_reliability.platform.catalog import Catalog, open_catalog
from printflow_reliability.platform.queries import Connector
from printflow_reliability.platform.tenancy import tenants
from printflow_reliability.progress import Advance
from printflow_reliability.settings import Settings


def check_catalog(
    settings: Settings, *, connect_with: Connector | None = None, advance: Advance | None = None
) -> CatalogReport:
    """Have every query checked by its database, then look for columns whose objects none of them returns.

    Raises:
        ConfigError: a query is refused; the message names its key.
        CouldNotTell: a cluster that the queries need is unreachable.
    """
    catalog = open_catalog(settings, connect_with=connect_with)
    known = tenants(settings, connect_with=connect_with)
    index = ObjectIndex.of(
        (settings.bucket_named(name) for name in buckets_of(settings)),
        (path for tenant in known for path in tenant.base_paths),
    )
    scan = DatabaseScan(settings, catalog, index, known, advance)
    for cluster in settings.cluster:
        scan.at(cluster)
    covered = _covered(catalog, scan.wanted())
    unread = [*(Unread(reason, bucket=name) for name, reason in index.unread.items()), *scan.unread, *_failing(catalog)]
    beside_views = _with(covered, (place for place in scan.places if not place.view))
    judged = (_uncovered(place, beside_views if place.view else covered, index) for place in scan.places)
    found = [column for column in judged if column is not None]
    references = [
        ValidReference(entry.settings.name, entry.settings.cluster, entry.settings.kind, entry.buckets, entry.columns)
        for entry in {entry.index: entry for entry in catalog.entries}.values()  # of many databases, one stands for all
    ]
    return CatalogReport(
        references,
        [column for column in found if column.not_covered],
        unread,
        [column for column in found if not column.not_covered],
        scan.columns,
    )


def _failing(catalog: Catalog) -> Iterator[Unread]:
    """Rows that a query fails on: which objects they cover is not known."""
    for entry in catalog.entries:
        for tenant, why in catalog.failing.of(entry.place).items():
            whose = f"tenant {tenant}" if tenant else "no tenant"
            place = entry.settings.database or entry.settings.cluster
            yield Unread(f"{entry.key} fails on rows of {whose}: {why}", database=place)


def _uncovered(place: Place, covered: Mapping[str, set[str]], index: ObjectIndex) -> Uncovered | None:
    """The place, if it names objects that no query returns."""
    if not place.values:
        if not place.paths or any(path in keys for path in place.paths for keys in covered.values()):
            return None
        return Uncovered(place.database, place.table, place.name, place.paths[0], not_covered=len(place.paths))
    there, missing = 0, []
    for text, keys in place.values.items():
        gone = [key for key in keys if key[1] not in covered.get(key[0], ())]
        there += len(keys) - len(gone)
        # Several objects may end in the same file name: then each of the rows that hold it needs one.
        if len(gone) == len(keys) or (text not in dict(keys).values() and place.rows[text] > len(keys) - len(gone)):
            missing += [(text, key) for key in gone]
    if there:
        # The same ending may be another object's, one that was not listed.
        missing = [(text, key) for text, key in missing if text == key[1] or key[0] not in index.partial]
    if missing:
        text, (bucket, key) = missing[0]
        return Uncovered(place.database, place.table, place.name, text, bucket, key, there, len(missing))
    if not place.unread:
        return None
    text, keys = next(iter(place.values.items()))
    return Uncovered(place.database, place.table, place.name, text, *keys[0], covered=there, not_covered=0)


def _covered(catalog: Catalog, wanted: Mapping[str, set[str]]) -> Mapping[str, set[str]]:
    """Which of these keys some query returns, by itself or by a prefix above it."""
    found: dict[str, set[str]] = {}
    for bucket in catalog.buckets:
        keys = wanted.get(bucket, set())
        above = {key: {key, *_above(key)} for key in keys}
        named = {reference.key for reference in catalog.look_up(bucket, set().union(*above.values()))}
        found[bucket] = {key for key, names in above.items() if names & named}
    return found


def _with(covered: Mapping[str, set[str]], places: Iterable[Place]) -> Mapping[str, set[str]]:
    """These keys, and those that the places name: what a table holds is told of the table, not of views of it."""
    found = {bucket: set(keys) for bucket, keys in covered.items()}
    for place in places:
        for bucket, key in (location for keys in place.values.values() for location in keys):
            found.setdefault(bucket, set()).add(key)
        found.setdefault("", set()).update(place.paths)  # of no bucket
    return found


def _above(key: str) -> Iterator[str]:
    end = key.find("/")
    while end >= 0:
        yield key[: end + 1]
        end = key.find("/", end + 1)
