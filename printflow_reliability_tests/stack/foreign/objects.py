"""The foreign platform's objects: which there are, and one that is away for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from printflow_reliability_tests.stack.foreign.build import BUCKET
from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform


def keys(foreign: ForeignPlatform) -> list[str]:
    return sorted(item["Key"] for item in foreign.s3.list_objects_v2(Bucket=BUCKET)["Contents"])


@contextmanager
def without(foreign: ForeignPlatform, key: str) -> Iterator[None]:
    """The current version of an object is deleted for the block; it is back afterwards, healed or not."""
    body = foreign.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    foreign.s3.delete_object(Bucket=BUCKET, Key=key)
    try:
        yield
    finally:
        foreign.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
