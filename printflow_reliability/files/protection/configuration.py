"""What a store says of one bucket: each part of its configuration, that there is none, or why it is not known.

Only the code that a store has for "not configured" means that. AccessDenied and NotImplemented are no answer, and must
never read as one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from urllib3.exceptions import HTTPError

from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage import silence
from printflow_reliability.storage.clients import s3_client, s3_errors, s3_pool
from printflow_reliability.storage.refusals import not_answered

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOT_CONFIGURED = (
    "ObjectLockConfigurationNotFoundError",
    "ReplicationConfigurationNotFoundError",
    "NoSuchLifecycleConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchBucketPolicy",
    "NoSuchPublicAccessBlockConfiguration",
)
"""What AWS, and SeaweedFS, answers where there is no such configuration."""
NOT_IMPLEMENTED = ("NotImplemented", "MethodNotAllowed", "501", "405")
REFUSED = ("AccessDenied", "AllAccessDisabled", "403")
NO_BUCKET = ("NoSuchBucket", "404")


@dataclass(frozen=True)
class Answer:
    """What a store answered.

    Attributes:
        value: the configuration; empty where there is none.
        reason: why it is not known; empty where it is.
        lacking: it is not known since the store has no such feature.
    """

    value: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    lacking: bool = False

    @property
    def known(self) -> bool:
        """Whether the store told."""
        return not self.reason


@dataclass(frozen=True)
class BucketConfiguration:
    """Everything about one bucket that protects its objects.

    `anonymous` is what a LIST without any signature was answered: its `status`, as a number.
    """

    versioning: Answer
    lock: Answer
    replication: Answer
    lifecycle: Answer
    policy: Answer
    policy_status: Answer
    acl: Answer
    block: Answer
    encryption: Answer
    anonymous: Answer


def read_configuration(
    bucket: BucketSettings,
    *,
    client: "S3Client | None" = None,
    anonymous: Callable[[BucketSettings], Answer] | None = None,
) -> BucketConfiguration:
    """Ask a store about a bucket.

    Args:
        bucket: which.
        client: asks instead of the bucket's own client.
        anonymous: asks without a signature instead.

    Raises:
        CouldNotTell: it does not answer, or knows no such bucket.
    """
    asking, name = client or _auditor(bucket), bucket.bucket
    with s3_errors(bucket):
        return BucketConfiguration(
            versioning=_ask(lambda: asking.get_bucket_versioning(Bucket=name), "s3:GetBucketVersioning"),
            lock=_ask(lambda: asking.get_object_lock_configuration(Bucket=name), "s3:GetBucketObjectLockConfiguration"),
            replication=_ask(lambda: asking.get_bucket_replication(Bucket=name), "s3:GetReplicationConfiguration"),
            lifecycle=_lifecycle(asking, name),
            policy=_ask(lambda: asking.get_bucket_policy(Bucket=name), "s3:GetBucketPolicy"),
            policy_status=_ask(lambda: asking.get_bucket_policy_status(Bucket=name), "s3:GetBucketPolicyStatus"),
            acl=_ask(lambda: asking.get_bucket_acl(Bucket=name), "s3:GetBucketAcl"),
            block=_ask(lambda: asking.get_public_access_block(Bucket=name), "s3:GetBucketPublicAccessBlock"),
            encryption=_ask(lambda: asking.get_bucket_encryption(Bucket=name), "s3:GetEncryptionConfiguration"),
            anonymous=(anonymous or _as_a_stranger)(bucket),
        )


def lifecycle_of(bucket: BucketSettings) -> Answer:
    """The lifecycle rules of a bucket.

    Raises:
        CouldNotTell: it does not answer, or knows no such bucket.
    """
    with s3_errors(bucket):
        return _lifecycle(_auditor(bucket), bucket.bucket)


def _lifecycle(asking: "S3Client", name: str) -> Answer:
    return _ask(lambda: asking.get_bucket_lifecycle_configuration(Bucket=name), "s3:GetLifecycleConfiguration")


def _auditor(bucket: BucketSettings) -> "S3Client":
    """A client with the key that may read the configuration, where there is one."""
    if not bucket.audit_access_key_id:
        return s3_client(bucket)
    keys = {"access_key_id": bucket.audit_access_key_id, "secret_access_key": bucket.audit_secret_access_key}
    return s3_client(bucket.model_copy(update=keys))


def _ask(request: Callable[[], Any], permission: str) -> Answer:
    """Raises:
    ClientError: there is no such bucket.
    """
    try:
        return Answer(request())
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "?")
        if code in NO_BUCKET:
            raise
    if code in NOT_CONFIGURED:
        return Answer()
    if code in NOT_IMPLEMENTED:
        return Answer(reason=f"the store has no such feature ({code})", lacking=True)
    if code in REFUSED:
        return Answer(
            reason=f"the key may not ask ({code}); grant it {permission}, or name one that may: audit_access_key_id"
        )
    return Answer(reason=f"the store answered {code}")


def _as_a_stranger(bucket: BucketSettings) -> Answer:
    """What the store answers to a LIST that nobody signed.

    Raises:
        CouldNotTell: it does not answer.
    """
    signed = s3_client(bucket).generate_presigned_url("list_objects_v2", Params={"Bucket": bucket.bucket})
    silence.require_no_silence(bucket)
    try:
        reply = s3_pool(bucket).request("GET", f"{signed.partition('?')[0]}?list-type=2&max-keys=1")
    except HTTPError as error:
        raise not_answered(bucket, error) from None
    silence.heard_from(bucket)
    return Answer({"status": reply.status})
