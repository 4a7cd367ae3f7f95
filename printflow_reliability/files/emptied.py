"""Reference queries that returned rows at the last pass and return none now, or fail on some: rows that are not seen.

A renamed status, a policy or a wrong schema looks like the first. Until a person says that it is right, objects that
those rows may name are no orphans, and what the rows name is not said to be there.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from printflow_reliability.files import wording
from printflow_reliability.findings import Finding
from printflow_reliability.platform.catalog import Catalog, entries_of, tenants_in
from printflow_reliability.platform.catalog_entry import CatalogEntry
from printflow_reliability.records.reference_rows import NO_TENANT, Rows


@dataclass(frozen=True)
class Emptied:
    """One query without rows now for tenants that had some; `NO_TENANT` stands for rows without one."""

    entry: CatalogEntry
    bucket: str
    rows: Mapping[str, int]

    @property
    def finding(self) -> Finding:
        """What a person is told."""
        return wording.emptied(self.entry.settings, self.bucket, sorted(self.rows), sum(self.rows.values()))

    @property
    def anybodys(self) -> bool:
        """Whether these rows may be anybody's."""
        return NO_TENANT in self.rows

    @property
    def remembered(self) -> set[Rows]:
        """What the records go on to remember."""
        return {Rows(self.entry.settings.name, self.bucket, tenant) for tenant in self.rows}


@dataclass(frozen=True)
class Failing(Emptied):
    """One query that fails on the rows of some tenants; `rows` are those of the last pass, or 0.

    `strangers`: whether any of them is none that the platform names, so that nobody can tell whose files they name.
    """

    why: str
    strangers: bool = False

    @property
    def finding(self) -> Finding:
        """What a person is told."""
        most_rows_first = sorted(self.rows, key=lambda tenant: (-self.rows[tenant], tenant))
        return wording.failing(self.entry.settings, self.bucket, most_rows_first, self.why)

    @property
    def anybodys(self) -> bool:
        """Whether these rows may be anybody's."""
        return self.strangers or super().anybodys


def failing(
    catalog: Catalog, before: Mapping[Rows, int], bucket: str, known: Collection[str], tenant: str | None
) -> list[Failing]:
    """The queries that were found to fail on rows, by what the database says.

    Args:
        catalog: the queries, after the bucket's references were read.
        before, bucket: as for `emptied`.
        known: the tenants that the platform names.
        tenant: only its rows, and those that may be anybody's; None for everybody's.
    """
    found = []
    for entry in catalog.entries:
        if bucket not in entry.buckets:
            continue
        reasons: dict[str, dict[str, int]] = defaultdict(dict)
        for name, why in catalog.failing.of(entry.place).items():
            whose = Rows(entry.settings.name, bucket, name or NO_TENANT)
            if tenant is None or whose.tenant == tenant or whose.tenant not in known:
                reasons[why][whose.tenant] = before.get(whose, 0)
        found += [
            Failing(entry, bucket, rows, why, any(name not in known for name in rows)) for why, rows in reasons.items()
        ]
    return found


def emptied(
    catalog: Catalog,
    before: Mapping[Rows, int],
    now: Mapping[tuple[int, str | None], int],
    bucket: str,
    tenants: Collection[str],
) -> list[Emptied]:
    """The queries that fell to nothing for one of these tenants.

    Args:
        catalog: the queries; each suspicion is asked about again, since rows may have moved to another bucket.
        before: rows at the last pass.
        now: rows into the bucket in this pass, by query and tenant.
        bucket: its name in printflow.toml.
        tenants: those that the platform knows, and `NO_TENANT` where rows without a tenant were read too.
    """
    fallen: dict[str, dict[str, int]] = defaultdict(dict)
    places = {entry.settings.name: entries_of(catalog, entry.settings.name) for entry in catalog.entries}
    for whose, rows in before.items():
        if whose.bucket != bucket or whose.tenant not in tenants or whose.reference not in places:
            continue
        if not now.get((places[whose.reference][0].index, whose.tenant or None)):
            fallen[whose.reference][whose.tenant] = rows
    found = []
    for name, rows_of in fallen.items():
        asked = [tenant or None for tenant in rows_of]
        still = frozenset[str | None]().union(*(tenants_in(catalog, entry, asked) for entry in places[name]))
        left = {tenant: rows for tenant, rows in rows_of.items() if (tenant or None) not in still}
        if left:
            found.append(Emptied(places[name][0], bucket, left))
    return found


def untold(fallen: Collection[Emptied], owner: str | None) -> bool:
    """Whether rows that are gone may have named an object of this tenant, or of nobody (None)."""
    return any(owner is None or owner in query.rows or query.anybodys for query in fallen)
