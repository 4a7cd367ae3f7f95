"""Two databases of one cluster: one to restore from, and one to restore into; and what is done with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
from psycopg import sql

from printflow_reliability.checks import CheckResult
from printflow_reliability.settings import TenancySettings
from printflow_reliability.tenants.rehearsal import RehearsedPart, rehearse
from printflow_reliability.tenants.restore import PartRestore, planned_part
from printflow_reliability_tests.stack.plain import PlainCluster
from printflow_reliability_tests.stack.tenants.tenant_schema import MINE

ROWS_OF = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""
NAMES = count(1)


class Databases:
    """Two databases of a cluster with the same rows: `then`, to restore from, and `today`, to restore into."""

    def __init__(self, cluster: PlainCluster) -> None:
        number = next(NAMES)
        self.cluster, self.then, self.today = cluster, f"then_{number}", f"today_{number}"

    def make(self, schema: str, options: str = "") -> None:
        """Make both out of one script."""
        self.cluster.execute(f"CREATE DATABASE {self.then} {options}")
        with self.connect(self.then) as connection:
            connection.execute(schema)
        self.cluster.execute(f"CREATE DATABASE {self.today} TEMPLATE {self.then}")

    def copy(self, of: "Databases") -> None:
        """Make both as copies of another's `then`."""
        for name in (self.then, self.today):
            self.cluster.execute(f"CREATE DATABASE {name} TEMPLATE {of.then}")

    @contextmanager
    def connect(self, name: str, role: str = "postgres") -> Iterator[psycopg.Connection]:
        """A session in autocommit mode."""
        with psycopg.connect(
            self.cluster.settings.url, dbname=name, user=role, autocommit=True, options="-c lock_timeout=3000"
        ) as connection:
            yield connection

    def change(self, statements: str) -> None:
        """Change `today`, with nothing acting by itself."""
        with self.connect(self.today) as connection:
            connection.execute(f"SET session_replication_role = replica; {statements}")

    def rows(self, name: str) -> dict[str, list[str]]:
        """All rows of all tables, of each only its own."""
        found = {}
        with self.connect(name) as connection:
            connection.execute("SET extra_float_digits = 1; SET search_path = ''")
            for (table,) in connection.execute(ROWS_OF).fetchall():
                only = "" if table == "public.orders" else "ONLY"
                query = sql.SQL("SELECT tableoid::regclass || ' ' || x::text FROM " + only + " {} AS x ORDER BY 1")
                found[table] = [row[0] for row in connection.execute(query.format(sql.SQL(table))).fetchall()]
        return found


def tenancy(*unrestorable: str) -> TenancySettings:
    """The settings of that schema."""
    return TenancySettings(cluster="plain", tenants="SELECT id, id FROM tenants", unrestorable=unrestorable)


@contextmanager
def planned(
    databases: Databases,
    settings: TenancySettings | None = None,
    *,
    tenant: str = MINE,
    apply: bool = True,
    role: str = "postgres",
) -> Iterator[PartRestore]:
    """A plan, in the transaction that is to write."""
    with (
        databases.connect(databases.then) as source,
        databases.connect(databases.today, role) as target,
        planned_part(source, target, settings or tenancy(), tenant, writes=True, lock=apply) as part,
    ):
        yield part


def restore(databases: Databases, settings: TenancySettings | None = None, *, role: str = "postgres") -> int:
    with planned(databases, settings, role=role) as part:
        assert part.problems == ()
        written = part.write()
        part.target.execute("COMMIT")
        return written


def rehearsed(databases: Databases, settings: TenancySettings | None = None, tenant: str = MINE) -> CheckResult:
    return rehearse(
        [
            RehearsedPart(
                settings or tenancy(),
                lambda: databases.connect(databases.then),
                lambda: databases.connect(databases.then),
            )
        ],
        tenant,
    )


def quiet(connection: psycopg.Connection, statements: str) -> None:
    """Run statements with nothing acting by itself."""
    connection.execute("SET session_replication_role = replica")
    watched = connection.execute("SELECT FROM pg_event_trigger").rowcount
    if watched:
        connection.execute("ALTER EVENT TRIGGER refuse_ddl DISABLE")
    connection.execute(statements)
    if watched:
        connection.execute("ALTER EVENT TRIGGER refuse_ddl ENABLE ALWAYS")


def both(databases: Databases, statements: str) -> None:
    for name in (databases.then, databases.today):
        with databases.connect(name) as connection:
            quiet(connection, statements)


def make_role(databases: Databases, name: str, options: str, *schemas: str) -> None:
    """A role that may read and write every row of `today`, and no more."""
    make = f"CREATE ROLE {name} LOGIN {options}"
    databases.cluster.execute(f"DO $$ BEGIN {make}; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    with databases.connect(databases.today) as connection:
        for schema in schemas or ("public",):
            grants = f"""GRANT USAGE ON SCHEMA {schema} TO {name}; GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {name};
            GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {name}"""
            quiet(connection, grants)
