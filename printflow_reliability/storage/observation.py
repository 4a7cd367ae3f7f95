"""One look at a bucket: whether it answers to our key, and whether anything is in it."""

from dataclasses import dataclass

from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_client, s3_errors


@dataclass(frozen=True)
class ObservedBucket:
    """A bucket as it answered."""

    empty: bool


def observe_bucket(bucket: BucketSettings) -> ObservedBucket:
    """Look at a bucket.

    Raises:
        ConfigError: its ca_file cannot be used.
        CouldNotTell: it does not answer, or refuses the key.
    """
    with s3_errors(bucket):
        return ObservedBucket(s3_client(bucket).list_objects_v2(Bucket=bucket.bucket, MaxKeys=1)["KeyCount"] == 0)
