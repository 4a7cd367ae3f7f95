"""What is in the databases, as far as it names objects of the buckets: each place of each column that can hold text."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from printflow_reliability.addresses import postgres_url
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.catalog_queries import Queries
from printflow_reliability.files.catalog_report import Unread
from printflow_reliability.files.key_candidates import candidates
from printflow_reliability.files.object_index import Key, ObjectIndex
from printflow_reliability.platform.catalog import Catalog
from printflow_reliability.platform.columns import Column, Unreadable, other_databases, sampled, text_columns
from printflow_reliability.platform.queries import Connection, session
from printflow_reliability.platform.tenancy import Tenant
from printflow_reliability.progress import Advance
from printflow_reliability.settings import ClusterSettings, Settings

DATABASE_SECONDS = 300
"""How long one database is looked into; columns that were not reached are named."""
VALUES_EACH = 200
"""So many different values of one place are looked up."""
ASKED_EACH = 20
"""So many keys of one place are asked for in a bucket that is too large to list."""


OWN_KEYS = 0.9
"""A column is one of keys if at least this part of its values is, each as a whole."""


@dataclass
class Place:
    """The distinct values at one place of a column, and the objects that each may stand for.

    Attributes:
        name: the place in words, as `data.files[].path`.
        unread: whether the column holds keys and nothing else, and no query reads it.
        view: whether it belongs to a view, which as a rule shows what tables hold.
        rows: how often each value was sampled.
        paths: values that look like a path of a tenant, without an object.
    """

    database: str
    table: str
    name: str
    unread: bool = False
    view: bool = False
    rows: Mapping[str, int] = field(default_factory=dict)
    values: dict[str, tuple[Key, ...]] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)


class DatabaseScan:
    """What is in the databases, as far as it names objects."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        index: ObjectIndex,
        known: Sequence[Tenant],
        advance: Advance | None,
    ) -> None:
        self.places: list[Place] = []
        self.unread: list[Unread] = []
        self.columns = 0
        self._settings, self._index, self._connect_with, self._advance = settings, index, catalog.connect_with, advance
        self._references = [entry.settings for entry in catalog.entries]
        self._base_paths = [path for tenant in known for path in tenant.base_paths]
        self._looks_like_path = _pattern(known)

    def at(self, cluster: ClusterSettings) -> None:
        """Look into a cluster's own database, those that queries name, and the others that our role may open."""
        try:
            with session(cluster, None, self._connect_with) as connection:
                others = other_databases(connection)
        except CouldNotTell as away:
            self.unread.append(Unread(away.sentence, database=cluster.name))
            return
        named = [
            reference.database
            for reference in self._references
            if reference.cluster == cluster.name and reference.database
        ]
        for database in (None, *dict.fromkeys((*named, *others))):
            if _is_records(self._settings, cluster, database):
                continue
            try:
                with session(cluster, database, self._connect_with) as connection:
                    self._database(connection, cluster.name, database)
            except CouldNotTell as away:
                self.unread.append(Unread(away.sentence, database=database or cluster.name))

    def wanted(self) -> Mapping[str, set[str]]:
        """By bucket, every key that a query would have to return."""
        keys: dict[str, set[str]] = {name: set() for name in buckets_of(self._settings)}
        for place in self.places:
            for bucket, key in (location for found in place.values.values() for location in found):
                keys.setdefault(bucket, set()).add(key)
            for path in () if place.values else place.paths:
                for wanted in keys.values():
                    wanted.add(path)
        return keys

    def _database(self, connection: Connection, cluster: str, database: str | None) -> None:
        deadline, columns, name = time.monotonic() + DATABASE_SECONDS, text_columns(connection), database or cluster
        read = Queries(
            [
                reference.query
                for reference in self._references
                if (reference.cluster, reference.database) == (cluster, database)
            ],
            {column.relation for column in columns if column.is_view},
        )
        for done, column in enumerate(columns):
            if self._advance is not None:
                self._advance(done, len(columns))
            try:
                if time.monotonic() > deadline:
                    raise Unreadable(f"not reached within {DATABASE_SECONDS} s")
                documents = sampled(connection, column)
            except Unreadable as refused:
                self.unread.append(Unread(str(refused), database=name, table=column.table, column=column.name))
                continue
            self.columns += 1
            self._column(name, column, [_parsed(document) for document in documents], read)

    def _column(self, database: str, column: Column, documents: Sequence[Any], read: Queries) -> None:
        texts: dict[str, Counter[str]] = {}
        for document in documents:
            for name, text in candidates(column.name, document):
                texts.setdefault(name, Counter())[text] += 1
        unread = not column.is_view and self._are_keys(documents) and not read.read(column)
        for name, values in texts.items():
            place = Place(database, column.table, name, unread, column.is_view, values)
            self._ask(values)
            for text in values:
                found = self._index.exactly(text) or self._index.named_by(text, self._base_paths)
                if found:
                    place.values[text] = found
                elif self._looks_like_path.fullmatch(text):
                    place.paths.append(text)
                if len(place.values) >= VALUES_EACH:
                    break
            del place.paths[VALUES_EACH:]
            if place.values or place.paths:
                self.places.append(place)

    def _are_keys(self, values: Sequence[Any]) -> bool:
        texts = {value for value in values if isinstance(value, str)}
        keys = sum(bool(self._index.exactly(text)) for text in texts)
        return len(texts) > 0 and keys >= OWN_KEYS * len(texts)

    def _ask(self, values: Iterable[str]) -> None:
        """Single keys, in the buckets that are too large to be listed whole."""
        for name in sorted(self._index.partial):
            likely = [text for text in values if "/" in text and not self._index.exactly(text)]
            likely.sort(key=lambda text: self._looks_like_path.fullmatch(text) is None)
            try:
                self._index.ask(self._settings.bucket_named(name), likely[:ASKED_EACH])
            except CouldNotTell as refused:
                self._index.unread.setdefault(name, refused.sentence)


def _pattern(known: Sequence[Tenant]) -> re.Pattern[str]:
    """What a path below some tenant's base path looks like, also below that of a tenant who is gone."""
    shapes = {re.escape(path).replace(re.escape(tenant.id), "[^/]+") for tenant in known for path in tenant.base_paths}
    # Base paths that do not hold the id are all different; some hundreds of them will do for a sample.
    return re.compile(f"(?:{'|'.join(sorted(shapes)[:500])}).+") if shapes else re.compile(r"(?!)")


def _parsed(document: str) -> Any:
    try:
        return json.loads(document)
    except (ValueError, RecursionError):
        return document


def _is_records(settings: Settings, cluster: ClusterSettings, database: str | None) -> bool:
    """Whether this is our own database, whose findings and ledger name every object."""
    try:
        records, platform = (
            conninfo_to_dict(postgres_url(settings.records.url)),
            conninfo_to_dict(postgres_url(cluster.url)),
        )
    except ValueError:
        return False
    if database is not None:
        platform["dbname"] = database
    return all(records.get(name) == platform.get(name) for name in ("host", "port", "dbname"))


def buckets_of(settings: Settings) -> Sequence[str]:
    """The buckets that files of the platform may lie in: all but replicas, which hold the same, and our own."""
    used = {*(reference.bucket for reference in settings.reference), settings.orders.bucket}
    ours = {settings.drills.reports_bucket, settings.files.quarantine_bucket}
    others = {*(bucket.replica for bucket in settings.bucket), *ours}
    return tuple(bucket.name for bucket in settings.bucket if bucket.name in used or bucket.name not in others)
