"""Where a shelf is put up: in the sandbox, or on the foreign platform with its own names, types and databases."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

import psycopg

from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.foreign.platform import DATABASE, SUPERUSER, ForeignPlatform

ROW = "%(tenant)s, %(owner)s, {}, %(bucket)s, %(size)s, %(sha256)s, %(md5)s, %(etag)s, %(soft_deleted)s"


class Layout(NamedTuple):
    """How a platform keeps files and tenants: SQL that makes the tables, fills them, reads them and drops them."""

    make_files: str
    make_tenants: str
    add_file: str
    add_tenant: str
    files: str
    tenants: str
    drop_files: str
    drop_tenants: str


SANDBOX = Layout(
    """DROP TABLE IF EXISTS shelf_files;
    CREATE TABLE shelf_files (tenant text, owner text, key text, bucket text, size bigint, sha256 text, md5 text,
                              etag text, soft_deleted boolean)""",
    "DROP TABLE IF EXISTS shelf_tenants; CREATE TABLE shelf_tenants (tenant text, base_path text)",
    f"INSERT INTO shelf_files VALUES ({ROW.format('%(key)s')})",
    "INSERT INTO shelf_tenants VALUES (%s, %s)",
    "SELECT * FROM shelf_files",
    "SELECT tenant, base_path FROM shelf_tenants",
    "DROP TABLE shelf_files",
    "DROP TABLE shelf_tenants",
)
FOREIGN = Layout(
    """SET shop.migration = 'on'; CREATE SCHEMA "Lager Nr. 1";
    CREATE TABLE "Lager Nr. 1"."Dateien" ("Mandant" varchar, "order" bpchar, "Datei" jsonb, "table" varchar,
        "Größe" numeric, "sha-256" varchar, "MD5" text, "E-Tag" text, "weg?" boolean)""",
    """SET shop.migration = 'on'; CREATE SCHEMA "Kunden & Co";
    CREATE TABLE "Kunden & Co"."Mandanten" ("Nr." varchar, pfad varchar[])""",
    f"""INSERT INTO "Lager Nr. 1"."Dateien" VALUES ({ROW.format("jsonb_build_object('path', %(key)s::text)")})""",
    """INSERT INTO "Kunden & Co"."Mandanten" VALUES (%s, ARRAY[%s::varchar])""",
    """SELECT "Mandant" AS tenant, "order" AS owner, "Datei" ->> 'path' AS key, "table" AS bucket, "Größe" AS size,
        "sha-256" AS sha256, "MD5" AS md5, "E-Tag" AS etag, "weg?" AS soft_deleted FROM "Lager Nr. 1"."Dateien" """,
    """SELECT "Nr." AS tenant, pfad[1] AS base_path FROM "Kunden & Co"."Mandanten" """,
    """SET shop.migration = 'on'; DROP SCHEMA "Lager Nr. 1" CASCADE""",
    """SET shop.migration = 'on'; DROP SCHEMA "Kunden & Co" CASCADE""",
)


@dataclass(frozen=True)
class Site:
    """A platform that a shelf is added to.

    Attributes:
        settings: the platform's own.
        admin: a bucket of its S3 server, with a key that may do everything.
        cluster: the cluster of all tables.
        database: where the files are, by the cluster's url None; the tenants always are where the url leads.
        layout: how its tables look.
        connect: a superuser's connection, in autocommit mode, to a database, None for that of the url.
    """

    settings: Settings
    admin: BucketSettings
    cluster: str
    database: str | None
    layout: Layout
    connect: Callable[[str | None], AbstractContextManager[psycopg.Connection]]


def in_sandbox(sandbox: StackSandbox) -> Site:
    """The sandbox's cluster `live_db`."""
    return Site(
        sandbox.settings,
        seaweedfs.bucket(sandbox.home, "print-files", "admin"),
        "live_db",
        None,
        SANDBOX,
        lambda database: postgres.superuser(sandbox.home, "live_db", database or "live_db"),
    )


def on_foreign(foreign: ForeignPlatform, database: str | None = None) -> Site:
    """The foreign platform; the files' table in one of its other databases, if one is given."""
    media = foreign.settings.bucket_named("media")
    keys = {"access_key_id": media.heal_access_key_id, "secret_access_key": media.heal_secret_access_key}
    return Site(
        foreign.settings,
        media.model_copy(update=keys),
        "shop",
        database,
        FOREIGN,
        lambda name: foreign.connect(SUPERUSER, name or DATABASE),
    )
