"""The reference queries as their databases accept them: columns, types and buckets, before any row is read.

A query that runs in many databases is accepted in each of them; one that refuses it, or cannot be opened, is left out
and named, since it is one tenant's.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from printflow_reliability.errors import ConfigError, CouldNotTell, PrintflowError
from printflow_reliability.platform.catalog_entry import CatalogEntry, query_key
from printflow_reliability.platform.failing_rows import FailingRows
from printflow_reliability.platform.key_rules import NEEDS_UTF8
from printflow_reliability.platform.queries import (
    Connection,
    Connector,
    FailsOnData,
    as_table,
    columns_of,
    config_errors,
    require_columns,
    session,
)
from printflow_reliability.platform.refusals import NoAnswer, NotReached
from printflow_reliability.settings import ReferenceSettings, Settings

REQUIRED = ("tenant", "owner", "key")
OPTIONAL = {
    "bucket": ("text", "varchar", "bpchar", "name"),
    "disk": ("text", "varchar", "bpchar", "name"),
    "size": ("int2", "int4", "int8", "numeric"),
    "sha256": ("text", "varchar", "bpchar", "bytea"),
    "md5": ("text", "varchar", "bpchar", "bytea", "uuid"),
    "etag": ("text", "varchar", "bpchar"),
    "soft_deleted": ("bool",),
}
"""The optional columns and the types they may have."""
NO_KEYS = {
    "bytea": "convert_from(key, 'UTF8') AS key",
    "json": "take the key out of it: key ->> 'path' AS key, or a row for each of several by jsonb_path_query",
    "jsonb": "take the key out of it: key ->> 'path' AS key, or a row for each of several by jsonb_path_query",
    "xml": "take the key out of it by xpath()",
    "bool": "name the column that holds the key",
}
"""Types whose text is never a key, and what to do instead."""


@dataclass(frozen=True)
class _Database:
    """One database that a query runs in."""

    index: int
    settings: ReferenceSettings
    tenant: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        return self.settings.cluster, self.settings.database or ""


def accepted_entries(
    settings: Settings, tenants: Sequence[str] | None, connect_with: Connector | None, failing: FailingRows
) -> tuple[CatalogEntry, ...]:
    """Every reference query, in the order of printflow.toml, once for each of its databases.

    Args:
        settings: the whole file.
        tenants: whose rows tell which buckets a query points into, where its rows say; None for all.
        connect_with: opens the databases instead.
        failing: hears of databases that cannot be read.

    Raises:
        ConfigError: a query is refused everywhere, lacks a column, or has one nobody knows.
        CouldNotTell: a cluster is unreachable, or hides rows.
    """
    entries: list[CatalogEntry] = []
    refused: dict[int, PrintflowError] = {}
    databases = sorted(_databases(settings, connect_with), key=lambda each: (each.place, each.index))
    for _, group in itertools.groupby(databases, key=lambda each: each.place):
        entries += _in_one_database(settings, list(group), tenants, connect_with, failing, refused)
    for index, trouble in refused.items():
        of_query = [entry for entry in entries if entry.index == index]
        if all(failing.leaves_out(entry.place) for entry in of_query):
            raise trouble  # not one tenant's, but the query's own
    by_bucket = {entry.index for entry in entries if "bucket" in entry.columns}
    anywhere = tuple(sorted(bucket.name for bucket in settings.bucket))
    entries = [
        replace(entry, buckets=anywhere) if entry.index in by_bucket and failing.leaves_out(entry.place) else entry
        for entry in entries  # what a query returns, its other databases tell
    ]
    return tuple(sorted(entries, key=lambda entry: entry.place))


def left_out(entry: CatalogEntry, why: PrintflowError) -> str:
    """What is said of a database that cannot be read."""
    return f'database "{entry.settings.database}" cannot be read: {why.what}'


def _databases(settings: Settings, connect_with: Connector | None) -> Iterator[_Database]:
    for index, reference in enumerate(settings.reference):
        if reference.databases is None:
            yield _Database(index, reference)
            continue
        key = f"reference[{index}].databases"
        with session(settings.cluster_named(reference.cluster), reference.database, connect_with) as connection:
            have = columns_of(connection, key, reference.databases)
            require_columns(key, have, ("database",))
            whose = sql.SQL("tenant::text" if "tenant" in have else "NULL::text")
            query = sql.SQL("SELECT DISTINCT database::text, {} FROM {} WHERE database IS NOT NULL ORDER BY 1, 2")
            with config_errors(key):
                found = connection.execute(query.format(whose, as_table(reference.databases))).fetchall()
        if not found:
            raise CouldNotTell(f"{key} returns no database", "correct it in printflow.toml")
        names = [name for name, _ in found]
        if (
            twice := next((name for name in names if names.count(name) > 1), None)
            if len({*names}) < len(names)
            else None
        ):
            raise ConfigError(
                f'{key}: returns database "{twice}" for two tenants',
                "have it return no tenant, and `query` the tenant of each row",
            )
        for name, tenant in found:
            yield _Database(index, reference.model_copy(update={"database": name}), tenant)


def _in_one_database(
    settings: Settings,
    databases: Sequence[_Database],
    tenants: Sequence[str] | None,
    connect_with: Connector | None,
    failing: FailingRows,
    refused: dict[int, PrintflowError],
) -> Iterator[CatalogEntry]:
    def leave_out(each: _Database, trouble: PrintflowError) -> CatalogEntry:
        if each.settings.databases is None or isinstance(trouble, NotReached | NoAnswer):
            raise trouble
        named = _may_point_into(settings, each.settings)
        entry = CatalogEntry(each.index, each.settings, (), named, "", each.tenant, certain=named)
        failing.leave_out(entry.place, each.tenant, left_out(entry, trouble))
        refused.setdefault(each.index, trouble)
        return entry

    cluster = settings.cluster_named(databases[0].settings.cluster)
    accepted: list[CatalogEntry] = []
    try:
        with session(cluster, databases[0].settings.database, connect_with) as connection:
            for each in databases:
                try:
                    accepted.append(_accepted(settings, connection, each, tenants))
                except ConfigError as trouble:
                    accepted.append(leave_out(each, trouble))
    except CouldNotTell as trouble:
        yield from (leave_out(each, trouble) for each in databases)
        return
    yield from accepted


def _accepted(
    settings: Settings, connection: Connection, database: _Database, tenants: Sequence[str] | None
) -> CatalogEntry:
    reference, key = database.settings, query_key(database.index)
    have = columns_of(connection, key, reference.query)
    require_columns(key, have, [name for name in REQUIRED if name != "tenant" or database.tenant is None])
    _require_known(key, have)
    _require_rules(key, reference, connection, have)
    kinds = {"sha256": "bytea", "md5": "bytea", "size": "numeric"}  # which are read in a way of their own
    columns = (*have, *(f"{name} {kind}" for name, kind in kinds.items() if have.get(name) == kind))
    whose = None if "tenant" in have else database.tenant
    entry = CatalogEntry(
        database.index,
        reference,
        columns,
        (reference.bucket,),
        have.get("tenant", "text"),
        whose,
        unencoded=connection.info.parameter_status("server_encoding") == "SQL_ASCII",
    )
    if "bucket" not in have and "disk" not in have:
        return entry
    condition = sql.SQL("true") if tenants is None else entry.of_tenants(tenants)
    known = {bucket.name for bucket in settings.bucket}
    try:
        with config_errors(key):
            rows = connection.execute(
                sql.SQL("SELECT DISTINCT {} FROM {} WHERE key IS NOT NULL AND {}").format(
                    entry.bucket_column, entry.table, condition
                )
            ).fetchall()
    except FailsOnData:  # on the rows of some tenants, who are found once they are read
        return replace(entry, buckets=_may_point_into(settings, reference, "bucket" in have))
    # Rows that name a bucket nobody knows are those rows' trouble: `Catalog.elsewhere`.
    return replace(entry, buckets=tuple(sorted(known & {str(row[0]) for row in rows})))


def _may_point_into(settings: Settings, reference: ReferenceSettings, by_bucket: bool = False) -> tuple[str, ...]:
    """The buckets that rows which nobody has read may point into."""
    if by_bucket:
        return tuple(sorted(bucket.name for bucket in settings.bucket))
    return tuple(sorted({reference.bucket, *(disk.bucket for disk in reference.disk if disk.bucket)}))


def _require_known(key: str, have: Mapping[str, str]) -> None:
    """Raises:
    ConfigError: a column has no meaning, or a type that it cannot have.
    """
    for name, type_name in have.items():
        if name not in REQUIRED and name not in OPTIONAL:
            raise ConfigError(
                f'{key}: returns a column "{name}" that has no meaning; known are {", ".join((*REQUIRED, *OPTIONAL))}',
                "mend the query in printflow.toml",
            )
        if name in OPTIONAL and type_name not in OPTIONAL[name]:
            raise ConfigError(
                f'{key}: its column "{name}" is {type_name}; it must be {" or ".join(OPTIONAL[name])}',
                "cast it in the query",
            )
    if have["key"].endswith("[]"):
        raise ConfigError(f'{key}: its column "key" is {have["key"]}', "a row for each key: unnest(key) AS key")
    if have["key"] in NO_KEYS:
        raise ConfigError(f'{key}: its column "key" is {have["key"]}, which is no key', NO_KEYS[have["key"]])


def _require_rules(key: str, reference: ReferenceSettings, connection: Connection, have: Mapping[str, str]) -> None:
    """Raises:
    ConfigError: disks or rules of spelling do not fit the query or its database.
    """
    if "disk" in have and "bucket" in have:
        raise ConfigError(f'{key}: returns both "bucket" and "disk"', "have it return one of them")
    if "disk" in have and not reference.disk:
        raise ConfigError(f'{key}: returns "disk", and there is no [[reference.disk]]', "name each disk and its bucket")
    if reference.disk and "disk" not in have:
        raise ConfigError(f'{key}: returns no column "disk", and there are [[reference.disk]]', "SELECT ... AS disk")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8" and (rules := [rule for rule in reference.spelling if rule in NEEDS_UTF8]):
        raise ConfigError(
            f'{key}: its database has the encoding {encoding}, in which PostgreSQL cannot follow "{rules[0]}"',
            f'take "{rules[0]}" out of `spelling`, and have the query return the key as the bucket has it',
        )
