"""The tables of a database with their columns, unique keys, triggers and foreign keys, read from its catalog."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from printflow_reliability.errors import ConfigError
from printflow_reliability.platform.foreign_keys import ForeignKey, read_foreign_keys
from printflow_reliability.platform.queries import Connection

TABLES = Path(__file__).with_name("tables.sql").read_text(encoding="utf-8").encode()
DEFAULT_SCHEMA = "public"


@dataclass(frozen=True)
class Column:
    """A column as the catalog has it.

    Attributes:
        type: with its modifier, as people read it.
        type_schema, type_name: the type's own name, for casts.
        base_type: the type below a domain.
        labels: an enum's.
    """

    name: str
    type: str = "text"
    type_schema: str = "pg_catalog"
    type_name: str = "text"
    base_type: str = "text"
    labels: Sequence[str] = ()
    not_null: bool = False
    generated: bool = False
    has_default: bool = False

    def cast(self, value: sql.Composable) -> sql.Composed:
        """A text value as a value of this column's type."""
        return sql.SQL("CAST({} AS {})").format(value, sql.Identifier(self.type_schema, self.type_name))


@dataclass(frozen=True)
class UniqueKey:
    """A unique index over plain columns of all rows."""

    name: str
    columns: Sequence[str]
    primary: bool = False


@dataclass(frozen=True)
class Trigger:
    """A user's trigger on INSERT or DELETE; `enabled` is O (origin), R (replica) or A (always)."""

    name: str
    enabled: str
    on_insert: bool = True


@dataclass(frozen=True)
class Table:
    """A table; a partitioned table stands for all of its partitions."""

    schema: str
    name: str
    columns: Mapping[str, Column]
    unique_keys: Sequence[UniqueKey] = ()
    triggers: Sequence[Trigger] = ()
    partitioned: bool = False
    is_foreign: bool = False
    foreign_partition: bool = False
    unlogged: bool = False
    insertable: bool = True

    @property
    def label(self) -> str:
        """As plans and printflow.toml call it."""
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        """As SQL calls it."""
        return sql.Identifier(self.schema, self.name)

    @property
    def rows(self) -> sql.Composable:
        """What to select its own rows from: the partitions' are, those of tables that inherit from it are not."""
        return self.identifier if self.partitioned else sql.SQL("ONLY {}").format(self.identifier)

    @property
    def readable(self) -> bool:
        """Whether its rows lie in this database; reading others would ask another server."""
        return not (self.is_foreign or self.foreign_partition)

    @property
    def stored(self) -> tuple[str, ...]:
        """The columns that are written; the others are computed from them."""
        return tuple(name for name, column in self.columns.items() if not column.generated)

    @property
    def key(self) -> UniqueKey | None:
        """What tells its rows apart: the primary key, or the shortest unique index over NOT NULL columns."""
        for key in self.unique_keys:
            if key.primary or all(self.columns[name].not_null for name in key.columns):
                return key
        return None


@dataclass(frozen=True)
class Schema:
    """What a database's catalog says, tables by label."""

    tables: Mapping[str, Table]
    foreign_keys: Sequence[ForeignKey] = field(default=())

    def find(self, name: str) -> Table | None:
        """The table that printflow.toml calls so: `schema.table`, or `table` if one schema alone has it.

        Raises:
            ConfigError: several schemas have such a table.
        """
        if found := self.tables.get(name) or self.tables.get(f"{DEFAULT_SCHEMA}.{name}"):
            return found
        named = [table for table in self.tables.values() if table.name == name]
        if len(named) > 1:
            raise ConfigError(
                f'"{name}" is a table of several schemas: {", ".join(table.label for table in named)}',
                "name it with its schema",
            )
        return named[0] if named else None


def read_schema(connection: Connection) -> Schema:
    """The tables and foreign keys of the connection's database."""
    with connection.cursor(row_factory=dict_row) as cursor:
        tables = [_table(row) for row in cursor.execute(TABLES).fetchall()]
    keys = [key for key in read_foreign_keys(connection) if key.enforced]
    return Schema({table.label: table for table in tables}, keys)


def _table(row: dict[str, Any]) -> Table:
    columns = {column["name"]: Column(**column) for column in row.pop("columns")}
    keys = [UniqueKey(**key) for key in row.pop("keys")]
    triggers = [Trigger(**trigger) for trigger in row.pop("triggers")]
    return Table(**row, columns=columns, unique_keys=keys, triggers=triggers)
