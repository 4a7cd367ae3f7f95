"""One `[[reference]]` query: what is read of its rows, whatever columns and types it has."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import sql

from printflow_reliability.platform.conditions import tenant_is
from printflow_reliability.platform.key_rules import spelled
from printflow_reliability.platform.queries import as_table
from printflow_reliability.platform.row_by_row import Query
from printflow_reliability.settings import ReferenceSettings
from printflow_reliability.settings.references import DiskSettings

ETAG = """nullif(btrim(regexp_replace(etag::text, '^W/', ''), '" '), '')"""
"""As LIST gives it, however the platform keeps it: without quotes and without the mark of a weak one."""

SIZE = """CASE WHEN size::text NOT IN ('NaN', 'Infinity', '-Infinity')
THEN least(greatest(size, -9223372036854775808), 9223372036854775807)::bigint END"""
"""Of a numeric: what is no number tells nothing, and no object is as large as the largest bigint."""


UTF8 = """(encode(convert_to(key::text, 'SQL_ASCII'), 'hex') ~ '^(?:[0-7].|c[2-9a-f][89ab].|d.[89ab].|e0[ab].[89ab].|\
e[1-9abcef][89ab].[89ab].|ed[89].[89ab].|f0[9ab].[89ab].[89ab].|f[123][89ab].[89ab].[89ab].|f48.[89ab].[89ab].)*$')"""
"""By the hexadecimal form of its bytes, since in a database without an encoding no function knows characters."""
UNMAPPED = "disk:"
"""What stands in front of a disk that no [[reference.disk]] names, in the place of its bucket."""


@dataclass(frozen=True)
class CatalogEntry:
    """One `[[reference]]` whose query a database accepts; where it runs in several, one of these.

    Attributes:
        settings: its own, with this database.
        columns: that the query returns, and the type of those that are read in a way of their own.
        buckets: that its rows point into, or may if nobody can read them, by their names in printflow.toml.
        tenant_type: the type of its column `tenant`.
        tenant: whose database it is, where the query does not say.
        unencoded: whether the database has no encoding (SQL_ASCII), so that its text may be no text.
        certain: those of `buckets` that do not depend on rows which nobody could read; None for all of them.
    """

    index: int
    settings: ReferenceSettings
    columns: tuple[str, ...]
    buckets: tuple[str, ...]
    tenant_type: str = ""
    tenant: str | None = None
    unencoded: bool = False
    certain: tuple[str, ...] | None = None

    @property
    def key(self) -> str:
        """What printflow.toml calls the query."""
        return query_key(self.index)

    @property
    def place(self) -> tuple[int, str]:
        """What tells it from every other entry: the place of its query in printflow.toml, and the database."""
        return self.index, self.settings.database or ""

    def may_name(self, bucket: str) -> bool:
        """Whether a row that is there by now may point into a bucket, though none did when the query was accepted."""
        if "disk" in self.columns:
            disks = {disk.bucket for disk in self.settings.disk}
            return bucket in self.buckets or bucket in disks or bucket == self.settings.bucket
        return bucket in self.buckets or "bucket" in self.columns

    @property
    def told_buckets(self) -> tuple[str, ...]:
        """Without those that nobody knows to be pointed into: in a bucket of copies, nothing is an orphan by that."""
        return self.buckets if self.certain is None else self.certain

    @property
    def table(self) -> sql.Composable:
        """Its rows as something to select from, with keys and buckets as S3 has them."""
        asked, settings = as_table(self.settings.query), self.settings
        if not (settings.spelling or settings.strip_prefixes or "disk" in self.columns or self.tenant is not None):
            return asked
        names = [name for name in self.columns if " " not in name and name not in ("key", "disk", "tenant")]
        tenant = sql.SQL("tenant") if self.tenant is None else sql.SQL("{}::text AS tenant").format(self.tenant)
        key = spelled(sql.SQL("asked.key::text"), settings.strip_prefixes, settings.spelling)
        columns: list[sql.Composable] = [tenant, *map(sql.Identifier, names)]
        rows: sql.Composable = sql.SQL("true")
        if "disk" in self.columns:
            columns.append(sql.SQL("{} AS bucket").format(_of_disk(settings.disk)))
            key = sql.SQL("{} || {}").format(_prefix_of_disk(settings.disk), key)
            local = [disk.name for disk in settings.disk if disk.bucket is None]
            rows = sql.SQL("coalesce(disk::text <> ALL ({}::text[]), true)").format(sql.Literal(local))
        columns.append(sql.SQL("{} AS key").format(key))
        return sql.SQL("(SELECT {} FROM {} WHERE {}) AS asked").format(sql.SQL(", ").join(columns), asked, rows)

    def select(self, condition: sql.Composable, most: int | None = None) -> sql.Composed:
        """The query's rows that fulfil a condition, or so many of these at random, in the columns of `Reference`."""
        rows = sql.SQL("{} WHERE {}").format(self.table, condition)
        if most is not None:
            # The server reads all rows, keeps no more than these, and computes the columns of these alone.
            drawn = "(SELECT * FROM {} ORDER BY pg_catalog.random() LIMIT {}) AS drawn"
            rows = sql.SQL(drawn).format(rows, sql.Literal(most))
        return sql.SQL("SELECT {} FROM {}").format(self._row, rows)

    @property
    def by_tenant(self) -> Query:
        """All that is read of the query's rows, as a count for each tenant."""
        counts = sql.SQL("tenant::text, count(ROW({}))").format(self._row)
        return Query(self.key, self.table, counts, "tenant", self.tenant_type, grouped=True)

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
        if "bucket" not in self.columns and "disk" not in self.columns:
            return sql.SQL("{}::text").format(default)
        return sql.SQL("coalesce(bucket::text, {})").format(default)

    @property
    def utf8(self) -> sql.Composable:
        """The condition for the rows whose keys are UTF-8, as every key of S3 is."""
        return sql.SQL(UTF8 if self.unencoded else "true")

    @property
    def single_objects(self) -> sql.Composable:
        """The condition for the rows that name one object, which must be there."""
        return sql.SQL("right(key::text, 1) <> '/' AND NOT {}").format(self._soft_deleted)

    def of_tenants(self, ids: Iterable[str]) -> sql.Composable:
        """The condition for the rows of these tenants."""
        return tenant_is(self.tenant_type, ids)


def _of_disk(disks: Sequence[DiskSettings]) -> sql.Composable:
    """The bucket of a row by its column `disk`; NULL where that is NULL."""
    case = sql.SQL("WHEN {} THEN {}")
    known = [case.format(sql.Literal(disk.name), sql.Literal(disk.bucket)) for disk in disks if disk.bucket]
    unmapped = sql.SQL("{} || disk::text").format(sql.Literal(UNMAPPED))
    return sql.SQL("CASE disk::text {} ELSE {} END").format(sql.SQL(" ").join(known), unmapped) if known else unmapped


def _prefix_of_disk(disks: Sequence[DiskSettings]) -> sql.Composable:
    case = sql.SQL("WHEN {} THEN {}")
    known = [case.format(sql.Literal(disk.name), sql.Literal(disk.prefix)) for disk in disks if disk.prefix]
    if not known:
        return sql.SQL("''")
    return sql.SQL("CASE disk::text {} ELSE '' END").format(sql.SQL(" ").join(known))


def query_key(index: int) -> str:
    """What printflow.toml calls a reference's query."""
    return f"reference[{index}].query"
