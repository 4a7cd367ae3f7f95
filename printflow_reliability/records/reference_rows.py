"""How many rows each reference query returned, into each bucket and for each tenant, at the last pass."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import psycopg
from psycopg.rows import TupleRow

NO_TENANT = ""
"""Stands for rows without a tenant."""


class Rows(NamedTuple):
    """Whose rows: a query by its name, a bucket by its name, a tenant by its id."""

    reference: str
    bucket: str
    tenant: str


def known(connection: psycopg.Connection[TupleRow], tenants: Sequence[str] | None = None) -> Mapping[Rows, int]:
    """The numbers of the last pass; of these tenants only."""
    found = connection.execute(
        "SELECT reference, bucket, tenant, rows FROM reference_rows WHERE %s::text[] IS NULL OR tenant = ANY(%s)",
        (tenants and list(tenants), tenants and list(tenants)),
    )
    return {Rows(reference, bucket, tenant): rows for reference, bucket, tenant, rows in found}


def remember(
    connection: psycopg.Connection[TupleRow],
    rows: Mapping[Rows, int],
    *,
    tenants: Sequence[str] | None,
    kept: Iterable[Rows] = (),
) -> None:
    """Replace the numbers of these tenants (None: of all), but for those that are kept as they are."""
    names = tenants and list(tenants)
    with connection.transaction():
        connection.execute("CREATE TEMPORARY TABLE counted (LIKE reference_rows) ON COMMIT DROP")
        with connection.cursor().copy("COPY counted FROM STDIN") as copy:
            for whose, number in rows.items():
                copy.write_row((*whose, number))
            for whose in set(kept) - set(rows):
                copy.write_row((*whose, -1))
        connection.execute(
            """DELETE FROM reference_rows r WHERE (%s::text[] IS NULL OR tenant = ANY(%s)) AND NOT EXISTS
               (SELECT FROM counted c WHERE (c.reference, c.bucket, c.tenant) = (r.reference, r.bucket, r.tenant))""",
            (names, names),
        )
        connection.execute(
            """INSERT INTO reference_rows SELECT * FROM counted WHERE rows > 0
               ON CONFLICT (reference, bucket, tenant) DO UPDATE SET rows = excluded.rows"""
        )
