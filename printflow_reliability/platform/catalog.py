"""The catalog: every reference query of printflow.toml, as one stream of references in the byte order of the keys.

What no query returns, nobody references. The database sorts (`COLLATE "C"` is S3's byte order) and streams; queries of
one database run as one statement, so that they see one moment and cost one connection.
"""

import heapq
import itertools
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from psycopg import sql

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.platform.accepted_entries import accepted_entries, left_out
from printflow_reliability.platform.catalog_entry import UNMAPPED, CatalogEntry
from printflow_reliability.platform.conditions import below, key_is, naming
from printflow_reliability.platform.failing_rows import FailingRows
from printflow_reliability.platform.identifiers import kept
from printflow_reliability.platform.queries import Connector, FailsOnData, config_errors, session
from printflow_reliability.platform.refusals import NoAnswer, NotReached
from printflow_reliability.platform.sorted_runs import SortedRuns
from printflow_reliability.platform.tenancy import Tenant, tenancy
from printflow_reliability.settings import Settings

KEYS_IN_ONE_QUERY = 2000
UNKNOWN_BUCKET = 'its bucket "{}" is no [[bucket]] of printflow.toml'
UNKNOWN_DISK = 'its disk "{}" is no [[reference.disk]] of its query'
NAME_THE_BUCKET = (
    "if printflow.toml has the bucket under another name, have the query return that name (never a second [[bucket]] "
    "of it); else add a [[bucket]] of this name, correct the row, or have the query leave it out"
)


class Reference(NamedTuple):
    """A value in the database that names an object, or with a trailing slash all objects below it.

    `entry` is the place of its query in printflow.toml (`reference[entry]`), `size` is in bytes, `sha256` and `md5` are
    lower-case hex, `etag` has no quotes around it; each is None where the platform does not know it.
    """

    key: str
    entry: int
    tenant: str | None
    owner: str | None
    bucket: str
    size: int | None
    sha256: str | None
    soft_deleted: bool
    md5: str | None = None
    etag: str | None = None


Condition: TypeAlias = Callable[[CatalogEntry], sql.Composable]
"""Which rows of a query are wanted."""


@dataclass(frozen=True)
class Catalog:
    """All reference queries, accepted by their databases."""

    settings: Settings
    entries: tuple[CatalogEntry, ...]
    connect_with: Connector | None = None
    failing: FailingRows = field(default_factory=FailingRows)

    @property
    def buckets(self) -> tuple[str, ...]:
        """The buckets that references point into, by the names of printflow.toml; unread databases add none to them."""
        return tuple(sorted({bucket for entry in self.entries for bucket in entry.told_buckets}))

    @property
    def knows_checksums(self) -> bool:
        """Whether any query returns the sha256 that its objects must have."""
        return any("sha256" in entry.columns for entry in self.entries)

    def references(
        self, bucket: str, tenants: Sequence[Tenant] | None = None, *, of_others: bool = False
    ) -> Generator[Reference, None, None]:
        """Every reference into a bucket, in the byte order of the keys.

        Args:
            bucket: its name in printflow.toml.
            tenants: only theirs, and those of no known tenant into their base paths; None for everybody's.
            of_others: those of other tenants into their base paths too; no index may serve that.

        Raises:
            ConfigError: a query fails on the data.
            CouldNotTell: a cluster is unreachable, or does not sort by bytes.
        """
        condition = _everything if tenants is None else _touching(tenants, of_others)
        yield from self._stream([entry for entry in self.entries if bucket in entry.buckets], condition, bucket)

    def look_up(self, bucket: str, keys: Iterable[str]) -> Generator[Reference, None, None]:
        """What refers, now, to any of these keys in queries that had no row into the bucket too; unordered."""
        entries = [entry for entry in self.entries if entry.may_name(bucket)]
        wanted = iter(keys)
        while batch := list(itertools.islice(wanted, KEYS_IN_ONE_QUERY)):
            yield from self._stream(entries, _always(key_is(batch)), bucket)

    def sample(self, bucket: str, most: int, *, but: Collection[str] = ()) -> list[Reference]:
        """References to single objects of a bucket that must be there, so many of each query, chosen at random.

        Args:
            bucket: its name in printflow.toml.
            most: how many of each query.
            but: kinds of references that are left out.

        Raises:
            ConfigError: a query fails on the data.
            CouldNotTell: a cluster is unreachable, or does not answer in time.
        """
        entries = [entry for entry in self.entries if bucket in entry.buckets and entry.settings.kind not in but]
        return list(self._stream(entries, _single_objects, bucket, most))

    def mentioning(self, bucket: str, tenants: Sequence[Tenant]) -> Generator[Reference, None, None]:
        """What may refer to something in these tenants' base paths under another spelling; it reads whole tables."""
        condition = naming(path for tenant in tenants for path in tenant.base_paths)
        entries = [entry for entry in self.entries if bucket in entry.buckets]
        yield from self._stream(entries, _always(condition), bucket)

    def elsewhere(self, tenants: Sequence[str] | None = None) -> Generator[Reference, None, None]:
        """References into buckets that printflow.toml does not name."""
        known = [bucket.name for bucket in self.settings.bucket]

        def condition(entry: CatalogEntry) -> sql.Composable:
            of_tenants = sql.SQL("true") if tenants is None else entry.of_tenants(tenants)
            return sql.SQL("{} AND NOT {} = ANY({}::text[])").format(
                of_tenants, entry.bucket_column, sql.Literal(known)
            )

        yield from self._stream(
            [entry for entry in self.entries if {"bucket", "disk"} & {*entry.columns}], condition, None
        )

    def _stream(
        self, entries: Sequence[CatalogEntry], condition: Condition, bucket: str | None, most: int | None = None
    ) -> Generator[Reference, None, None]:
        def place(entry: CatalogEntry) -> tuple[str, str]:
            return entry.settings.cluster, entry.settings.database or ""

        groups = [list(group) for _, group in itertools.groupby(sorted(entries, key=place), key=place)]
        several = [group for group in groups if any(entry.settings.databases for entry in group)]
        streams = [self._of_one_database(group, condition, bucket, most) for group in groups if group not in several]
        if several:
            streams.append(self._of_several(several, condition, bucket, most))
        yield from streams[0] if len(streams) == 1 else heapq.merge(*streams, key=itemgetter(0))

    def _of_several(
        self, groups: Sequence[list[CatalogEntry]], condition: Condition, bucket: str | None, most: int | None
    ) -> Generator[Reference, None, None]:
        """The rows of databases of which there may be thousands, one after the other; in trouble, each is alone."""
        with SortedRuns() as runs:
            for group in groups:
                entries = [entry for entry in group if not self.failing.leaves_out(entry.place)]
                try:
                    runs.add(self._of_one_database(entries, condition, bucket, most) if entries else ())
                except (NotReached, NoAnswer):  # the server, and so all of them
                    raise
                except (CouldNotTell, ConfigError) as trouble:
                    if any(entry.settings.databases is None for entry in entries):
                        raise
                    for entry in entries:
                        self.failing.leave_out(entry.place, entry.tenant, left_out(entry, trouble))
            yield from (Reference(*row) for row in runs.merged())

    def _of_one_database(
        self, entries: Sequence[CatalogEntry], condition: Condition, bucket: str | None, most: int | None
    ) -> Generator[Reference, None, None]:
        begun = False
        try:
            for reference in self._copied(entries, condition, bucket, most):
                begun = True
                yield reference
        except FailsOnData:
            if begun:
                raise
            cluster = self.settings.cluster_named(entries[0].settings.cluster)
            with session(cluster, entries[0].settings.database, self.connect_with) as connection:
                for entry in entries:
                    self.failing.find(connection, entry.place, entry.by_tenant, self._known_tenants)
            yield from self._copied(entries, condition, bucket, most)

    def _copied(
        self, entries: Sequence[CatalogEntry], condition: Condition, bucket: str | None, most: int | None
    ) -> Generator[Reference, None, None]:
        cluster = self.settings.cluster_named(entries[0].settings.cluster)
        union = sql.SQL("\nUNION ALL\n").join(
            entry.select(wanted, most) for entry in entries for wanted in self._wanted(entry, condition, bucket)
        )
        copy_sql = sql.SQL("COPY ({} ORDER BY 1, 2) TO STDOUT").format(union)
        with (
            session(cluster, entries[0].settings.database, self.connect_with) as connection,
            config_errors(" or ".join(entry.key for entry in entries)),
            connection.cursor().copy(copy_sql) as copy,
        ):
            yield from _in_order(cluster.name, copy.rows())

    def _known_tenants(self) -> Iterable[str]:
        platform = tenancy(self.settings, connect_with=self.connect_with)
        return [*(tenant.id for tenant in platform.tenants), *platform.odd]

    def _wanted(self, entry: CatalogEntry, condition: Condition, bucket: str | None) -> list[sql.Composable]:
        wanted = sql.SQL("key IS NOT NULL AND {}").format(condition(entry))
        if entry.unencoded:
            wanted = sql.SQL("{} AND {}").format(wanted, entry.utf8)
        if bucket is not None:
            wanted = sql.SQL("{} AND {} = {}").format(wanted, entry.bucket_column, sql.Literal(bucket))
        return self.failing.conditions(entry.place, wanted)


def entries_of(catalog: Catalog, name: str) -> list[CatalogEntry]:
    """Those of one reference, of which there are several where its query runs in several databases."""
    return [entry for entry in catalog.entries if entry.settings.name == name]


def tenants_in(catalog: Catalog, entry: CatalogEntry, tenants: Collection[str | None]) -> frozenset[str | None]:
    """Those of these tenants that a query returns any row for now; None stands for rows without a tenant."""
    if catalog.failing.leaves_out(entry.place):
        return frozenset(catalog.failing.of(entry.place).keys() & tenants)
    named = entry.of_tenants(tenant for tenant in tenants if tenant is not None)
    wanted = sql.SQL("({} OR tenant IS NULL)").format(named) if None in tenants else named
    filled = sql.SQL("key IS NOT NULL AND {}").format(wanted)
    table = entry.table
    query = sql.SQL("\nUNION\n").join(
        sql.SQL("SELECT tenant::text FROM {} WHERE {}").format(table, condition)
        for condition in catalog.failing.conditions(entry.place, filled)
    )
    cluster = catalog.settings.cluster_named(entry.settings.cluster)
    with session(cluster, entry.settings.database, catalog.connect_with) as connection, config_errors(entry.key):
        there = {tenant and kept(tenant) for (tenant,) in connection.execute(query)}
    return frozenset(there) | (catalog.failing.of(entry.place).keys() & tenants)


def open_catalog(
    settings: Settings, *, tenants: Sequence[str] | None = None, connect_with: Connector | None = None
) -> Catalog:
    """Have every reference query checked by its database.

    Args:
        settings: the whole file.
        tenants: whose rows tell which buckets a query points into, where its rows say; None for all.
        connect_with: opens the databases instead.

    Raises:
        ConfigError: a query is refused, lacks a column, or has one nobody knows.
        CouldNotTell: a cluster is unreachable, or hides rows.
    """
    failing = FailingRows()
    return Catalog(settings, accepted_entries(settings, tenants, connect_with, failing), connect_with, failing)


def unknown_place(bucket: str) -> str:
    """What is wrong with the bucket of a row that `Catalog.elsewhere` returns."""
    disk = bucket.removeprefix(UNMAPPED)
    return UNKNOWN_BUCKET.format(bucket) if disk == bucket else UNKNOWN_DISK.format(disk)


def _in_order(cluster: str, rows: Iterable[tuple[str, ...]]) -> Generator[Reference, None, None]:
    """The rows of a COPY as references, whose keys must come in the order of their bytes."""
    last = ""
    for row in rows:
        reference = as_reference(row)
        if reference.key < last:
            raise CouldNotTell(
                f"cluster {cluster} does not sort keys by their UTF-8 bytes ({last!r} before {reference.key!r})",
                "references are read only from databases with the encoding UTF8",
            )
        last = reference.key
        yield reference


def as_reference(row: Sequence[str]) -> Reference:
    """A row of a COPY of an entry's columns."""
    key, entry, tenant, owner, place, size, sha256, soft_deleted, md5, etag = row
    number = None if size is None else int(size)
    whose = tenant and kept(tenant)
    return Reference(key, int(entry), whose, owner, place, number, sha256, soft_deleted == "t", md5, etag)


def _single_objects(entry: CatalogEntry) -> sql.Composable:
    return entry.single_objects


def _everything(_: CatalogEntry) -> sql.Composable:
    return sql.SQL("true")


def _always(condition: sql.Composable) -> Condition:
    return lambda _: condition


def _touching(tenants: Sequence[Tenant], of_others: bool) -> Condition:
    """The references of some tenants, and those into their base paths of no known tenant, or of anybody."""
    paths = below(path for tenant in tenants for path in tenant.base_paths)
    whose = sql.SQL("({})" if of_others else "(tenant IS NULL AND ({}))").format(paths)
    ids = [tenant.id for tenant in tenants]
    return lambda entry: sql.SQL("({} OR {})").format(entry.of_tenants(ids), whose)
