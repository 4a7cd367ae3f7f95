"""The tenants, and where in the buckets each one's files belong."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from psycopg import sql

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.platform.identifiers import kept
from printflow_reliability.platform.queries import Connector, as_table, columns_of, require_columns, session
from printflow_reliability.platform.row_by_row import NO_TIME, Query, rows_of
from printflow_reliability.platform.spelling import folded, is_url, plain, suffixes
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted

KEY = "tenancy.tenants"
NO_ID = "NULL"
"""Stands for a tenant without an id."""
COLUMNS = sql.SQL("DISTINCT tenant::text, {}::text")
Owner = TypeVar("Owner", str, frozenset[str])


@dataclass(frozen=True)
class Tenant:
    """One tenant: its id, and the prefixes under which its objects lie; each ends in a slash.

    Most have one. `further` are those after the first; of a tenant without any, `base_path` is empty.
    """

    id: str
    base_path: str = ""
    further: tuple[str, ...] = ()

    @property
    def base_paths(self) -> tuple[str, ...]:
        """All of them; none of a tenant whose objects may lie anywhere."""
        return (self.base_path, *self.further) if self.base_path else ()


@dataclass(frozen=True)
class _Spelled:
    """Base paths in the normal form of keys: whose each one is, and everything at or above one of them."""

    owners: Mapping[str, frozenset[str]]
    at_or_above: frozenset[str]


class BasePaths:
    """Whose base path a key lies under; `nested` tells whether one tenant's lies within another's.

    `of` has the base paths of each tenant, none of one whose objects may lie anywhere.
    """

    def __init__(self, tenants: Iterable[Tenant]) -> None:
        self.of = {tenant.id: tenant.base_paths for tenant in tenants}
        self._tenants = {path: tenant for tenant, paths in self.of.items() for path in paths}
        self.nested = any(self.around(path) is not None for path in self._tenants)
        self._spelled: dict[str, _Spelled] = {}

    def owner_of(self, key: str) -> str | None:
        """The tenant under whose base path a key lies (the innermost), or None if it lies under nobody's."""
        return _innermost(self._tenants, key)

    def around(self, path: str) -> str | None:
        """The other tenant within whose base path this one lies."""
        owner = self.owner_of(path[:-1])
        return owner if owner != self._tenants.get(path) else None

    def owners_meant(self, key: str, bucket: str) -> frozenset[str]:
        """The tenants under whose base path a key lies under any of its spellings; mostly one, or none.

        Args:
            key: as the database has it.
            bucket: the bucket's own name, which may stand in front of the key.
        """
        owners = self._in_normal_form(bucket).owners
        for reading in self.readings(key, bucket):
            if found := _innermost(owners, folded(reading, bucket)):
                return found
        return frozenset()

    def readings(self, key: str, bucket: str) -> tuple[str, ...]:
        """The plain keys that a key may mean, the most likely first.

        Folders in front that are none of the bucket's are left out where a URL brought them, or where a base path of
        several parts follows them: a single number, as in `2/`, would be found in many a key.
        """
        owners = self._in_normal_form(bucket).owners

        def follows(suffix: str) -> bool:
            return any(path.count("/") > 1 and path in owners for path in above(folded(suffix, bucket)))

        url = is_url(key)
        return (plain(key, bucket), *(suffix for suffix in suffixes(key, bucket) if url or follows(suffix)))

    def too_wide(self, key: str, bucket: str) -> bool:
        """Whether a key names a whole base path, or what lies above it: it covers nothing, and names no file."""
        return folded(key, bucket) in self._in_normal_form(bucket).at_or_above

    def _in_normal_form(self, bucket: str) -> _Spelled:
        if bucket not in self._spelled:
            owners: dict[str, frozenset[str]] = {}
            for path, tenant in self._tenants.items():
                spelled = folded(path, bucket)
                owners[spelled] = owners.get(spelled, frozenset()) | {tenant}
            wide = frozenset(prefix for path in owners for prefix in above(path))
            self._spelled[bucket] = _Spelled(owners, wide | {"", "/"})
        return self._spelled[bucket]


def above(key: str) -> Iterator[str]:
    """Every prefix of a key that ends in a slash, the shortest first."""
    end = key.find("/")
    while end >= 0:
        yield key[: end + 1]
        end = key.find("/", end + 1)


def _innermost(owners: Mapping[str, Owner], key: str) -> Owner | None:
    end = key.rfind("/")
    while end >= 0:
        if found := owners.get(key[: end + 1]):
            return found
        end = key.rfind("/", 0, end)
    return None


@dataclass(frozen=True)
class Tenancy:
    """What the platform says of its tenants.

    `odd` tells why the base path of some of them cannot be used, `overlapping` whose lies within another tenant's.
    """

    tenants: tuple[Tenant, ...]
    odd: Mapping[str, str]
    overlapping: Mapping[str, str] = field(default_factory=dict)


def tenants(settings: Settings, *, connect_with: Connector | None = None) -> tuple[Tenant, ...]:
    """Every tenant with a base path of its own, by id, for what nothing can be said without; none if there are none.

    Raises:
        ConfigError: the query is refused, or lacks a column.
        CouldNotTell: the cluster is unreachable, or not one of its tenants has a base path that can be used.
    """
    found = tenancy(settings, connect_with=connect_with)
    if found.odd and not found.tenants:
        tenant, why = next(iter(found.odd.items()))
        more = len(found.odd) - 1
        others = f", and {counted(more, 'other tenant')} cannot be used either" if more else ""
        raise CouldNotTell(
            f"{KEY}: tenant {tenant} {why}{others}",
            "have the query return base paths that end in a slash and do not begin with one",
        )
    return found.tenants


def tenancy(settings: Settings, *, connect_with: Connector | None = None) -> Tenancy:
    """Every tenant, by id, and those whose base path cannot be used, be it all of them.

    Raises:
        ConfigError: the query is refused, or lacks a column.
        CouldNotTell: the cluster is unreachable.
    """
    cluster = settings.cluster_named(settings.tenancy.cluster)
    with session(cluster, None, connect_with) as connection:
        have = columns_of(connection, KEY, settings.tenancy.tenants)
        required = settings.tenancy.base_path_required
        require_columns(KEY, have, ("tenant", "base_path") if required else ("tenant",))
        columns = COLUMNS.format(sql.SQL("base_path" if "base_path" in have else "NULL"))
        query = Query(KEY, as_table(settings.tenancy.tenants), columns, "tenant", have["tenant"])
        rows = rows_of(connection, query)
    failing = {**dict.fromkeys(rows.unread, NO_TIME), **rows.failing}
    return told_apart(rows.rows, failing, required=required, nested=settings.tenancy.nested_base_paths)


def told_apart(
    rows: Iterable[tuple[str | None, str | None]],
    failing: Mapping[str | None, str] = MappingProxyType({}),
    *,
    required: bool = True,
    nested: bool = True,
) -> Tenancy:
    """The tenants that their base paths tell apart.

    Args:
        rows: each tenant and a base path, once for each that it has; None where it has none.
        failing: tenants whose rows the database does not give, and why.
        required: whether a tenant without a base path is odd.
        nested: whether base paths may lie within those of others.
    """
    paths: dict[str, set[str | None]] = {}
    odd = {kept(tenant or NO_ID): f"cannot be read: {why}" for tenant, why in failing.items()}
    for tenant, base_path in rows:
        if tenant:
            paths.setdefault(kept(tenant), set()).add(base_path)
        else:
            odd[NO_ID] = "has no id"
    owners = Counter(path for every in paths.values() for path in every)
    usable: list[Tenant] = []
    for tenant, every in sorted(paths.items()):
        some = sorted(path for path in every if path is not None)
        if None in every and required:
            odd[tenant] = "has no base path (NULL), so nothing keeps it apart"
        elif useless := [path for path in some if not path.endswith("/") or path.startswith("/")]:
            odd[tenant] = f'has the base path "{useless[0]}", which keeps nobody apart'
        elif shared := next((path for path in some if owners[path] > 1), None):
            odd[tenant] = f'shares its base path "{shared}" with another tenant'
        else:
            usable.append(Tenant(tenant, some[0] if some else "", tuple(some[1:])))
    return Tenancy(tuple(usable), odd, {} if nested else _overlapping(usable))


def _overlapping(usable: Sequence[Tenant]) -> Mapping[str, str]:
    """The tenants that have a base path within another tenant's, and which."""
    paths = BasePaths(usable)
    return {
        tenant.id: f'has the base path "{path}", which lies within that of tenant {around}'
        for tenant in usable
        for path in tenant.base_paths
        if (around := paths.around(path)) is not None
    }


def tenant_named(platform: Tenancy, name: str) -> Tenant | None:
    """The tenant with that id, or None if its base path cannot be used.

    Raises:
        ConfigError: there is none.
    """
    found = next((tenant for tenant in platform.tenants if tenant.id == name), None)
    if found is None and name not in platform.odd:
        raise ConfigError(f'there is no tenant "{name}"', "a tenant is named by the id that tenancy.tenants returns")
    return found
