"""Dumps in the sandbox for tests: settings of the machine that verifies, and dumps that somebody else put there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg

from printflow_reliability.dumps.manifest import DUMP, Manifest
from printflow_reliability.dumps.store import open_store
from printflow_reliability.dumps.stored import Stored, stored_in
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability.settings import Settings, load
from printflow_reliability_tests.stack.conftest import StackSandbox

BUCKET = "dumps"


def verifying(sandbox: StackSandbox, **changes: Any) -> Settings:
    """The settings of the machine that verifies dumps, with other values in [dumps]."""
    settings = load(sandbox.home.verification_config)
    assert settings.dumps is not None
    return settings.model_copy(update={"dumps": settings.dumps.model_copy(update=changes)})


def stored(sandbox: StackSandbox) -> Stored:
    return stored_in(open_store(sandbox.settings))


def newest(sandbox: StackSandbox, database: str = "live_db") -> Manifest:
    """The newest whole dump of a database of the sandbox."""
    cluster = database if database in postgres.PROTECTED else "live_db"
    return stored(sandbox).of(cluster, database)[-1].manifest


@contextmanager
def forged(
    sandbox: StackSandbox,
    manifest: Manifest,
    change: Callable[[bytes], bytes] = lambda body: body,
    **said: Any,
) -> Iterator[Manifest]:
    """A copy of a dump, changed, with a manifest that says what is wanted; not locked, and gone after the block."""
    s3 = seaweedfs.client(sandbox.home, BUCKET)
    body = s3.get_object(Bucket=BUCKET, Key=manifest.key, VersionId=manifest.version_id)["Body"].read()
    body = change(body)
    key = manifest.key.removesuffix(DUMP) + "-copy" + DUMP
    version = s3.put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"]
    copy = replace(manifest, **{"key": key, "version_id": version, "bytes": len(body), **said})
    s3.put_object(Bucket=BUCKET, Key=copy.manifest_key, Body=copy.text().encode())
    try:
        yield copy
    finally:
        for name in (key, copy.manifest_key):
            for found in s3.list_object_versions(Bucket=BUCKET, Prefix=name).get("Versions", ()):
                s3.delete_object(Bucket=BUCKET, Key=name, VersionId=found["VersionId"])


@contextmanager
def database(sandbox: StackSandbox, name: str, *statements: str) -> Iterator[str]:
    """Another database of the cluster admin_db for the block; its connection string, of a superuser."""
    with postgres.superuser(sandbox.home, "admin_db", "postgres") as connection:
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
    try:
        with postgres.superuser(sandbox.home, "admin_db", name) as connection:
            for statement in statements:
                connection.execute(statement.encode())
        home = sandbox.home
        yield f"host={home.path('sockets')} port={home.port('admin_db')} user=postgres dbname='{name}'"
    finally:
        with postgres.superuser(sandbox.home, "admin_db", "postgres") as connection:
            connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))
