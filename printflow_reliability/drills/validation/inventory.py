"""What a cluster is made of besides rows: databases, extensions, roles; and whether its large objects are whole."""

from collections.abc import Mapping

import psycopg

from printflow_reliability.drills.fences.names import encoding_of, text_of

Inventory = Mapping[str, str]
"""What there is ("role app", "extension live_db.citext", ...), and of what kind it is."""

OF_CLUSTER = b"""
SELECT 'role ' || r.rolname, concat_ws(' ',
       CASE WHEN rolcanlogin THEN 'login' END, CASE WHEN rolsuper THEN 'superuser' END,
       CASE WHEN rolcreaterole THEN 'createrole' END, CASE WHEN rolcreatedb THEN 'createdb' END,
       CASE WHEN rolreplication THEN 'replication' END, CASE WHEN rolbypassrls THEN 'bypassrls' END,
       (SELECT 'member of ' || string_agg(g.rolname, ', ' ORDER BY g.rolname)
        FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid))
FROM pg_roles r WHERE NOT starts_with(r.rolname::text, 'pg_')
UNION ALL
SELECT 'database ' || datname, concat_ws(' ', pg_encoding_to_char(encoding), datcollate)
FROM pg_database WHERE datallowconn AND NOT datistemplate
"""
OF_DATABASE = b"SELECT 'extension ' || current_database() || '.' || extname, extversion FROM pg_extension"
LARGE_OBJECTS = """
SELECT count(*), coalesce(sum(length(data)), 0),
       count(*) FILTER (WHERE NOT EXISTS (SELECT FROM pg_largeobject_metadata m WHERE m.oid = loid))
FROM pg_largeobject
"""


def take_inventory(connection: psycopg.Connection, *, cluster: bool) -> dict[str, str]:
    """The inventory of the one database that a prepared session is in, and of its cluster if that is asked for."""
    own = [(OF_DATABASE, encoding_of(connection))]
    queries = [*own, *([(OF_CLUSTER, "utf-8")] if cluster else [])]
    return {
        text_of(name, encoding): text_of(kind, encoding)
        for query, encoding in queries
        for name, kind in connection.execute(query).fetchall()
    }


def differences(expected: Inventory, found: Inventory) -> list[str]:
    """What is missing, or is not what it was, as phrases for a person; what is new harms nobody."""
    missing = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    changed = [
        f'{name} is "{found[name]}", it was "{expected[name]}"'
        for name in sorted(expected.keys() & found.keys())
        if found[name] != expected[name]
    ]
    return missing + changed


def stray_large_object_pages(connection: psycopg.Connection) -> int:
    """How many pages of large objects belong to none; all of them are read.

    Raises:
        psycopg.Error: they cannot be read.
    """
    row = connection.execute(LARGE_OBJECTS).fetchone()
    return int(row[2]) if row else 0
