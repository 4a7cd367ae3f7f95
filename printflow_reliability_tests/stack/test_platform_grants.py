"""Grants and policies of deploy/platform tried: enough for what they are for, and refused beyond."""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg
import pytest
from botocore.exceptions import ClientError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from printflow_reliability.drills.fences.make import make_fences
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.restore.production import ask_production
from printflow_reliability.sandbox import postgres
from printflow_reliability.settings import Settings
from printflow_reliability.storage.clients import s3_client
from printflow_reliability_tests.posture.from_templates import TEMPLATES
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform
from printflow_reliability_tests.stack.foreign.s3_identities import TEMPLATE_PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.stack

PASSWORD = "of-this-test"
READER, DRILL, DUMP, BACKUP = (f"printflow_{name}" for name in ("reader", "drill", "dump", "backup"))
MADE = (READER, DRILL, DUMP, BACKUP)
"""Roles of roles.sql that no platform of the tests has; printflow_repair is the sandbox's own."""
NEVER = (
    "CREATE TABLE public.made_by_a_reader (id integer)",
    "CREATE ROLE made_by_a_reader",
    "SELECT pg_read_file('PG_VERSION')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_reload_conf()",
    "ALTER SYSTEM SET archive_mode = 'off'",
)
"""What none of the roles may do."""


def run_sql(connection: psycopg.Connection, name: str) -> None:
    """Run a template as psql would: by a superuser."""
    connection.execute((TEMPLATES / "sql" / f"{name}.sql").read_text(encoding="utf-8").encode())


@contextmanager
def granted(connection: psycopg.Connection, *, keep: Sequence[str]) -> Iterator[None]:
    """The roles of the templates with a password, until the end of the block; twice, since again is harmless."""
    for name in ("roles", "database", "roles", "database"):
        run_sql(connection, name)
    try:
        for role in MADE:
            connection.execute(f"ALTER ROLE {role} PASSWORD '{PASSWORD}'".encode())
        yield
    finally:
        for role in {*MADE, "printflow_repair"} - set(keep):
            connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


def as_role(settings: Settings, cluster: str, role: str) -> Settings:
    """The settings with another role in the url of a cluster."""
    clusters = [
        found.model_copy(update={"url": make_conninfo(found.url, user=role, password=PASSWORD)})
        if found.name == cluster
        else found
        for found in settings.cluster
    ]
    return settings.model_copy(update={"cluster": tuple(clusters)})


def refused(url: str, *statements: str) -> None:
    """Each of these is refused for want of a right, whatever the session sets for itself."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        for statement in statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def allowed(url: str, *statements: str) -> None:
    """Each of these is carried out, and taken back."""
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())
        connection.rollback()


def test_the_sql_grants_are_enough_and_no_more(sandbox: StackSandbox) -> None:
    settings = sandbox.settings
    with (
        postgres.superuser(sandbox.home, "live_db", "live_db") as connection,
        granted(connection, keep=("printflow_repair",)),
    ):
        run_sql(connection, "repair")
        reading = as_role(settings, "live_db", READER)
        assert reconcile(reading).references > 0
        drilling = as_role(settings, "live_db", DRILL)
        cluster = drilling.cluster_named("live_db")
        productions = {"live_db": ask_production(cluster)}
        (fence,) = make_fences(productions, [cluster], "template", quiet_seconds=20, digest_bytes=10**6)
        assert fence.counts is not None

        url = {role: as_role(settings, "live_db", role).cluster_named("live_db").url for role in MADE}
        without = make_conninfo("", **{**conninfo_to_dict(url[DUMP]), "password": None})
        dumped = ["pg_dump", "--schema=public", "--file=/dev/null", without]
        environment = {"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD}
        dump = subprocess.run(dumped, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert dump.returncode == 0, dump.stderr
        with psycopg.connect(url[BACKUP], autocommit=True) as backup:
            version = backup.info.server_version
            start, stop = ("pg_backup_start", "pg_backup_stop") if version >= 150000 else ("pg_start_backup", "")
            if stop:
                backup.execute(f"SELECT {start}('a template', true)".encode())
                backup.execute(f"SELECT {stop}(false)".encode())
            assert backup.execute("SHOW data_directory").fetchone()

        changes = ("UPDATE orders SET status = status", "DELETE FROM orders", "INSERT INTO orders DEFAULT VALUES")
        for role in (READER, DRILL, DUMP):
            refused(url[role], *changes, *NEVER)
        refused(url[READER], "SELECT pg_create_restore_point('not mine')", "SELECT pg_switch_wal()")
        refused(url[BACKUP], *changes, *NEVER, "SELECT * FROM orders", "SELECT rolpassword FROM pg_authid")
        repair = postgres.url(sandbox.home, "live_db", "printflow_repair")
        allowed(
            repair, "UPDATE order_items SET print_ready_file = print_ready_file", "UPDATE orders SET status = status"
        )
        refused(
            repair, "UPDATE orders SET paid_at = now()", "DELETE FROM order_items", "SELECT * FROM customers", *NEVER
        )


@pytest.mark.exhaustive
def test_the_records_have_a_database_that_nobody_else_enters(sandbox: StackSandbox) -> None:
    with postgres.superuser(sandbox.home, "system_db") as connection:
        text = (TEMPLATES / "sql" / "records.sql").read_text(encoding="utf-8")
        try:
            for statement in filter(str.strip, text.split(";\n")):
                connection.execute(statement.encode())
            connection.execute(f"ALTER ROLE printflow_records PASSWORD '{PASSWORD}'".encode())
            dagster = postgres.url(sandbox.home, "system_db", "dagster", "printflow_records")
            own = make_conninfo(dagster, user="printflow_records", password=PASSWORD)
            allowed(own, "CREATE TABLE findings (id integer)")
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(dagster)
        finally:
            connection.execute("DROP DATABASE IF EXISTS printflow_records")
            connection.execute("DROP ROLE IF EXISTS printflow_records")


def test_on_another_cluster_the_guard_reads_and_changes_nothing(foreign: ForeignPlatform) -> None:
    with foreign.connect() as connection, ExitStack() as stack:
        connection.execute("SET shop.migration = 'on'")  # the shop refuses all other DDL
        stack.enter_context(granted(connection, keep=()))
        reading = as_role(foreign.settings, "shop", READER)
        assert reconcile(reading).references > 0
        refused(reading.cluster_named("shop").url, "UPDATE purchases SET state = state", "DELETE FROM media", *NEVER)


Ask = Callable[["S3Client"], object]
FILES, REPO, DUMPS, REPORTS = (f"{TEMPLATE_PREFIX}-{n}" for n in ("print-files", "pgbackrest-1", "dumps", "reports"))


def put(bucket: str) -> Ask:
    return lambda client: client.put_object(Bucket=bucket, Key="written", Body=b"x")


def get(bucket: str) -> Ask:
    return lambda client: client.get_object(Bucket=bucket, Key="there")


def delete(bucket: str, version: str = "") -> Ask:
    if version:
        return lambda client: client.delete_object(Bucket=bucket, Key="there", VersionId=version)
    return lambda client: client.delete_object(Bucket=bucket, Key="there")


def listed(bucket: str) -> Ask:
    return lambda client: client.list_objects_v2(Bucket=bucket)


def versions(bucket: str) -> Ask:
    return lambda client: client.list_object_versions(Bucket=bucket)


def suspend(bucket: str) -> Ask:
    return lambda client: client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


def versioning(bucket: str) -> Ask:
    return lambda client: client.get_bucket_versioning(Bucket=bucket)


ENOUGH: dict[str, tuple[Ask, ...]] = {
    "backup": (listed(REPO), get(REPO), put(REPO), delete(REPO)),
    "drill": (listed(REPO), get(REPO)),
    "guard": (listed(FILES), versions(FILES), get(FILES), versioning(FILES), put(REPORTS), get(REPORTS)),
    "heal": (listed(FILES), versions(FILES), get(FILES), put(FILES)),
    "dump-writer": (listed(DUMPS), versions(DUMPS), get(DUMPS), put(DUMPS)),
    "break-glass": (versions(REPO), get(REPO), put(REPO)),
}
BEYOND: dict[str, tuple[Ask, ...]] = {
    "backup": (suspend(REPO), get(FILES), put(FILES), get(DUMPS), delete(DUMPS)),
    "drill": (put(REPO), delete(REPO), suspend(REPO), get(FILES), get(DUMPS)),
    "guard": (put(FILES), delete(FILES), suspend(FILES), delete(REPORTS), get(REPO), get(DUMPS)),
    "heal": (suspend(FILES), get(REPO), put(DUMPS)),
    "dump-writer": (delete(DUMPS), suspend(DUMPS), get(FILES), get(REPO)),
    "break-glass": (suspend(REPO), get(DUMPS), put(FILES)),
}
NO_VERSION = {"backup": REPO, "drill": REPO, "guard": FILES, "heal": FILES, "dump-writer": DUMPS}
"""Where each may not delete a version: break-glass alone may, and only in the repositories."""


@pytest.fixture(scope="module")
def buckets(foreign: ForeignPlatform) -> Iterator[dict[str, str]]:
    """The buckets of the templates, versioned, with one object each; its version by bucket."""
    s3 = foreign.s3
    made = {}
    for bucket in (FILES, REPO, DUMPS, REPORTS):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        made[bucket] = s3.put_object(Bucket=bucket, Key="there", Body=b"x")["VersionId"]
    yield made
    for bucket in made:
        found = s3.list_object_versions(Bucket=bucket)
        for version in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())):
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        s3.delete_bucket(Bucket=bucket)


@pytest.mark.parametrize(
    "identity", ["guard", *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ENOUGH if name != "guard")]
)
def test_the_policies_are_enough_and_no_more(identity: str, buckets: dict[str, str], foreign: ForeignPlatform) -> None:
    keys = {"access_key_id": f"{TEMPLATE_PREFIX}-{identity}", "secret_access_key": foreign.passwords["s3-watcher"]}
    client = s3_client(foreign.settings.bucket_named("media").model_copy(update=keys))
    beyond = list(BEYOND[identity])
    if bucket := NO_VERSION.get(identity):
        beyond.append(delete(bucket, buckets[bucket]))
    for number, ask in enumerate(beyond):
        with pytest.raises(ClientError) as no:
            ask(client)
        assert no.value.response["Error"]["Code"] == "AccessDenied", f"{identity}: request {number}"
    for bucket in buckets:  # what was there still is: no refusal came after the act
        assert foreign.s3.get_object(Bucket=bucket, Key="there")["VersionId"] == buckets[bucket]
    for ask in ENOUGH[identity]:
        ask(client)
    for bucket in buckets:
        with suppress(ClientError):
            foreign.s3.put_object(Bucket=bucket, Key="there", Body=b"x", ContentType="text/plain")
            buckets[bucket] = foreign.s3.head_object(Bucket=bucket, Key="there")["VersionId"]
