"""Copies of the sandbox's configuration for tests: with other settings, and as somebody else left them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from printflow_reliability.config_backup.backup import back_up
from printflow_reliability.config_backup.manifest import ARCHIVE, Manifest
from printflow_reliability.config_backup.report import ConfigReport
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.dumped import BUCKET


def changed(settings: Settings, **values: Any) -> Settings:
    """The settings with other values in [config_backup]."""
    assert settings.config_backup is not None
    return settings.model_copy(update={"config_backup": settings.config_backup.model_copy(update=values)})


def copy_of(sandbox: StackSandbox, settings: Settings | None = None, **values: Any) -> ConfigReport:
    """Take a copy of the sandbox, with other values in [config_backup]; without Dagster's storage, to be quick."""
    settings = settings or sandbox.settings
    dagster = settings.dagster.model_copy(update={"storage_url": None})
    return back_up(changed(settings.model_copy(update={"dagster": dagster}), **values), sandbox.config)


def body_of(sandbox: StackSandbox, manifest: Manifest) -> bytes:
    """The object of a copy as it lies in the bucket."""
    s3 = seaweedfs.client(sandbox.home, BUCKET)
    return s3.get_object(Bucket=BUCKET, Key=manifest.key, VersionId=manifest.version_id)["Body"].read()


@contextmanager
def forged(
    sandbox: StackSandbox, manifest: Manifest, change: Callable[[bytes], bytes] = lambda body: body, **said: Any
) -> Iterator[Manifest]:
    """A later copy, changed, whose manifest says what is wanted; not locked, and gone after the block."""
    s3 = seaweedfs.client(sandbox.home, BUCKET)
    body = change(body_of(sandbox, manifest))
    key = manifest.key.removesuffix(ARCHIVE) + "-forged" + ARCHIVE
    version = s3.put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"]
    made = replace(manifest, **{"key": key, "version_id": version, "bytes": len(body), **said})
    s3.put_object(Bucket=BUCKET, Key=made.manifest_key, Body=made.text().encode())
    try:
        yield made
    finally:
        for name in (key, made.manifest_key):
            for found in s3.list_object_versions(Bucket=BUCKET, Prefix=name).get("Versions", ()):
                s3.delete_object(Bucket=BUCKET, Key=name, VersionId=found["VersionId"])


def outcomes(report: ConfigReport) -> dict[str, str]:
    """The checks' outcomes by name."""
    return {check.check: json.loads(json.dumps(check.outcome)) for check in report.checks}
