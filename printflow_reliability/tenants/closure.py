"""Which tables may hold rows of tenants, parents before children, and which of them cannot be restored.

A table with the tenant column says of each row whose it is. A table without it holds rows of tenants if a foreign key
leads from it, over any number of tables, to one that does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from printflow_reliability.errors import ConfigError
from printflow_reliability.platform.foreign_keys import ForeignKey
from printflow_reliability.settings import TenancySettings, TenantRowsSettings
from printflow_reliability.tenants.schema import Schema, Table

FAMILIES = ({"text", "character varying"}, {"smallint", "integer", "bigint"})
"""Types whose values have the same text: a column that was widened takes its old values."""
NEEDS_REPLICA = "The role of restore_url needs: GRANT SET ON PARAMETER session_replication_role"


@dataclass(frozen=True)
class Limit:
    """A table whose rows a tenant restore cannot bring back, or not all of what belongs to them, and why.

    Attributes:
        acknowledged: whether `unrestorable` in printflow.toml names the table.
    """

    table: str
    reason: str
    acknowledged: bool = False

    @property
    def sentence(self) -> str:
        """For a person."""
        return f"{self.table} {self.reason}"


@dataclass(frozen=True)
class Closure:
    """The tables of a database that may hold rows of tenants.

    Attributes:
        tables: by label, parents before children where there is no circle.
        foreign_keys: those between these tables.
        root: the label of the tenants' own table; None where it is in another cluster.
        column: the column that names a row's tenant.
        left_out: labels of the tables that `unrestorable` names.
        stale: names of `unrestorable` that are no table with rows of tenants.
    """

    tables: Mapping[str, Table]
    foreign_keys: Sequence[ForeignKey]
    root: str | None
    column: str
    left_out: frozenset[str] = frozenset()
    stale: Sequence[str] = ()

    def says(self, label: str) -> str | None:
        """The column by which a table says whose its rows are, if it has one."""
        table = self.tables[label]
        if label == self.root and table.key is not None:
            return table.key.columns[0]
        return self.column if self.column in table.columns else None

    def keys_of(self, child: str) -> list[ForeignKey]:
        """The foreign keys of a table to tables with rows of tenants."""
        return [key for key in self.foreign_keys if key.child == child]


def closure(schema: Schema, tenancy: TenancySettings | TenantRowsSettings) -> Closure:
    """Every table of a database that may hold rows of tenants.

    Raises:
        ConfigError: the root table is not there, or a table that must be tenants' cannot tell whose its rows are.
    """
    root = None
    owned = {label for label, table in schema.tables.items() if tenancy.column in table.columns}
    if isinstance(tenancy, TenancySettings):
        root = _root(schema, tenancy)
        owned.add(root)
    keys = [key for key in schema.foreign_keys if not key.temporal]
    while grown := {key.child for key in keys if key.parent in owned} - owned:
        owned |= grown
    if isinstance(tenancy, TenancySettings):
        _require(schema, tenancy, owned)
    among = [key for key in keys if key.child in owned and key.parent in owned]
    named = {name: schema.find(name) for name in tenancy.unrestorable}
    left_out = {table.label for table in named.values() if table is not None and table.label in owned}
    stale = [name for name, table in named.items() if table is None or table.label not in owned]
    order = _parents_first(sorted(owned), _firm_parents(owned, among))
    tables = {label: schema.tables[label] for label in order}
    return Closure(tables, among, root, tenancy.column, frozenset(left_out), tuple(stale))


def limits(schema: Schema, found: Closure, *, replica: bool) -> tuple[Limit, ...]:
    """The tables that cannot be restored into a database, by its catalog alone.

    Args:
        schema: the catalog of the database that is written to.
        found: the tables with rows of tenants.
        replica: whether the session that writes has `session_replication_role = replica`.
    """
    parents = _firm_parents(found.tables, found.foreign_keys)
    answers = []
    for label in found.tables:
        table = schema.tables.get(label)
        reason = (
            "is not there in production today"
            if table is None
            else _reason(table, [key for key in schema.foreign_keys if key.child == label], replica=replica)
        )
        if reason is None and not replica and label in _ancestors(label, parents):
            reason = f"refers to other tables in a circle of keys that cannot be deferred. {NEEDS_REPLICA}"
        if reason:
            answers.append(Limit(label, reason, label in found.left_out))
    return tuple(answers)


def drift(then: Table, today: Table) -> str | None:
    """Why rows of a table as it was then cannot be written to the table of today, if they cannot."""
    changed = []
    for name in then.stored:
        column, now = then.columns[name], today.columns.get(name)
        if now is None:
            changed.append(f'column "{name}" is gone')
        elif now.generated:
            changed.append(f'column "{name}" is generated now')
        elif now.type != column.type and not any({now.base_type, column.base_type} <= family for family in FAMILIES):
            changed.append(f'column "{name}" was {column.type} and is {now.type}')
        elif lost := set(column.labels) - set(now.labels):
            changed.append(f'type {column.type} of column "{name}" has lost {len(lost)} of its values')
    changed += [
        f'column "{name}" was added, is NOT NULL and has no default'
        for name, now in today.columns.items()
        if name not in then.columns and now.not_null and not now.has_default and not now.generated
    ]
    if then.key and not any(set(key.columns) == set(then.key.columns) for key in today.unique_keys):
        changed.append(f"it has no unique index on ({', '.join(then.key.columns)}) any more")
    return f"is another table in production today: {'; '.join(changed)}" if changed else None


def _reason(table: Table, keys: Sequence[ForeignKey], *, replica: bool) -> str | None:
    if table.is_foreign:
        return "is a foreign table: its rows are on another server"
    if table.foreign_partition:
        return "has a partition that is a foreign table: its rows are on another server"
    if table.unlogged:
        return "is unlogged: every recovery brings it back empty"
    if table.key is None:
        return "has no primary key and no unique index over NOT NULL columns to tell its rows apart by"
    if any(key.temporal for key in keys):
        return "has a temporal foreign key (PERIOD)"
    if replica:
        if always := [trigger.name for trigger in table.triggers if trigger.enabled in "AR"]:
            return f"has triggers that always fire, also on what comes back: {', '.join(always)}"
    elif firing := [trigger.name for trigger in table.triggers if trigger.enabled in "AO" and trigger.on_insert]:
        return f"has triggers that would fire: {', '.join(firing)}. {NEEDS_REPLICA}"
    return None


def _root(schema: Schema, tenancy: TenancySettings) -> str:
    table = schema.find(tenancy.table)
    if table is None or table.key is None or not table.key.primary or len(table.key.columns) != 1:
        raise ConfigError(
            f'tenancy.table: there is no table "{tenancy.table}" with a primary key of one column',
            "name the table whose primary key is the tenant's id",
        )
    return table.label


def _require(schema: Schema, tenancy: TenancySettings, owned: set[str]) -> None:
    for index, name in enumerate(tenancy.tables):
        table = schema.find(name)
        if table is None or table.label not in owned:
            raise ConfigError(
                f'tenancy.tables[{index}]: "{name}" has neither the column {tenancy.column} nor a foreign key that '
                "leads to a tenant, so whose its rows are cannot be told",
                "add the column, or leave the table out",
            )


def _parents_first(owned: Sequence[str], parents: Mapping[str, set[str]]) -> list[str]:
    """The tables in an order in which a row's parents are there before it; those of a circle stand side by side."""
    left, order = dict.fromkeys(owned), list[str]()
    while left:
        ready = [label for label in left if not parents[label] & left.keys()]
        ready = ready or [label for label in left if label in _ancestors(label, parents)]
        order += ready
        for label in ready:
            del left[label]
    return order


def _firm_parents(labels: Iterable[str], foreign_keys: Sequence[ForeignKey]) -> Mapping[str, set[str]]:
    """Of each table those that must be written before it: a key that can be deferred does not ask for an order."""
    parents: dict[str, set[str]] = {label: set() for label in labels}
    for key in foreign_keys:
        if key.child != key.parent and not key.deferrable:
            parents[key.child].add(key.parent)
    return parents


def _ancestors(label: str, parents: Mapping[str, set[str]]) -> set[str]:
    """The tables that keys lead to from a table, over any number of steps; itself too, if it is in a circle."""
    found: set[str] = set()
    edge = set(parents[label])
    while edge:
        found |= edge
        edge = {other for child in edge for other in parents[child]} - found
    return found
