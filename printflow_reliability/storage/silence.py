"""Servers that accept connections and never answer: each is waited for once, not once by every request.

Several requests in a row without any answer mean that the server hangs. From then on requests fail at once, until it is
time to ask it again; one answer ends that. So a command that asks many things of a silent server ends within a minute,
and one object that hangs while others are answered stays that one object's trouble. What has a body is counted apart
from HEAD: a server may still send the one and no longer the other.
"""

import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import urllib3
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ReadTimeoutError
from botocore.model import OperationModel
from urllib3 import BaseHTTPResponse

from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.pace import LEAST_BYTES
from printflow_reliability.storage.refusals import not_answered, timed_out

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

MOST_UNANSWERED = 3
"""Requests in a row without an answer, after which a server counts as silent."""
ASK_AGAIN_SECONDS = 30.0
"""How long a silent server is left alone."""
TRIES = 2
"""Tries of a request that is not answered in time; other failures pass sooner, and are tried more often."""


@dataclass
class _Server:
    """Requests in a row that were not answered, by method."""

    unanswered: Counter[str] = field(default_factory=Counter)
    last: float = 0.0

    def silent(self, method: str) -> bool:
        """Each method is tried at least once before it is believed to hang like others."""
        waited = self.unanswered[method] > 0 and self.unanswered.total() >= MOST_UNANSWERED
        return waited and time.monotonic() - self.last <= ASK_AGAIN_SECONDS


_servers: defaultdict[str, _Server] = defaultdict(_Server)
"""By address."""
_lock = threading.Lock()


def require_no_silence(bucket: BucketSettings, method: str = "GET") -> None:
    """Raises:
    CouldNotTell: the bucket's server is silent.
    """
    with _lock:
        silent = _servers[_address(bucket)].silent(method)
    if silent:
        raise not_answered(bucket, TimeoutError())


def not_heard_from(bucket: BucketSettings, method: str = "GET") -> None:
    """Count a request that was not answered in time."""
    with _lock:
        server = _servers[_address(bucket)]
        server.unanswered[method] += 1
        server.last = time.monotonic()


def heard_from(bucket: BucketSettings, method: str = "GET") -> None:
    """The server answered to the end, if only with an error."""
    with _lock:
        _servers[_address(bucket)].unanswered.pop(method, None)


def watch(client: "S3Client", bucket: BucketSettings) -> None:
    """Have a client's requests counted, and fail at once while the server is silent."""

    def before(request: AWSPreparedRequest, **_: object) -> None:
        require_no_silence(bucket, request.method)

    def after(
        caught_exception: Exception | None,
        attempts: int,
        request_dict: Mapping[str, str],
        operation: OperationModel,
        **_: object,
    ) -> None:
        method = request_dict["method"]
        if caught_exception is not None and timed_out(caught_exception):
            not_heard_from(bucket, method)
            if attempts >= TRIES:
                raise caught_exception
        elif caught_exception is None and not operation.has_streaming_output:
            heard_from(bucket, method)

    client.meta.events.register_first("before-send.s3", before)
    client.meta.events.register_first("needs-retry.s3", after)


def chunks(bucket: BucketSettings, body: "StreamingBody") -> Iterator[bytes]:
    """An object's bytes as they come; none is waited for longer than for any other answer.

    Raises:
        ReadTimeoutError: they stopped coming, or come drop by drop.
    """
    try:
        yield from body.iter_chunks(LEAST_BYTES)
    except ReadTimeoutError:
        not_heard_from(bucket)
        raise
    heard_from(bucket)


def receive(bucket: BucketSettings, body: "StreamingBody", target: BinaryIO, *, until: float = math.inf) -> bool:
    """Write an object's bytes to a file as they come; says whether all came before a moment of the monotonic clock.

    Raises:
        ReadTimeoutError: as `chunks`.
        OSError: they cannot be written.
    """
    for chunk in chunks(bucket, body):
        target.write(chunk)
        if time.monotonic() > until:
            return False
    return True


class Retries(urllib3.Retry):
    """The same for requests of a pool: those that are not answered in time are tried less often than others."""

    bucket: BucketSettings

    @classmethod
    def of(cls, bucket: BucketSettings, **given: Any) -> "Retries":
        """Retries for a bucket's server, with urllib3's own options."""
        retries = cls(**given)
        retries.bucket = bucket
        return retries

    def new(self, **given: Any) -> "Retries":
        """As urllib3 asks: the same with other counts."""
        retries = super().new(**given)
        retries.bucket = self.bucket
        return retries

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        *rest: Any,
        **named: Any,
    ) -> "Retries":
        """Raises:
        TimeoutError: urllib3's own; the request was tried often enough.
        """
        if error is not None and timed_out(error):
            not_heard_from(self.bucket)
            if sum(past.error is not None and timed_out(past.error) for past in self.history) + 1 >= TRIES:
                raise error
        return super().increment(method, url, response, error, *rest, **named)


def _address(bucket: BucketSettings) -> str:
    return bucket.endpoint_url or f"AWS {bucket.region}"
