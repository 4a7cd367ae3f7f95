"""Why a bucket could not be read, in words: the cause, and what to look at; never an address that was signed."""

import urllib3.exceptions as http
from botocore import exceptions as s3

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import BucketSettings

CAUSES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((http.NameResolutionError,), "the name of its server is not known"),
    ((http.NewConnectionError, s3.EndpointConnectionError), "nobody accepts connections at its address"),
    ((http.ConnectTimeoutError, s3.ConnectTimeoutError), "no connection in time"),
    ((http.ReadTimeoutError, s3.ReadTimeoutError, TimeoutError), "no answer in time"),
    ((http.SSLError, s3.SSLError), "no TLS with its server"),
    ((http.ProtocolError, s3.ConnectionClosedError, ConnectionError), "its server ended the connection in mid-answer"),
)
"""Errors of the connection, the more exact first: what to say of them."""
TIMED_OUT = (http.TimeoutError, s3.ReadTimeoutError, s3.ConnectTimeoutError, TimeoutError)
CREDENTIALS = (s3.NoCredentialsError, s3.PartialCredentialsError, s3.CredentialRetrievalError)
NAMES = (s3.ParamValidationError, s3.InvalidRegionError)
REFUSED = ("AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch")
LONGEST = 300
"""Characters of somebody else's sentence that are shown."""


def not_answered(bucket: BucketSettings, error: Exception) -> CouldNotTell:
    """What to tell a person when a bucket does not answer."""
    key = f'bucket "{bucket.name}" in printflow.toml'
    if isinstance(error, CREDENTIALS):
        return _unreadable(bucket, str(error), f"give access_key_id and secret_access_key of {key}")
    if isinstance(error, NAMES):
        return _unreadable(bucket, str(error), f"check `bucket` and `region` of {key}")
    cause = _innermost(error)
    said = next((words for kinds, words in CAUSES if isinstance(cause, kinds)), None)
    if said and bucket.endpoint_url:
        said = f"{said} ({bucket.endpoint_url})"
    if isinstance(cause, s3.SSLError | http.SSLError):
        detail = str(cause).partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        said = f"{said}: {detail}" if detail else said
        return _unreadable(bucket, said or "", f"check `endpoint_url` and `ca_file` of {key}")
    return _unreadable(
        bucket,
        said or (type(cause).__name__ if isinstance(cause, http.HTTPError) else str(cause)),
        f'is its server running, and is endpoint_url of bucket "{bucket.name}" right?',
    )


def answered(bucket: BucketSettings, code: str) -> CouldNotTell:
    """What to tell a person when a bucket answers with an error code."""
    return CouldNotTell(f"bucket {bucket.label} answered {code}", _next_step(bucket, code))


def timed_out(error: Exception) -> bool:
    """Whether a request failed because nothing was accepted, taken or sent in time."""
    cause = _innermost(error)
    # That nobody accepts connections is known at once, though urllib3 takes it for a kind of timeout.
    return isinstance(cause, TIMED_OUT) and not isinstance(cause, http.NewConnectionError)


def reason_for_key(error: s3.ClientError | s3.BotoCoreError) -> str:
    """What a failure says of the one key that was asked about, in a bucket that answers for others."""
    if isinstance(error, s3.ClientError):
        return f"the store answers {error.response.get('Error', {}).get('Code', '?')} for it"
    cause = _innermost(error)
    said = next((words for kinds, words in CAUSES if isinstance(cause, kinds)), "")
    return f"the store gives no answer for it: {said or ' '.join(str(cause).split())[:LONGEST]}"


def _innermost(error: Exception) -> Exception:
    """What urllib3 gave up for, and botocore after it; their own messages hold the address."""
    if isinstance(error, s3.BotoCoreError):
        wrapped = error.kwargs.get("error")
    elif isinstance(error, http.ProtocolError) and isinstance(error.args[-1], TimeoutError):
        wrapped = error.args[-1]  # a body that the server did not take
    else:
        wrapped = getattr(error, "reason", None)
    return _innermost(wrapped) if isinstance(wrapped, Exception) else error


def _unreadable(bucket: BucketSettings, reason: str, next_step: str) -> CouldNotTell:
    reason = " ".join(reason.split())[:LONGEST]
    return CouldNotTell(f"bucket {bucket.label} cannot be read: {reason}", next_step)


def _next_step(bucket: BucketSettings, code: str) -> str:
    if code in ("NoSuchBucket", "404"):
        return f'check `bucket` of bucket "{bucket.name}" in printflow.toml: the server knows no such bucket'
    if code in REFUSED:
        # A server tells nobody without access whether a bucket exists.
        return f'check the access key and `bucket` of bucket "{bucket.name}" in printflow.toml, and what the key may do'
    return "try again; if it stays so, look at the S3 server"
