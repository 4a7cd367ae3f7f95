"""One consistent snapshot of a database, for pg_dump and for counting the rows that its archive must have.

The tables counted are those whose rows pg_dump writes: ordinary ones, partitions and unlogged tables, and not those
that belong to an extension.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from printflow_reliability.dumps.manifest import Content
from printflow_reliability.platform.connect import connect, error_text
from printflow_reliability.restore.counts import prepare
from printflow_reliability.restore.names import encoding_of, label, quoted, text_of
from printflow_reliability.settings import ClusterSettings
from printflow_reliability.settings.clusters import OWN_DAGSTER, OWN_RECORDS

TABLES = b"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence IN ('p', 'u')
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND NOT EXISTS (
    SELECT FROM pg_depend d
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
      AND (d.classid = 'pg_class'::regclass AND d.objid = c.oid
           OR d.classid = 'pg_namespace'::regclass AND d.objid = n.oid))
ORDER BY 1, 2
"""
DATABASE = b"""
SELECT pg_database_size(oid)::int8, current_setting('server_version_num')::int4,
       pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text,
       (SELECT reset_val FROM pg_settings WHERE name = 'search_path')::text
FROM pg_database WHERE datname = current_database()
"""
DATABASES = """
SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 ORDER BY 1
"""
"""Templates hold nothing of anybody's; -2 stands for a DROP DATABASE that was interrupted."""


@dataclass(frozen=True)
class Snapshot:
    """An exported snapshot, for as long as its transaction lasts.

    Attributes:
        id: what `pg_dump --snapshot` takes.
        database_bytes, server_version: as of now.
    """

    id: str
    connection: psycopg.Connection
    database_bytes: int
    server_version: int
    encoding: str
    collate: str
    ctype: str
    search_path: str

    @property
    def major(self) -> int:
        """The server's major version."""
        return self.server_version // 10000

    def count(self) -> Content:
        """Count every table's rows as the snapshot has them; a table that cannot be counted is named.

        Raises:
            CouldNotTell: the connection is lost.
        """
        encoding = encoding_of(self.connection)
        tables: dict[str, int] = {}
        uncounted: dict[str, str] = {}
        for schema, name in self.connection.execute(TABLES).fetchall():
            called = label(text_of(schema, encoding), text_of(name, encoding))
            try:
                with self.connection.transaction():
                    statement = b"SELECT count(*) FROM ONLY " + quoted(schema, name)
                    row = self.connection.execute(statement).fetchone()
            except psycopg.OperationalError as lost:
                if self.connection.closed:
                    raise
                uncounted[called] = error_text(lost)
            except psycopg.Error as refused:
                uncounted[called] = error_text(refused)
            else:
                tables[called] = int(row[0]) if row else 0
        row = self.connection.execute(b"SELECT count(*) FROM pg_largeobject_metadata").fetchone()
        return Content(
            tables,
            uncounted,
            int(row[0]) if row else 0,
            self.database_bytes,
            self.server_version,
            self.encoding,
            self.collate,
            self.ctype,
            self.search_path,
        )


def dumping(cluster: ClusterSettings) -> ClusterSettings:
    """The cluster as dumps are made of it: with the url of the role that reads everything."""
    return cluster if cluster.dump_url is None else cluster.model_copy(update={"url": cluster.dump_url})


def databases(cluster: ClusterSettings) -> tuple[str, ...]:
    """Every database of a cluster that can be dumped; of our own memory the one that is meant.

    Raises:
        CouldNotTell: the cluster does not answer.
    """
    if cluster.name in (OWN_RECORDS, OWN_DAGSTER):
        return (cluster.database,)
    with connect(cluster) as connection:
        return tuple(row[0] for row in connection.execute(DATABASES).fetchall())


@contextmanager
def snapshot(cluster: ClusterSettings, database: str | None, *, seconds: float) -> Iterator[Snapshot]:
    """A snapshot of a database, exported for the length of the block.

    Args:
        cluster, database: of what; None for the database of the cluster's url.
        seconds: how long one statement of it may take.

    Raises:
        CouldNotTell: the database does not answer, or the connection was lost.
    """
    with connect(cluster, database=database, statement_seconds=seconds) as connection:
        prepare(connection)
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            exported = connection.execute(b"SELECT pg_export_snapshot()").fetchone()
            facts = connection.execute(DATABASE).fetchone()
            assert exported is not None and facts is not None  # noqa: S101, PT018 - of queries that return a row
            size, version, *texts = facts
            encoding, collate, ctype, path = (bytes(text).decode("utf-8", "backslashreplace") for text in texts)
            yield Snapshot(exported[0].decode(), connection, size, version, encoding, collate, ctype, path)
        finally:
            if not connection.closed:
                connection.execute("ROLLBACK")
