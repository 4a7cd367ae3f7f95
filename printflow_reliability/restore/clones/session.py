"""Sessions in a clone: nothing of the platform acts on them, neither triggers nor settings of roles and databases.

ALTER ROLE and ALTER DATABASE keep settings in the catalog, which a clone has too. A superuser's session asks first that
what acts at its very start is off, and then takes back every other setting that came from there.
"""

import psycopg

from printflow_reliability.errors import CouldNotTell

AT_START = (
    # Libraries would be loaded, and a trigger at login run, before the first statement.
    (0, "session_preload_libraries", ""),
    (0, "local_preload_libraries", ""),
    (17, "event_triggers", "off"),
    # Before 17 this holds event triggers too, but those that fire always; and all triggers and rules alike.
    (0, "session_replication_role", "replica"),
    (0, "role", "none"),
    (0, "row_security", "off"),
    # A clone in recovery refuses the first statement of a serializable session.
    (0, "default_transaction_isolation", r"read\ committed"),
    # These would end the session before it has asked for anything.
    (0, "idle_in_transaction_session_timeout", "0"),
    (14, "idle_session_timeout", "0"),
    (17, "transaction_timeout", "0"),
)
"""The major version that first knew a setting, its name, and what a session in a clone has, spaces escaped."""
TAKE_BACK = """
SELECT pg_catalog.set_config(name, coalesce(boot_val, ''), false) FROM pg_catalog.pg_settings
WHERE source IN ('global', 'database', 'user', 'database user') AND context IN ('user', 'superuser')
  AND name <> 'search_path' AND name NOT LIKE '%.%'
"""
SEARCH_PATH = """
SELECT pg_catalog.set_config(
    'search_path', pg_catalog.replace(path, '"$user"', pg_catalog.quote_ident(%(role)s)), false)
FROM (SELECT coalesce((
    SELECT pg_catalog.substr(setting, 13)
    FROM pg_catalog.pg_db_role_setting, pg_catalog.unnest(setconfig) AS setting
    WHERE setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
      AND setrole IN (0, coalesce((SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %(role)s), 0))
      AND setting LIKE 'search\\_path=%%'
    ORDER BY setrole <> 0 DESC, setdatabase <> 0 DESC LIMIT 1), '"$user", public') AS path) AS own
"""
"""What a query finds by its bare name is what the platform's role finds in production."""
IS_SUPERUSER = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"


def start_options(major: int) -> str:
    """The startup options of every session in a clone of this major version."""
    return " ".join(f"-c {name}={value}" for since, name, value in AT_START if major >= since)


def settle(connection: psycopg.Connection, cluster: str, role: str) -> None:
    """Take back what roles and databases have set for this session, but the search_path of the platform's own role.

    Args:
        connection: a superuser's session in a clone.
        cluster: for errors.
        role: as whom production is asked.

    Raises:
        CouldNotTell: the session is not a superuser's after all.
    """
    row = connection.execute(IS_SUPERUSER).fetchone()
    if row is None or not row[0]:
        raise CouldNotTell(
            f"the superuser of {cluster} acts as another role in the clone, by a setting of its own",
            "look at pg_db_role_setting in production: ALTER ROLE ... RESET ALL",
        )
    connection.execute(TAKE_BACK)
    connection.execute(SEARCH_PATH, {"role": role})
