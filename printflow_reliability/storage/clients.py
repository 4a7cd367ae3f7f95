"""The one place that makes S3 clients, and that turns what S3 answers into "could not tell" for a person."""

import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.handlers import add_expect_header
from botocore.parsers import ResponseParserError
from obstore.exceptions import BaseError as ObstoreError
from obstore.store import S3Store
from urllib3.exceptions import HTTPError

from printflow_reliability import tls
from printflow_reliability.errors import ConfigError
from printflow_reliability.kept_connections import shared_client
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage import pace, silence
from printflow_reliability.storage.objects import NotOfS3
from printflow_reliability.storage.refusals import answered, not_answered

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 5
READ_SECONDS = 10
"""For an answer, or for a part of a long one. A silent server must be known within a minute."""
ATTEMPTS = 5
"""Tries of one request, with jittered back-off between them, before the outcome is unknown."""
KEPT = 32
"""Connections to one server that are kept for the next request."""
_MAKING = threading.Lock()

tls.install()
pace.install()
# Its warnings hold the addresses that were signed.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


def s3_client(bucket: BucketSettings, *, attempts: int | None = None) -> "S3Client":
    """A boto3 client for a bucket's endpoint and credentials: versions, locks, configuration.

    Args:
        bucket: where.
        attempts: tries of one request, if not as many as usual.
    """
    return shared_client(("S3", bucket, attempts), partial(new_s3_client, bucket, attempts=attempts))


def new_s3_client(bucket: BucketSettings, *, attempts: int | None = None) -> "S3Client":
    """The same for whoever changes how it works: nobody else gets it, and nobody keeps it."""
    with _MAKING:  # the session that all threads share is not theirs at the same time
        client = boto3.client(
            "s3",
            endpoint_url=bucket.endpoint_url,
            region_name=bucket.region,
            aws_access_key_id=bucket.access_key_id,
            aws_secret_access_key=bucket.secret_access_key,
            verify=_ca_file(bucket),
            config=Config(
                signature_version="s3v4",  # URLs signed in advance would be SigV2 otherwise
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": attempts or ATTEMPTS},
                s3={"addressing_style": "path" if bucket.endpoint_url else "auto"},
                max_pool_connections=KEPT,
            ),
        )
    # An answer to "Expect: 100-continue" would be read without a limit.
    client.meta.events.unregister("before-call.s3", add_expect_header)
    silence.watch(client, bucket)
    return client


def s3_store(bucket: BucketSettings) -> S3Store:
    """An obstore store for a bucket: fast listings and reads."""
    options: dict[str, str] = {"bucket": bucket.bucket, "region": bucket.region}
    if bucket.endpoint_url:
        options["endpoint"] = bucket.endpoint_url
        options["virtual_hosted_style_request"] = "false"
    if bucket.access_key_id and bucket.secret_access_key:
        options["access_key_id"] = bucket.access_key_id
        options["secret_access_key"] = bucket.secret_access_key
    client: dict[str, object] = {
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "timeout": timedelta(seconds=READ_SECONDS),
    }
    if ca_file := _ca_file(bucket):
        client["root_certificate"] = Path(ca_file).read_bytes()
    return S3Store(
        config=options,  # type: ignore[arg-type]
        client_options=client,  # type: ignore[arg-type]
        retry_config={"max_retries": ATTEMPTS - 1, "retry_timeout": timedelta(seconds=READ_SECONDS)},
    )


def s3_pool(bucket: BucketSettings) -> urllib3.PoolManager:
    """Connections for requests that boto3 signed and that it would be too slow to read; retries what may pass."""
    return urllib3.PoolManager(
        ca_certs=_ca_file(bucket),
        cert_reqs="CERT_REQUIRED",
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        maxsize=KEPT,
        retries=silence.Retries.of(
            bucket,
            total=ATTEMPTS - 1,
            redirect=0,
            backoff_factor=0.2,
            backoff_jitter=0.2,
            status_forcelist=(429, 500, 502, 503, 504),
            raise_on_status=False,
        ),
    )


def _ca_file(bucket: BucketSettings) -> str | None:
    """Raises:
    ConfigError: it cannot be used; a client would say that the server cannot be trusted.
    """
    if bucket.ca_file is None:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=bucket.ca_file)
    except FileNotFoundError:
        problem = f"there is no file {bucket.ca_file}"
    except ssl.SSLError:
        problem = f"{bucket.ca_file} holds no certificates"
    except OSError as unreadable_file:
        problem = f"{bucket.ca_file} cannot be read ({unreadable_file.strerror})"
    else:
        return str(bucket.ca_file)
    raise ConfigError(
        f'ca_file of bucket "{bucket.name}": {problem}', "name a file with the certificate of the server's authority"
    )


@contextmanager
def s3_errors(bucket: BucketSettings) -> Iterator[None]:
    """Turn every S3 failure inside the block into CouldNotTell; catch a 404 that means something before this does.

    What this machine's own disk refuses is no failure of S3 and stays what it is.
    """
    try:
        yield
    except ClientError as error:
        raise answered(bucket, error.response.get("Error", {}).get("Code", "?")) from None
    except ResponseParserError:
        raise not_answered(bucket, NotOfS3()) from None
    except (BotoCoreError, ObstoreError, HTTPError, ConnectionError, TimeoutError, ssl.SSLError) as error:
        raise not_answered(bucket, error) from None
