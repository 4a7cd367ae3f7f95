"""Writes a tenant's absent rows into the target, and proves that they are there, before anybody commits.

COPY needs no table of ours in production, fires no rule, finds each row's partition, and keeps the values of identity
columns. A row that came back meanwhile ends it by its unique key: nothing is ever overwritten.
"""

from collections.abc import Sequence

from psycopg import sql

from printflow_reliability.errors import Refused
from printflow_reliability.platform.queries import Connection
from printflow_reliability.tenants.compare import TablePlan, absent, count_unequal
from printflow_reliability.tenants.selection import Selection
from printflow_reliability.tenants.sequences import advance_sequences
from printflow_reliability.tenants.sessions import explained
from printflow_reliability.text import counted


def write_rows(selection: Selection, target: Connection, plan: Sequence[TablePlan]) -> int:
    """Write the absent rows; the target must be in a transaction, which the caller ends. Returns how many.

    Raises:
        Refused: a row came back meanwhile, breaks a constraint, or is not there as it was.
        ConfigError: the role may not.
        CouldNotTell: a lock was not given in time.
    """
    work = [part for part in plan if part.insert]
    target.execute("SET CONSTRAINTS ALL DEFERRED")
    for part in work:
        copy_rows(selection, target, part)
    for part in work:
        if unequal := count_unequal(selection, target, part.table):
            raise Refused(
                f"{counted(unequal, 'row')} of {part.table} did not come back unchanged, so nothing was written",
                "look for what changes rows as they are written: a trigger, a rule, a column's type",
            )
    with explained("the restored tables"):
        target.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for part in work:
        advance_sequences(selection, target, part.table)
    return sum(part.insert for part in work)


def copy_rows(selection: Selection, target: Connection, part: TablePlan) -> None:
    """Copy the absent rows of a table.

    Raises:
        Refused, ConfigError, CouldNotTell: the database does not take them, or takes another number of them.
    """
    table = selection.closure.tables[part.table]
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in table.stored)
    qualified = sql.SQL(", ").join(sql.Identifier("t", name) for name in table.stored)
    reading = sql.SQL("COPY (SELECT {} FROM {} WHERE {}) TO STDOUT").format(
        qualified, selection.rows(part.table), absent()
    )
    writing = sql.SQL("COPY {} ({}) FROM STDIN").format(table.identifier, columns)
    into = target.cursor()
    # The savepoint keeps the source's transaction, should the target refuse.
    with (
        explained(part.table),
        selection.source.transaction(),
        selection.source.cursor().copy(reading) as rows,
        into.copy(writing) as copy,
    ):
        for chunk in rows:
            copy.write(chunk)
    if into.rowcount != part.insert:
        taken = f"took {into.rowcount:,} of {counted(part.insert, 'row')}"
        raise Refused(f"table {part.table} {taken}; nothing was written")
