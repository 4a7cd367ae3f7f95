"""Sequences against the columns that they feed: one that is behind hands out numbers that are taken."""

from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from printflow_reliability.restore.validation.observations import Observation, refused, violation

FED_COLUMNS = Path(__file__).with_name("sequences.sql").read_text(encoding="utf-8").encode()


@dataclass(frozen=True)
class FedColumn:
    """A column and the sequence that its values come from; `last` is the last number that it can ever hand out."""

    sequence_schema: str
    sequence: str
    schema: str
    table: str
    column: str
    increment: int
    last: int


def fed_columns(connection: psycopg.Connection) -> tuple[FedColumn, ...]:
    """Every column of a database whose numbers a sequence hands out."""
    with connection.cursor(row_factory=class_row(FedColumn)) as cursor:
        return tuple(cursor.execute(FED_COLUMNS).fetchall())


def check_sequence(connection: psycopg.Connection, database: str, fed: FedColumn) -> list[Observation]:
    """What is to be said if the sequence of a column is behind it; the numbers themselves stay in the database."""
    query = sql.SQL(
        # What is beyond the last number, infinity or NaN is never handed out; a row at the very last one is a mark.
        "SELECT last_value, is_called, "
        "(SELECT {furthest}({column})::numeric FROM {table} WHERE {column} {within} {last}) FROM {sequence}"
    ).format(
        furthest=sql.SQL("max" if fed.increment > 0 else "min"),
        within=sql.SQL("<" if fed.increment > 0 else ">"),
        last=sql.Literal(fed.last),
        column=sql.Identifier(fed.column),
        table=sql.Identifier(fed.schema, fed.table),
        sequence=sql.Identifier(fed.sequence_schema, fed.sequence),
    )
    where = f"{database}: {fed.sequence_schema}.{fed.sequence}"
    try:
        row = connection.execute(query).fetchone()
    except psycopg.DatabaseError as error:
        if connection.closed:
            raise
        return [refused(where, error)]
    if row is not None and is_behind(row[0], row[1], fed.increment, row[2]):
        return [violation(f"{where} is behind {fed.schema}.{fed.table}.{fed.column}: it will hand out numbers in use")]
    return []


def is_behind(last: int, called: bool, increment: int, furthest: int | None) -> bool:
    """Whether the next number of a sequence is not beyond the furthest value of its column, in its direction."""
    if furthest is None:
        return False
    following = last + increment if called else last
    return following <= furthest if increment > 0 else following >= furthest
