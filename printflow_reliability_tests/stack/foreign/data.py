"""What is in the foreign platform: databases of several encodings, a shop's rows, and the files that they name."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
from psycopg import sql

from printflow_reliability.sandbox import pdfs
from printflow_reliability_tests.stack.foreign.platform import DATABASE, ForeignPlatform

SCHEMA = Path(__file__).with_name("shop.sql")
SLUGS = ("acme", "müller-druck", "o'brien & co")
PURCHASES_EACH = 4
FILES = ("Größe 50% + Rand.pdf", "a+b (2).pdf", "%2F kopie.pdf", "карта.pdf")
DATABASES = (
    (DATABASE, ""),
    ("archive latin", "ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0"),
    ("legacy", "ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0"),
    ("reporting", "CONNECTION LIMIT 2"),
    ("retired", "ALLOW_CONNECTIONS false"),
)
TO_WATCHER = """
GRANT pg_read_all_data, pg_monitor TO watcher;
GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO watcher;
"""
TO_BINDER = """
GRANT USAGE ON SCHEMA shop TO binder;
GRANT SELECT ON media, merchants, purchases, purchase_lines TO binder;
GRANT UPDATE (file_name, bytes, sha256) ON media TO binder;
"""
EVENT_TRIGGER = """
CREATE FUNCTION shop.refuse_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('shop.migration', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION 'no DDL outside of migrations';
    END IF;
END $$;
CREATE EVENT TRIGGER refuse_ddl ON ddl_command_end EXECUTE FUNCTION shop.refuse_ddl();
"""


def fill_databases(platform: ForeignPlatform) -> Mapping[str, bytes]:
    """Make roles, databases and rows; the objects that the rows name, by key."""
    with platform.connect(database="postgres") as connection:
        _roles(platform, connection)
        place = str(platform.root / "fast disk")
        connection.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(sql.Identifier("fast disk"), place))
        connection.execute('GRANT CREATE ON TABLESPACE "fast disk" TO storefront')
        for name, options in DATABASES:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER storefront ").format(sql.Identifier(name)) + sql.SQL(options)
            )
        connection.execute(sql.SQL("ALTER DATABASE {} SET search_path = shop, public").format(sql.Identifier(DATABASE)))
    for database, text in (
        ("archive latin", 'CREATE TABLE "Bücher" (titel text); INSERT INTO "Bücher" VALUES (\'Über Äpfel\')'),
        ("legacy", "CREATE TABLE customers (name text); INSERT INTO customers VALUES (E'M\\xfcller'), (E'\\xe9\\xff')"),
        ("reporting", "CREATE TABLE figures AS SELECT n FROM generate_series(1, 100) AS n"),
    ):
        with platform.connect("storefront", database) as connection:
            connection.execute("SET client_encoding = 'UTF8'")
            connection.execute(text.encode())
    with platform.connect() as connection:
        connection.execute("CREATE SCHEMA shop AUTHORIZATION storefront")
        connection.execute(TO_WATCHER.encode())
    with platform.connect("storefront") as connection:
        connection.execute(SCHEMA.read_bytes())
        connection.execute(TO_BINDER.encode())
        objects = _shops(connection)
        connection.execute("REFRESH MATERIALIZED VIEW turnover")
        connection.execute("ANALYZE")
    with platform.connect() as connection:
        connection.execute(EVENT_TRIGGER.encode())
    return objects


def fill_buckets(
    platform: ForeignPlatform, objects: Mapping[str, bytes], bucket: str, reports: str, dumps: str
) -> None:
    """Make the buckets, the first one versioned, the last one under Object Lock, and put the objects."""
    s3 = platform.s3
    for name in (bucket, reports):
        s3.create_bucket(Bucket=name)
    s3.create_bucket(Bucket=dumps, ObjectLockEnabledForBucket=True)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda item: s3.put_object(Bucket=bucket, Key=item[0], Body=item[1]), objects.items()))


def _roles(platform: ForeignPlatform, connection: psycopg.Connection) -> None:
    """The application, the product, which sees rows that policies hide, and who writes in a restore and in a repair."""
    for role, options in (("storefront", ""), ("watcher", "BYPASSRLS"), ("restorer", "SUPERUSER"), ("binder", "")):
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(
                sql.Identifier(role), sql.SQL(options), sql.Literal(platform.passwords[role])
            )
        )


def _shops(connection: psycopg.Connection) -> Mapping[str, bytes]:
    objects: dict[str, bytes] = {}
    number = 0
    for slug in SLUGS:
        merchant = _value(
            connection, 'INSERT INTO merchants (slug, "Key", t) VALUES (%s, %s, 1) RETURNING id', slug, slug
        )
        owner = _value(connection, 'INSERT INTO staff (merchant, "order") VALUES (%s, 1) RETURNING id', merchant)
        connection.execute("UPDATE merchants SET owner = %s WHERE id = %s", (owner, merchant))
        connection.execute('INSERT INTO staff (merchant, "order", manager) VALUES (%s, 2, %s)', (merchant, owner))
        connection.execute("INSERT INTO ledger (merchant, amount) VALUES (%s, 12.5)", (merchant,))
        for n in range(PURCHASES_EACH):
            number += 1
            body = pdfs.print_pdf(number)
            medium = _value(
                connection,
                "INSERT INTO media (merchant, collection, file_name, bytes, sha256) "
                "VALUES (%s, 'print', %s, %s, %s) RETURNING id",
                *(merchant, FILES[n % len(FILES)], len(body), hashlib.sha256(body).hexdigest()),
            )
            objects[f"shops/{slug}/print/{medium}/{FILES[n % len(FILES)]}"] = body
            state = "neu" if n == PURCHASES_EACH - 1 else "bezahlt"
            purchase = _value(
                connection,
                "INSERT INTO purchases (merchant, state, settled_at, gross, price) "
                "VALUES (%s, %s, now(), 120, (120, 'EUR')) RETURNING id",
                *(merchant, state),
            )
            line = "INSERT INTO purchase_lines (purchase, medium, quantity) VALUES (%s, %s, 100)"
            connection.execute(line, (purchase, medium))
    return objects


def _value(connection: psycopg.Connection, query: str, *values: object) -> object:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0]
