"""What a cluster is made of besides rows: databases, extensions, roles; and whether its large objects are whole."""

from collections.abc import Mapping

import psycopg

from printflow_reliability.restore.names import encoding_of, text_of

SHARED = "utf-8"
"""How names of roles and databases are read. Each has the encoding of the database in which it was given."""
Inventory = Mapping[str, str]
"""What there is ("role app", "extension live_db.citext", ...), and of what kind it is."""

ROLES = b"""
SELECT r.rolname, concat_ws(' ',
       CASE WHEN rolcanlogin THEN 'login' END, CASE WHEN rolsuper THEN 'superuser' END,
       CASE WHEN rolcreaterole THEN 'createrole' END, CASE WHEN rolcreatedb THEN 'createdb' END,
       CASE WHEN rolreplication THEN 'replication' END, CASE WHEN rolbypassrls THEN 'bypassrls' END),
       ARRAY(SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid)
FROM pg_roles r WHERE r.oid = 10 OR r.oid >= 16384
"""
"""The role that initdb made, and those that people made. Names are only read: functions refuse other encodings."""
DATABASES = b"""
SELECT datname, pg_encoding_to_char(encoding)::text, datcollate::text
FROM pg_database WHERE datallowconn
"""
EXTENSIONS = b"SELECT current_database(), extname, extversion FROM pg_extension"
LARGE_OBJECTS = """
SELECT count(*), coalesce(sum(length(data)), 0),
       count(*) FILTER (WHERE NOT EXISTS (SELECT FROM pg_largeobject_metadata m WHERE m.oid = loid))
FROM pg_largeobject
"""


def take_inventory(connection: psycopg.Connection, *, cluster: bool) -> dict[str, str]:
    """The inventory of the one database that a prepared session is in, and of its cluster if that is asked for."""
    encoding = encoding_of(connection)
    found = {
        f"extension {text_of(database, SHARED)}.{text_of(name, encoding)}": text_of(version, encoding)
        for database, name, version in connection.execute(EXTENSIONS).fetchall()
    }
    if not cluster:
        return found
    for name, rights, groups in connection.execute(ROLES).fetchall():
        member = ", ".join(sorted(text_of(group, SHARED) for group in groups))
        kind = [text_of(rights, SHARED), f"member of {member}" if member else ""]
        found[f"role {text_of(name, SHARED)}"] = " ".join(filter(None, kind))
    for name, code, collation in connection.execute(DATABASES).fetchall():
        kind = [text_of(code, SHARED), text_of(collation, SHARED)]
        found[f"database {text_of(name, SHARED)}"] = " ".join(kind)
    return found


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
