"""A bucket and tables of a test's own, with every column that a reference query may return."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.files.report import ReconcileReport
from printflow_reliability.findings import Finding
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.clients import s3_client
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.shelf_site import Site, in_sandbox
from printflow_reliability_tests.stack.shop import GRACE_OVER

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COLUMNS = ("tenant", "owner", "key", "bucket", "size", "sha256", "md5", "etag", "soft_deleted")
TENANTS = ("1", "2", "3")
REFERENCE = "shelf file"
SEALED: dict[str, Any] = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"a key that the customer keeps..."}
"""How an object is written that only its customer's own key opens."""


@dataclass
class Shelf:
    """Three tenants below `shops/`, nothing else; what is not given of a row is NULL.

    Attributes:
        endpoint: where the product reaches the bucket, if not at the server itself.
    """

    site: Site
    bucket: str
    endpoint: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def admin(self) -> BucketSettings:
        """The bucket, with a key that may do everything."""
        admin = self.site.admin
        healing = {"heal_access_key_id": admin.access_key_id, "heal_secret_access_key": admin.secret_access_key}
        return admin.model_copy(update={"name": self.bucket, "bucket": self.bucket, "replica": None, **healing})

    @cached_property
    def s3(self) -> "S3Client":
        """A client that may do everything."""
        return s3_client(self.admin)

    @property
    def settings(self) -> Settings:
        """The platform's, with this bucket, these tables and no other."""
        base, layout = self.site.settings, self.site.layout
        bucket = self.admin.model_copy(update={"endpoint_url": self.endpoint} if self.endpoint else {})
        entry = {
            "name": REFERENCE,
            "cluster": self.site.cluster,
            "database": self.site.database,
            "bucket": self.bucket,
            "kind": "print-ready",
        }
        reference = base.reference[0].model_copy(update=entry | {"query": layout.files})
        tenancy = {"cluster": self.site.cluster, "tenants": layout.tenants}
        files = {"orphan_grace_seconds": 1.0, "max_missing_fraction": 0.9}
        return base.model_copy(
            update={
                "bucket": (*base.bucket, bucket),
                "reference": (reference,),
                "tenancy": base.tenancy.model_copy(update=tenancy),
                "files": base.files.model_copy(update=files),
                **self.changes,
            }
        )

    def execute(self, statement: str, values: Any = ()) -> None:
        """Run a statement in the tenants' database."""
        with self.site.connect(None) as connection:
            connection.execute(statement.encode(), values)

    def put(self, key: str, body: bytes = b"%PDF-1.4", **options: Any) -> str:
        """Write an object; its ETag, without quotes."""
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **options)["ETag"].strip('"')

    def delete(self, key: str) -> None:
        """What an application's delete does."""
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def refer(self, key: str | None, **columns: Any) -> str:
        """A row that names a key, of tenant 1 unless told otherwise."""
        row = dict.fromkeys(COLUMNS) | {"tenant": TENANTS[0], "owner": f"file {key}", "key": key} | columns
        with self.site.connect(self.site.database) as connection:
            connection.execute(self.site.layout.add_file.encode(), row)
        return key or ""

    def admit(self, tenant: str | None, base_path: str | None) -> None:
        """A row of a tenant."""
        self.execute(self.site.layout.add_tenant, (tenant, base_path))

    def stock(self, key: str, body: bytes = b"%PDF-1.4", **columns: Any) -> str:
        """An object and a row that names it."""
        self.put(key, body)
        return self.refer(key, **columns)

    def findings(self, directory: Path, **options: Any) -> tuple[ReconcileReport, list[Finding]]:
        """A pass, once everything is older than the grace period."""
        time.sleep(GRACE_OVER)
        file = directory / "findings.jsonl"
        report = reconcile(self.settings, findings_file=file, **options)
        assert report.findings_file == file, report.checks[0].detail
        with file.open(encoding="utf-8") as lines:  # a key may hold what str.splitlines takes for the end of one
            return report, [Finding(**json.loads(line)) for line in lines]


@contextmanager
def shelf_of(sandbox: StackSandbox, name: str, *, versioned: bool = True) -> Iterator[Shelf]:
    """An empty shelf in the sandbox; as `shelf_at`."""
    with shelf_at(in_sandbox(sandbox), name, versioned=versioned) as shelf:
        yield shelf


@contextmanager
def shelf_at(site: Site, name: str, *, versioned: bool = True) -> Iterator[Shelf]:
    """An empty shelf; its bucket, its tables, and what passes remember of it, are gone afterwards."""
    shelf, layout = Shelf(site, f"{name[:50].strip('-')}-{uuid.uuid4().hex[:8]}"), site.layout
    shelf.s3.create_bucket(Bucket=shelf.bucket)
    if versioned:
        shelf.s3.put_bucket_versioning(Bucket=shelf.bucket, VersioningConfiguration={"Status": "Enabled"})
    with site.connect(site.database) as connection:
        connection.execute(layout.make_files.encode())
    shelf.execute(layout.make_tenants)
    for tenant in TENANTS:
        shelf.admit(tenant, f"shops/{tenant}/")
    try:
        yield shelf
    finally:
        with site.connect(site.database) as connection:
            connection.execute(layout.drop_files.encode())
        shelf.execute(layout.drop_tenants)
        with open_records(site.settings.records) as records:
            records.execute("DELETE FROM reference_rows WHERE reference = %s", (REFERENCE,))
        _remove(shelf)


def _remove(shelf: Shelf) -> None:
    """Free the disk. A key with control characters is listed as another one, and its bucket stays."""
    for page in shelf.s3.get_paginator("list_object_versions").paginate(Bucket=shelf.bucket):
        for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            shelf.s3.delete_object(Bucket=shelf.bucket, Key=version["Key"], VersionId=version["VersionId"])
    with suppress(ClientError):
        shelf.s3.delete_bucket(Bucket=shelf.bucket)
