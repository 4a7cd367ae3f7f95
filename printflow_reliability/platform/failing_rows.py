"""Rows that reference queries fail on: once found they are left out, named, and everybody else's are read."""

from collections.abc import Callable, Iterable, Mapping

from psycopg import sql

from printflow_reliability.platform.identifiers import kept
from printflow_reliability.platform.queries import Connection
from printflow_reliability.platform.row_by_row import rows_of

SECONDS = 600.0
"""How long the tenants are looked for: millions of rows are read some twenty times."""
OfTenants = Callable[[Iterable[str]], sql.Composable]


class FailingRows:
    """By query, told by its place in printflow.toml: the tenants whose rows it fails on (None: those of no tenant)."""

    def __init__(self) -> None:
        self._found: dict[int, Mapping[str | None, str]] = {}

    def of(self, index: int) -> Mapping[str | None, str]:
        """Whose rows a query was found to fail on, and why."""
        return self._found.get(index, {})

    def find(self, connection: Connection, index: int, key: str, selected: sql.Composable) -> None:
        """Find out whose rows a query fails on.

        Args:
            connection: to its database.
            index: its place in printflow.toml.
            key: what printflow.toml calls it.
            selected: all that is read of its rows, with a column `tenant`, and no condition.

        Raises:
            ConfigError: it fails on the rows of too many tenants.
        """
        table = sql.SQL("({}) AS selected").format(selected)
        columns = "tenant, count(selected)"
        found = rows_of(connection, key, table, columns, "tenant", grouped=True, seconds=SECONDS).failing
        self._found[index] = {tenant and kept(tenant): why for tenant, why in found.items()}

    def left_out(self, index: int, of_tenants: OfTenants, condition: sql.Composable) -> sql.Composable:
        """The condition, for rows alone that the query is not known to fail on: of others nothing is evaluated."""
        failing = self.of(index)
        if not failing:
            return condition
        named = of_tenants(tenant for tenant in failing if tenant is not None)
        nobodys = sql.SQL("tenant IS NULL" if None in failing else "false")
        # CASE alone keeps to an order; of conditions beside each other, the planner takes the cheapest first.
        return sql.SQL("CASE WHEN {} OR {} THEN false ELSE {} END").format(named, nobodys, condition)
