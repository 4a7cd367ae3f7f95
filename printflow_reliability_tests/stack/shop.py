"""A shop of a test's own: tenants with objects and rows in the sandbox, and what a reconciliation finds in it."""

import json
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.files.report import ReconcileReport
from printflow_reliability.findings import Finding
from printflow_reliability.sandbox import postgres
from printflow_reliability.settings import Settings
from printflow_reliability.storage.clients import s3_client
from printflow_reliability_tests.stack.conftest import StackSandbox

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


BUCKETS = ("print-files", "print-files-replica")
FILES = 30
GRACE_OVER = 2.1
"""Seconds until objects are older than the shop's grace period, to the second that S3 dates them by."""
QUERY = "SELECT tenant, owner, key, size, sha256, soft_deleted FROM stack_files -- a comment at the end;"
SCHEMA = """
DROP TABLE IF EXISTS stack_files, stack_tenants;
CREATE TABLE stack_tenants (tenant uuid, base_path text);
CREATE TABLE stack_files (tenant uuid, owner text, key text, size bigint, sha256 text, soft_deleted boolean);
"""


@dataclass
class Shop:
    """Two tenants of the test's own, with their objects and rows, beside whatever else the sandbox holds."""

    sandbox: StackSandbox
    tenant: str = field(default_factory=lambda: str(uuid.uuid4()))
    neighbour: str = field(default_factory=lambda: str(uuid.uuid4()))
    touched: set[str] = field(default_factory=set)

    @cached_property
    def settings(self) -> Settings:
        """The sandbox's settings with the shop's own catalog."""
        all_of = self.sandbox.settings
        reference = all_of.reference[0].model_copy(
            update={"name": "stack file", "cluster": "live_db", "bucket": "print-files", "query": QUERY}
        )
        return all_of.model_copy(
            update={
                "tenancy": all_of.tenancy.model_copy(
                    update={"cluster": "live_db", "tenants": "SELECT tenant, base_path FROM stack_tenants"}
                ),
                "reference": (reference.model_copy(update={"kind": "print-ready", "database": None}),),
                "files": all_of.files.model_copy(update={"orphan_grace_seconds": 1.0}),
            }
        )

    @cached_property
    def clients(self) -> Mapping[str, "S3Client"]:
        """What the platform writes with."""
        home = self.sandbox.home
        secrets = {
            "access_key_id": home.secret("s3-app.key"),
            "secret_access_key": home.secret("s3-app.secret"),  # the application's own
        }
        return {name: s3_client(self.settings.bucket_named(name).model_copy(update=secrets)) for name in BUCKETS}

    def path(self, name: str, tenant: str | None = None) -> str:
        """A key below a tenant's base path."""
        return f"stack/{tenant or self.tenant}/{name}"

    def put(self, key: str, body: bytes = b"%PDF-1.4", buckets: tuple[str, ...] = BUCKETS) -> str:
        """Write an object, also into the replica."""
        self.touched.add(key)
        for name in buckets:
            self.clients[name].put_object(Bucket=name, Key=key, Body=body)
        return key

    def refer(self, key: str, **columns: Any) -> str:
        """A row that names a key."""
        row = {"tenant": self.tenant, "owner": f"file {key[-20:]}", "size": None, "sha256": None, "soft_deleted": False}
        row |= columns
        with postgres.superuser(self.sandbox.home, "live_db", "live_db") as connection:
            connection.execute(
                "INSERT INTO stack_files VALUES"
                " (%(tenant)s, %(owner)s, %(key)s, %(size)s, %(sha256)s, %(soft_deleted)s)",
                row | {"key": key},
            )
        return key

    def delete(self, key: str) -> None:
        """What an application's delete does: a marker over good versions."""
        self.clients["print-files"].delete_object(Bucket="print-files", Key=key)

    def destroy(self, key: str, *buckets: str) -> None:
        """End every version of a key."""
        for name in buckets:
            listed = self.clients[name].list_object_versions(Bucket=name, Prefix=key)
            for version in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
                if version["Key"] == key:
                    self.clients[name].delete_object(Bucket=name, Key=key, VersionId=version["VersionId"])

    def forget(self, key: str) -> None:
        """Leave nothing of a key that a later pass over all tenants would see."""
        self.destroy(key, "print-files")
        self.clients["print-files-replica"].delete_object(Bucket="print-files-replica", Key=key)

    def reconcile(self, **options: Any) -> ReconcileReport:
        """One pass over the first tenant."""
        return reconcile(self.settings, tenants=[self.tenant], **options)


@pytest.fixture
def shop(sandbox: StackSandbox) -> Iterator[Shop]:
    made = Shop(sandbox)
    with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
        connection.execute(SCHEMA)
        for tenant in (made.tenant, made.neighbour):
            connection.execute("INSERT INTO stack_tenants VALUES (%s, %s)", (tenant, f"stack/{tenant}/"))
        with connection.cursor().copy("COPY stack_files FROM STDIN") as copy:
            for n in range(FILES):
                copy.write_row((made.tenant, f"file {n}", made.path(f"{n}.pdf"), 8, None, False))
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(made.put, (made.path(f"{n}.pdf") for n in range(FILES))))
        try:
            yield made
        finally:
            with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
                connection.execute("DROP TABLE stack_files, stack_tenants")
            list(pool.map(made.forget, made.touched))


def by_key(path: Path) -> dict[str, Finding]:
    found = [Finding(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len({finding.key for finding in found}) == len(found)
    return {finding.key or "": finding for finding in found}
