"""Which rows are a tenant's: those that say so, and those that refer to nothing but such rows.

A table with the tenant column says it of each row. A row of another table is a tenant's if it refers to rows of that
tenant by foreign keys and to no row of anybody else's; one that refers to both is nobody's to move.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql
from psycopg.rows import class_row

from printflow_reliability.errors import ConfigError
from printflow_reliability.platform.queries import Connection
from printflow_reliability.settings import TenancySettings, TenantRowsSettings

TABLES = Path(__file__).with_name("tables.sql").read_text(encoding="utf-8").encode()
FOREIGN_KEYS = Path(__file__).with_name("foreign_keys.sql").read_text(encoding="utf-8").encode()


@dataclass(frozen=True)
class Table:
    """A table as the catalog has it; generated columns are not among its columns."""

    schema: str
    name: str
    columns: list[str]
    primary_key: list[str]

    @property
    def label(self) -> str:
        """As plans call it."""
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        """As SQL calls it."""
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key between two tables, by their labels."""

    child: str
    parent: str
    child_columns: list[str]
    parent_columns: list[str]


@dataclass(frozen=True)
class TenantTable:
    """A table that holds rows of tenants, and the condition on a row `t` of it to be this tenant's."""

    table: Table
    condition: sql.Composable


def closure(
    connection: Connection, tenancy: TenancySettings | TenantRowsSettings, tenant: str
) -> tuple[TenantTable, ...]:
    """Every table of a database that may hold rows of a tenant, parents before children.

    Raises:
        ConfigError: the root table is not there, a table that must be tenants' cannot tell whose its rows are, or one
            has no primary key to tell its rows apart by.
    """
    with connection.cursor(row_factory=class_row(Table)) as cursor:
        tables = {table.label: table for table in cursor.execute(TABLES).fetchall()}
    with connection.cursor(row_factory=class_row(ForeignKey)) as keys:
        foreign_keys = keys.execute(FOREIGN_KEYS).fetchall()
    return tenant_tables(tables, foreign_keys, tenancy, tenant)


def tenant_tables(
    tables: Mapping[str, Table],
    foreign_keys: Sequence[ForeignKey],
    tenancy: TenancySettings | TenantRowsSettings,
    tenant: str,
) -> tuple[TenantTable, ...]:
    """The same, of a catalog that was read."""
    whose = sql.Literal(tenant)
    owned: dict[str, sql.Composable] = {
        label: sql.SQL("t.{}::text = {}").format(sql.Identifier(tenancy.column), whose)
        for label, table in tables.items()
        if tenancy.column in table.columns
    }
    required: Sequence[str] = ()
    if isinstance(tenancy, TenancySettings):
        root, required = _root(tables, tenancy), tenancy.tables
        owned[root] = sql.SQL("t.{}::text = {}").format(_key(tables[root]), whose)
    grown = True
    while grown:
        found = {
            label: _through(keys, tables, owned)
            for label in tables
            if label not in owned
            and (keys := [key for key in foreign_keys if key.child == label and key.parent in owned])
            # Wait for the others of its parents that will turn out to be tenants'.
            and not _undecided(label, foreign_keys, owned, tables)
        }
        grown = bool(found)
        owned |= found
    for index, name in enumerate(required):
        if _labelled(name) not in owned:
            raise ConfigError(
                f'tenancy.tables[{index}]: "{name}" has neither the column {tenancy.column} nor a foreign key that '
                "leads to a tenant, so whose its rows are cannot be told",
                "add the column, or leave the table out",
            )
    for label in owned:
        if not tables[label].primary_key:
            raise ConfigError(f"{label} holds rows of tenants and has no primary key", "give it one")
    return tuple(TenantTable(tables[label], owned[label]) for label in _parents_first(owned, foreign_keys))


def _root(tables: Mapping[str, Table], tenancy: TenancySettings) -> str:
    root = _labelled(tenancy.table)
    if root not in tables or len(tables[root].primary_key) != 1:
        raise ConfigError(
            f'tenancy.table: there is no table "{tenancy.table}" with a primary key of one column',
            "name the table whose primary key is the tenant's id",
        )
    return root


def _through(
    keys: Sequence[ForeignKey], tables: Mapping[str, Table], owned: Mapping[str, sql.Composable]
) -> sql.Composable:
    """The condition of rows that refer to rows of the tenant and to nobody else's."""

    def parent(key: ForeignKey, condition: sql.Composable) -> sql.Composed:
        matches = sql.SQL(" AND ").join(
            sql.SQL("t.{} = {}.{}").format(sql.Identifier(parent), sql.SQL("c"), sql.Identifier(child))
            for child, parent in zip(key.child_columns, key.parent_columns, strict=True)
        )
        return sql.SQL("EXISTS (SELECT FROM {} AS t WHERE {} AND {})").format(
            tables[key.parent].identifier, matches, condition
        )

    own = sql.SQL(" OR ").join(parent(key, owned[key.parent]) for key in keys)
    others = sql.SQL(" OR ").join(parent(key, sql.SQL("({}) IS NOT TRUE").format(owned[key.parent])) for key in keys)
    return sql.SQL("(SELECT ({}) AND NOT ({}) FROM (SELECT t.*) AS c)").format(own, others)


def _undecided(
    label: str, foreign_keys: Sequence[ForeignKey], owned: Mapping[str, object], tables: Mapping[str, Table]
) -> bool:
    """Whether a parent is not known to be tenants' yet, although one of its own parents is."""
    parents = {key.parent for key in foreign_keys if key.child == label} - owned.keys() - {label}
    return any(
        key.child in parents and key.parent in owned and key.parent != label and key.child in tables
        for key in foreign_keys
    )


def _parents_first(owned: Mapping[str, object], foreign_keys: Sequence[ForeignKey]) -> list[str]:
    """The tables in an order in which a row's parents are there before it.

    Raises:
        ConfigError: tables refer to each other in a circle.
    """
    left, order = dict.fromkeys(owned), list[str]()
    while left:
        ready = [
            label
            for label in left
            if not any(key.child == label and key.parent in left and key.parent != label for key in foreign_keys)
        ]
        if not ready:
            circle = ", ".join(sorted(left))
            raise ConfigError(f"these tables refer to each other in a circle: {circle}", "restore them by hand")
        order += ready
        for label in ready:
            del left[label]
    return order


def _labelled(name: str) -> str:
    return name if "." in name else f"public.{name}"


def _key(table: Table) -> sql.Identifier:
    return sql.Identifier(table.primary_key[0])
