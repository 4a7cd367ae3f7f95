"""Addresses of objects as people and programs write them: s3://BUCKET/KEY, where BUCKET is printflow.toml's name."""

from printflow_reliability.errors import ConfigError

SCHEME = "s3://"


def bucket_and_key(address: str) -> tuple[str, str]:
    """The bucket's name and the exact key of an address.

    Raises:
        ConfigError: it names no object.
    """
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    if not address.startswith(SCHEME) or not bucket or not key.strip("/"):
        raise ConfigError(f"{address} names no object", "write s3://BUCKET/KEY, with BUCKET as printflow.toml names it")
    return bucket, key
