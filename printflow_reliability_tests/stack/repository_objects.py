"""Objects of a repository that are changed or gone for a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from printflow_reliability.sandbox import seaweedfs
from printflow_reliability.sandbox.pgbackrest import REPOSITORIES
from printflow_reliability_tests.stack.conftest import StackSandbox


@contextmanager
def tampered(
    sandbox: StackSandbox, repository: int, prefix: str, change: Callable[[bytes], bytes | None]
) -> Iterator[str]:
    """Change (or, for None, delete) the largest object below a prefix of a repository; put back what was there."""
    client, bucket = _client(sandbox, repository)
    listed = client.list_objects_v2(Bucket=bucket, Prefix=f"repo{repository}/{prefix}")["Contents"]
    key = max(listed, key=lambda item: item["Size"])["Key"]
    good = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    bad = change(good)
    try:
        if bad is None:
            client.delete_object(Bucket=bucket, Key=key)
        else:
            client.put_object(Bucket=bucket, Key=key, Body=bad)
        yield key
    finally:
        client.put_object(Bucket=bucket, Key=key, Body=good)


def backups_of(sandbox: StackSandbox, repository: int, stanza: str) -> list[str]:
    """The prefix of each backup of a stanza that a repository holds objects of now.

    Asked for by objects: SeaweedFS lists the folder of an expired backup as a common prefix after its objects are gone.
    """
    client, bucket = _client(sandbox, repository)
    top = f"repo{repository}/"
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{top}backup/{stanza}/2")
    keys = [found["Key"].removeprefix(top) for page in pages for found in page.get("Contents", ()) if found["Size"]]
    return sorted({"/".join(key.split("/")[:3]) + "/" for key in keys})


def _client(sandbox: StackSandbox, repository: int) -> tuple[Any, str]:
    bucket = REPOSITORIES[repository]
    client = boto3.client(
        "s3",
        endpoint_url=f"https://localhost:{sandbox.home.port(seaweedfs.BUCKETS[bucket])}",
        region_name=seaweedfs.region_of(bucket),
        aws_access_key_id=sandbox.home.secret("s3-backup.key"),
        aws_secret_access_key=sandbox.home.secret("s3-backup.secret"),
        verify=str(sandbox.home.path("certs", "ca.pem")),
    )
    return client, bucket


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
