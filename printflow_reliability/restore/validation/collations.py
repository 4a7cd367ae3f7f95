"""Collations whose rules are another version here than where indexes were built: such indexes may not find rows.

The libraries that sort (libc, ICU) are the machine's own. An index is as its library sorted when it was built, and a
recovery on a machine with another version must rebuild it.
"""

import psycopg

from printflow_reliability.restore.names import encoding_of, label, text_of
from printflow_reliability.text import agreed, counted

SHOWN = 5
DATABASE_HAS_VERSION = 150000
"""Before PostgreSQL 15 nobody noted the version of a database's own collation."""
OF_DATABASE = b"""
UNION ALL
SELECT 100::oid, 'the default', datcollversion, pg_database_collation_actual_version(oid)
FROM pg_database WHERE datname = current_database() AND datcollversion IS NOT NULL
"""
CHANGED = b"""
WITH used AS (
    SELECT DISTINCT i.indexrelid, collation_oid FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i', unnest(i.indcollation) AS collation_oid
    WHERE i.indexrelid >= 16384
), versions AS (
    SELECT oid, collname::text AS name, collversion AS built, pg_collation_actual_version(oid) AS here
    FROM pg_collation WHERE collversion IS NOT NULL AND oid IN (SELECT collation_oid FROM used)
    %b
)
SELECT v.name, v.built, coalesce(v.here, 'unknown'), count(*)::int,
       (array_agg(n.nspname ORDER BY n.nspname, c.relname))[1:%d],
       (array_agg(c.relname ORDER BY n.nspname, c.relname))[1:%d]
FROM versions v JOIN used u ON u.collation_oid = v.oid
JOIN pg_class c ON c.oid = u.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE v.here IS DISTINCT FROM v.built GROUP BY 1, 2, 3 ORDER BY 1
"""


def changed_collations(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """Each collation that changed, and a phrase for a person with the indexes that depend on it.

    Args:
        connection: a prepared session of the clone's database.
    """
    encoding = encoding_of(connection)
    own = OF_DATABASE if connection.info.server_version >= DATABASE_HAS_VERSION else b""
    phrases = []
    for name, built, here, count, schemas, indexes in connection.execute(CHANGED % (own, SHOWN, SHOWN)).fetchall():
        shown = [
            label(text_of(schema, encoding), text_of(index, encoding))
            for schema, index in zip(schemas, indexes, strict=True)
        ]
        more = f" and {count - SHOWN} more" if count > SHOWN else ""
        indexes_depend = f"{counted(count, 'index', 'indexes')} {agreed(count, 'depends', 'depend')}"
        collation = f"collation {text_of(name, encoding)}"
        phrase = (
            f"{collation} has version {text_of(here, encoding)} here, "
            f"{text_of(built, encoding)} when its indexes were built: {indexes_depend} on it "
            f"({', '.join(shown)}{more}). After a recovery here: REINDEX"
        )
        phrases.append((collation, phrase))
    return phrases
