"""The tenants, and where in the buckets each one's files belong."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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
COLUMNS = sql.SQL("DISTINCT tenant::text, base_path::text")
Owner = TypeVar("Owner", str, frozenset[str])


@dataclass(frozen=True)
class Tenant:
    """One tenant: its id, and the prefix under which all of its objects lie; it ends in a slash."""

    id: str
    base_path: str


@dataclass(frozen=True)
class _Spelled:
    """Base paths in the normal form of keys: whose each one is, and everything at or above one of them."""

    owners: Mapping[str, frozenset[str]]
    at_or_above: frozenset[str]


class BasePaths:
    """Whose base path a key lies under; `nested` tells whether one tenant's lies within another's."""

    def __init__(self, tenants: Iterable[Tenant]) -> None:
        self.of = {tenant.id: tenant.base_path for tenant in tenants}
        self._tenants = {path: tenant for tenant, path in self.of.items()}
        self.nested = any(self.owner_of(path[:-1]) is not None for path in self._tenants)
        self._spelled: dict[str, _Spelled] = {}

    def owner_of(self, key: str) -> str | None:
        """The tenant under whose base path a key lies (the innermost), or None if it lies under nobody's."""
        return _innermost(self._tenants, key)

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
            for tenant, path in self.of.items():
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
    """What the platform says of its tenants; `odd` tells why the base path of some of them cannot be used."""

    tenants: tuple[Tenant, ...]
    odd: Mapping[str, str]


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
        require_columns(KEY, have, ("tenant", "base_path"))
        query = Query(KEY, as_table(settings.tenancy.tenants), COLUMNS, "tenant", have["tenant"])
        rows = rows_of(connection, query)
    return told_apart(rows.rows, {**dict.fromkeys(rows.unread, NO_TIME), **rows.failing})


def told_apart(
    rows: Iterable[tuple[str | None, str | None]], failing: Mapping[str | None, str] = MappingProxyType({})
) -> Tenancy:
    """The tenants that their base paths tell apart.

    Args:
        rows: each tenant and its base path.
        failing: tenants whose rows the database does not give, and why.
    """
    found = {(tenant and kept(tenant), base_path) for tenant, base_path in rows}
    paths = Counter(tenant for tenant, _ in found)
    owners = Counter(base_path for _, base_path in found)
    usable: list[Tenant] = []
    odd = {kept(tenant or NO_ID): f"cannot be read: {why}" for tenant, why in failing.items()}
    for tenant, base_path in sorted(found, key=lambda row: (row[0] or "", row[1] or "")):
        if not tenant:
            odd[NO_ID] = "has no id"
        elif base_path is None or not base_path.endswith("/") or base_path.startswith("/"):
            odd[tenant] = f'has the base path "{base_path}", which keeps nobody apart'
        elif paths[tenant] > 1:
            odd[tenant] = "comes with two base paths"
        elif owners[base_path] > 1:
            odd[tenant] = f'shares its base path "{base_path}" with another tenant'
        else:
            usable.append(Tenant(tenant, base_path))
    return Tenancy(tuple(usable), odd)


def tenant_named(platform: Tenancy, name: str) -> Tenant | None:
    """The tenant with that id, or None if its base path cannot be used.

    Raises:
        ConfigError: there is none.
    """
    found = next((tenant for tenant in platform.tenants if tenant.id == name), None)
    if found is None and name not in platform.odd:
        raise ConfigError(f'there is no tenant "{name}"', "a tenant is named by the id that tenancy.tenants returns")
    return found
