"""One `[[reference]]` query: what is read of its rows, whatever columns and types it has."""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from printflow_reliability.platform.conditions import tenant_is
from printflow_reliability.platform.queries import as_table
from printflow_reliability.platform.row_by_row import Query
from printflow_reliability.settings import ReferenceSettings

ETAG = """nullif(btrim(regexp_replace(etag::text, '^W/', ''), '" '), '')"""
"""As LIST gives it, however the platform keeps it: without quotes and without the mark of a weak one."""

SIZE = """CASE WHEN size::text NOT IN ('NaN', 'Infinity', '-Infinity')
THEN least(greatest(size, -9223372036854775808), 9223372036854775807)::bigint END"""
"""Of a numeric: what is no number tells nothing, and no object is as large as the largest bigint."""


@dataclass(frozen=True)
class CatalogEntry:
    """One `[[reference]]` whose query the database accepts."""

    index: int
    settings: ReferenceSettings
    columns: tuple[str, ...]
    buckets: tuple[str, ...]
    tenant_type: str = ""

    @property
    def key(self) -> str:
        """What printflow.toml calls the query."""
        return query_key(self.index)

    def select(self, condition: sql.Composable, most: int | None = None) -> sql.Composed:
        """The query's rows that fulfil a condition, or so many of these at random, in the columns of `Reference`."""
        rows = sql.SQL("{} WHERE {}").format(as_table(self.settings.query), condition)
        if most is not None:
            # The server reads all rows, keeps no more than these, and computes the columns of these alone.
            drawn = "(SELECT * FROM {} ORDER BY pg_catalog.random() LIMIT {}) AS drawn"
            rows = sql.SQL(drawn).format(rows, sql.Literal(most))
        return sql.SQL("SELECT {} FROM {}").format(self._row, rows)

    @property
    def by_tenant(self) -> Query:
        """All that is read of the query's rows, as a count for each tenant."""
        counts = sql.SQL("tenant::text, count(ROW({}))").format(self._row)
        return Query(self.key, as_table(self.settings.query), counts, "tenant", self.tenant_type, grouped=True)

    @property
    def _row(self) -> sql.Composable:
        return sql.SQL(
            'key::text COLLATE "C", {entry}::int, tenant::text, owner::text, {bucket}, '
            "{size}, {sha256}, {soft_deleted}, {md5}, {etag}"
        ).format(
            entry=sql.Literal(self.index),
            bucket=self.bucket_column,
            size=self._size,
            sha256=self._digest("sha256"),
            soft_deleted=self._soft_deleted,
            md5=self._digest("md5"),
            etag=sql.SQL(ETAG if "etag" in self.columns else "NULL::text"),
        )

    @property
    def _soft_deleted(self) -> sql.Composable:
        return sql.SQL("coalesce(soft_deleted, false)" if "soft_deleted" in self.columns else "false")

    @property
    def _size(self) -> sql.Composable:
        if "size numeric" in self.columns:
            return sql.SQL(SIZE)
        return sql.SQL("size::bigint" if "size" in self.columns else "NULL::bigint")

    def _digest(self, name: str) -> sql.Composable:
        """A checksum as lower-case hex, whatever type the platform keeps it in; an empty one is none."""
        if name not in self.columns:
            return sql.SQL("NULL::text")
        if f"{name} bytea" in self.columns:
            return sql.SQL("nullif(encode({}, 'hex'), '')").format(sql.Identifier(name))
        # A uuid is sometimes what an MD5 is kept in.
        return sql.SQL("nullif(lower(replace(btrim({}::text), '-', '')), '')").format(sql.Identifier(name))

    @property
    def bucket_column(self) -> sql.Composable:
        """The bucket of each row: its own where the query says so, else the entry's."""
        default = sql.Literal(self.settings.bucket)
        if "bucket" not in self.columns:
            return sql.SQL("{}::text").format(default)
        return sql.SQL("coalesce(bucket::text, {})").format(default)

    @property
    def single_objects(self) -> sql.Composable:
        """The condition for the rows that name one object, which must be there."""
        return sql.SQL("right(key::text, 1) <> '/' AND NOT {}").format(self._soft_deleted)

    def of_tenants(self, ids: Iterable[str]) -> sql.Composable:
        """The condition for the rows of these tenants."""
        return tenant_is(self.tenant_type, ids)


def query_key(index: int) -> str:
    """What printflow.toml calls a reference's query."""
    return f"reference[{index}].query"
