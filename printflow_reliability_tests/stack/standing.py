"""What stands in the shared sandbox's clusters apart from rows: changed by a test, it lets another pass or fail."""

from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox.home import SandboxHome

STANDS = """
SELECT 'what ' || coalesce(acl::text, 'nobody else') || ' may do with ' || name FROM (
    SELECT nspacl, nspname::text FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
    UNION ALL SELECT relacl, oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'v', 'm', 'S', 'p', 'f')
        AND relnamespace::regnamespace::text !~ '^pg_' AND NOT relispartition
    UNION ALL SELECT datacl, datname::text FROM pg_database) AS granted (acl, name)
UNION ALL SELECT 'role ' || to_jsonb(pg_roles)::text FROM pg_roles WHERE rolname !~ '^pg_'
UNION ALL SELECT 'member ' || to_jsonb(pg_auth_members)::text FROM pg_auth_members
UNION ALL SELECT 'for a role or database: ' || to_jsonb(pg_db_role_setting)::text FROM pg_db_role_setting
UNION ALL SELECT 'extension ' || extname FROM pg_extension
UNION ALL SELECT 'setting ' || name || ' = ' || setting FROM pg_file_settings
    WHERE sourcefile LIKE '%postgresql.auto.conf'
ORDER BY 1
"""


def standing(home: SandboxHome) -> dict[str, list[str]]:
    """What stands in each cluster of the platform, apart from its rows."""
    found = {}
    for cluster in postgres.PROTECTED:
        with postgres.superuser(home, cluster, cluster) as connection:
            found[cluster] = [row[0] for row in connection.execute(STANDS)]
    return found
