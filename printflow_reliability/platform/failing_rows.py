"""Rows that reference queries fail on: once found they are left out, named, and everybody else's are read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from psycopg import sql

from printflow_reliability.platform.identifiers import kept
from printflow_reliability.platform.queries import Connection, FailsOnData
from printflow_reliability.platform.row_by_row import NO_TIME, Query, rows_of

SECONDS = 600.0
"""How long the tenants are looked for: millions of rows are read some twenty times."""
MOST_ALONE = 500
"""How many tenants' rows may be read one by one, as one statement."""
Place: TypeAlias = tuple[int, str]
"""Of a query in printflow.toml, and the database that it runs in."""
OTHERS = "its rows, and those of tenants that tenancy.tenants does not return, cannot be read apart from them"


@dataclass(frozen=True)
class _Failing:
    """What a query fails on.

    Attributes:
        query: it, told apart by tenants.
        tenants: those whose rows it fails on, and why; None stands for rows of no tenant.
        alone: the others, if their rows can only be read one by one; else None.
    """

    query: Query
    tenants: Mapping[str | None, str]
    alone: Sequence[str | None] | None


class FailingRows:
    """By query and database: the tenants whose rows it fails on (None: those of no tenant)."""

    def __init__(self) -> None:
        self._found: dict[Place, _Failing] = {}
        self._left_out: dict[Place, Mapping[str | None, str]] = {}

    def of(self, place: Place) -> Mapping[str | None, str]:
        """Whose rows a query was found to fail on, and why."""
        found = self._found.get(place)
        return self._left_out.get(place) or (found.tenants if found else {})

    def leave_out(self, place: Place, tenant: str | None, why: str) -> None:
        """Note that a whole database cannot be read, whose it is (None: nobody can tell), and why."""
        self._left_out[place] = {tenant: why}

    def leaves_out(self, place: Place) -> bool:
        """Whether a whole database is not read."""
        return place in self._left_out

    def find(
        self, connection: Connection, place: Place, query: Query, known_tenants: Callable[[], Iterable[str]]
    ) -> None:
        """Find out whose rows a query fails on.

        Args:
            connection: to its database.
            place: its place in printflow.toml, and the database.
            query: all that is read of its rows, by their column `tenant`.
            known_tenants: whom to ask for where it fails on rows that its own condition would leave out.

        Raises:
            FailsOnData: nothing of it can be read.
        """
        names: list[str | None] = []
        try:
            found = rows_of(connection, query, seconds=SECONDS)
        except FailsOnData:
            names = [*known_tenants(), None]
            found = rows_of(connection, query, names=names, seconds=SECONDS)
        unread = dict.fromkeys(found.unread, NO_TIME)
        failing = {name and kept(name): why for name, why in {**unread, **found.failing}.items()}
        alone = None
        if found.others:
            alone = [name for name in names if name not in failing]
            if len(alone) > MOST_ALONE:
                raise FailsOnData(f"{query.key}: {found.others}", "correct these rows, or the query in printflow.toml")
            failing.setdefault(None, f"{found.others}: {OTHERS}")
        self._found[place] = _Failing(query, failing, alone)

    def conditions(self, place: Place, condition: sql.Composable) -> list[sql.Composable]:
        """The condition, for rows alone that the query is not known to fail on: of others nothing is evaluated.

        Each of these conditions has rows of its own; together they are all.
        """
        found = self._found.get(place)
        if found is None or not found.tenants:
            return [condition]
        query = found.query
        if found.alone is not None:
            return [sql.SQL("{} AND {}").format(query.of([name]), condition) for name in found.alone]
        # CASE alone keeps to an order; of conditions beside each other, the planner takes the cheapest first.
        kept_to = sql.SQL("CASE WHEN {} THEN false ELSE {} END").format(query.of([*found.tenants]), condition)
        return [sql.SQL("{} AND {}").format(query.without([*found.tenants]), kept_to)]
