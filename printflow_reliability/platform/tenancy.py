"""The tenants, and where in the buckets each one's files belong."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg import sql

from printflow_reliability.errors import ConfigError
from printflow_reliability.platform.queries import ConnectWith, as_table, asked, columns_of, require_columns, session
from printflow_reliability.settings import Settings

KEY = "tenancy.tenants"


@dataclass(frozen=True)
class Tenant:
    """One tenant: its id, and the prefix under which all of its objects lie; it ends in a slash."""

    id: str
    base_path: str


class BasePaths:
    """Whose base path a key lies under; `nested` tells whether one tenant's lies within another's."""

    def __init__(self, tenants: Iterable[Tenant]) -> None:
        self.of = {tenant.id: tenant.base_path for tenant in tenants}
        self._tenants = {path: tenant for tenant, path in self.of.items()}
        self.nested = any(self.owner_of(path[:-1]) is not None for path in self._tenants)

    def owner_of(self, key: str) -> str | None:
        """The tenant under whose base path a key lies (the innermost), or None if it lies under nobody's."""
        end = key.rfind("/")
        while end >= 0:
            if tenant := self._tenants.get(key[: end + 1]):
                return tenant
            end = key.rfind("/", 0, end)
        return None


def tenants(settings: Settings, *, connect_with: ConnectWith | None = None) -> tuple[Tenant, ...]:
    """Every tenant, by id.

    Raises:
        ConfigError: the query is refused, lacks a column, or gives a base path that cannot keep tenants apart.
        CouldNotTell: the cluster is unreachable.
    """
    found, refused = tenants_apart(settings, connect_with=connect_with)
    for reason in refused.values():
        raise ConfigError(f"{KEY}: {reason}", "have the query return base paths that keep tenants apart")
    return found


def tenants_apart(
    settings: Settings, *, connect_with: ConnectWith | None = None
) -> tuple[tuple[Tenant, ...], Mapping[str | None, str]]:
    """The tenants that base paths keep apart, by id, and of each other one, why they do not.

    Raises:
        ConfigError: the query is refused, or lacks a column.
        CouldNotTell: the cluster is unreachable.
    """
    cluster = settings.cluster_named(settings.tenancy.cluster)
    with session(cluster, None, connect_with) as connection:
        have = columns_of(connection, KEY, settings.tenancy.tenants)
        require_columns(KEY, have, ("tenant", "base_path"))
        with asked(KEY):
            rows = connection.execute(
                sql.SQL("SELECT tenant::text, base_path::text FROM {} ORDER BY 1").format(
                    as_table(settings.tenancy.tenants)
                )
            ).fetchall()
    return _apart(rows)


def _apart(rows: Iterable[tuple[str | None, str | None]]) -> tuple[tuple[Tenant, ...], Mapping[str | None, str]]:
    found: dict[str, str] = {}
    owners: dict[str, str] = {}
    refused: dict[str | None, str] = {}
    for tenant, base_path in rows:
        if tenant is None or base_path is None or not base_path.endswith("/") or base_path.startswith("/"):
            refused[tenant] = (
                f'tenant {tenant} has the base path "{base_path}", which keeps nobody apart: '
                "it must end in a slash and not begin with one"
            )
        elif found.setdefault(tenant, base_path) != base_path:
            refused[tenant] = f"tenant {tenant} comes with two base paths"
        elif (other := owners.setdefault(base_path, tenant)) != tenant:
            refused[tenant] = refused[other] = f"two tenants share one base path: {other} and {tenant}"
    return tuple(Tenant(tenant, path) for tenant, path in found.items() if tenant not in refused), refused


def tenant_named(known: Iterable[Tenant], name: str) -> Tenant:
    """The tenant with that id.

    Raises:
        ConfigError: there is none.
    """
    for tenant in known:
        if tenant.id == name:
            return tenant
    raise ConfigError(f'there is no tenant "{name}"', "a tenant is named by the id that tenancy.tenants returns")
