"""Is the catalog complete? Columns that hold object paths and that no reference query returns.

Their files would look like orphans. Values are sampled: what is found is certain, what is not found is likely.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from printflow_reliability.console import Advance
from printflow_reliability.files.near_miss import without_url
from printflow_reliability.platform.catalog import Catalog, open_catalog
from printflow_reliability.platform.queries import Connection, ConnectWith, session
from printflow_reliability.platform.tenancy import Tenant, tenants
from printflow_reliability.settings import Settings

SAMPLE_ROWS = 1000
TEXT_COLUMNS = """
SELECT n.nspname, c.relname, a.attname
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
  AND a.atttypid = ANY (ARRAY['text', 'varchar', 'bpchar', 'json', 'jsonb', 'text[]', 'varchar[]']::regtype[])
  AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY 1, 2, 3"""
SAMPLE = """
SELECT to_json({column})::text FROM (SELECT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT {rows}) AS sample"""


@dataclass(frozen=True)
class ValidReference:
    """A reference query that its database accepts."""

    name: str
    cluster: str
    kind: str
    buckets: Sequence[str]
    columns: Sequence[str]


@dataclass(frozen=True)
class Uncovered:
    """A column with object paths that no query returns; `column` says where in JSON, as `data.files[].path`."""

    database: str
    table: str
    column: str
    example: str


@dataclass(frozen=True)
class CatalogReport:
    """The catalog check's answer."""

    references: Sequence[ValidReference]
    uncovered: Sequence[Uncovered]

    @property
    def ok(self) -> bool:
        """Whether nothing is left uncovered."""
        return not self.uncovered

    def as_json(self) -> dict[str, Any]:
        """As `files catalog --json` shows it."""
        return {
            "ok": self.ok,
            "references": [vars(one) for one in self.references],
            "uncovered": [vars(one) for one in self.uncovered],
        }


def check_catalog(
    settings: Settings, *, connect_with: ConnectWith | None = None, advance: Advance | None = None
) -> CatalogReport:
    """Have every query checked by its database, then look for object paths that none of them returns.

    Raises:
        ConfigError: a query is refused; the message names its key.
        CouldNotTell: a cluster is unreachable.
    """
    catalog = open_catalog(settings, connect_with=connect_with)
    looks_like_path = _pattern(tenants(settings, connect_with=connect_with))
    places = {(one.cluster, one.database) for one in settings.reference} | {(settings.tenancy.cluster, None)}
    uncovered: list[Uncovered] = []
    for cluster, database in sorted(places, key=lambda place: (place[0], place[1] or "")):
        with session(settings.cluster_named(cluster), database, connect_with) as connection:
            columns = connection.execute(TEXT_COLUMNS).fetchall()
            for done, (schema, table, column) in enumerate(columns):
                if advance is not None:
                    advance(done, len(columns))
                for place, paths in _paths(connection, schema, table, column, looks_like_path).items():
                    if not _covered(catalog, paths):
                        name = table if schema == "public" else f"{schema}.{table}"
                        uncovered.append(Uncovered(database or cluster, name, place, paths[0]))
    references = [
        ValidReference(one.settings.name, one.settings.cluster, one.settings.kind, one.buckets, one.columns)
        for one in catalog.entries
    ]
    return CatalogReport(references, uncovered)


def _pattern(known: Sequence[Tenant]) -> re.Pattern[str]:
    """What a path below some tenant's base path looks like, also below that of a tenant who is gone."""
    shapes = {re.escape(one.base_path).replace(re.escape(one.id), "[^/]+") for one in known}
    # Base paths that do not hold the id are all different; some hundreds of them will do for a sample.
    return re.compile(f"(?:{'|'.join(sorted(shapes)[:500])}).+") if shapes else re.compile(r"(?!)")


def _paths(
    connection: Connection, schema: str, table: str, column: str, looks_like_path: re.Pattern[str]
) -> Mapping[str, list[str]]:
    """The sampled object paths of a column, by their place in it."""
    query = sql.SQL(SAMPLE).format(
        column=sql.Identifier(column), table=sql.Identifier(schema, table), rows=sql.Literal(SAMPLE_ROWS)
    )
    found: dict[str, list[str]] = {}
    for (value,) in connection.execute(query):
        for place, text in _leaves(column, json.loads(value)):
            path = without_url(text, "")
            if looks_like_path.fullmatch(path):
                found.setdefault(place, []).append(text)
    return found


def _leaves(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every string in a JSON document with its place; text that holds a JSON document is looked into."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(f"{place}.{name}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(f"{place}[]", inner)
    elif isinstance(value, str):
        if value[:1] in ("{", "["):
            try:
                yield from _leaves(place, json.loads(value))
                return
            except ValueError:
                pass
        yield place, value


def _covered(catalog: Catalog, paths: Sequence[str]) -> bool:
    """Whether any query returns one of these paths, or a prefix above it."""
    wanted = set(paths)
    for path in paths:
        parts = path.split("/")[:-1]
        wanted |= {"/".join(parts[: n + 1]) + "/" for n in range(len(parts))}
    for bucket in catalog.buckets:
        for _ in catalog.look_up(bucket, wanted):
            return True
    return False
