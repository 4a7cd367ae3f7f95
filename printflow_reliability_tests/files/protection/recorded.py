"""Recorded answers of AWS to what `files protect` asks, in the form of its API reference; played back by botocore.

SeaweedFS has neither replication nor a public access block: what AWS says of them is known from here only.
"""

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.stub import Stubber

from printflow_reliability.files.protection.configuration import Answer, BucketConfiguration, read_configuration
from printflow_reliability.settings import BucketSettings

BUCKET = BucketSettings(name="print-files", bucket="acme-print-files", region="eu-central-1")
REPLICA = BucketSettings(name="copies", bucket="acme-print-files-copies", region="eu-west-1")
OWNER = {"DisplayName": "acme", "ID": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}
OPERATIONS = (
    "get_bucket_versioning",
    "get_object_lock_configuration",
    "get_bucket_replication",
    "get_bucket_lifecycle_configuration",
    "get_bucket_policy",
    "get_bucket_policy_status",
    "get_bucket_acl",
    "get_public_access_block",
    "get_bucket_encryption",
)
"""What is asked, in this order."""
REPLICATED = {
    "ID": "everything",
    "Priority": 1,
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "DeleteMarkerReplication": {"Status": "Disabled"},
    "Destination": {"Bucket": "arn:aws:s3:::acme-print-files-copies"},
}
BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
PROTECTED: Mapping[str, Any] = {
    "get_bucket_versioning": {"Status": "Enabled"},
    "get_object_lock_configuration": {
        "ObjectLockConfiguration": {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 400}},
        }
    },
    "get_bucket_replication": {
        "ReplicationConfiguration": {"Role": "arn:aws:iam::123456789012:role/copies", "Rules": [REPLICATED]}
    },
    "get_bucket_lifecycle_configuration": "NoSuchLifecycleConfiguration",
    "get_bucket_policy": "NoSuchBucketPolicy",
    "get_bucket_policy_status": "NoSuchBucketPolicy",
    "get_bucket_acl": {
        "Owner": OWNER,
        "Grants": [{"Grantee": {**OWNER, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}],
    },
    "get_public_access_block": {"PublicAccessBlockConfiguration": BLOCKED},
    "get_bucket_encryption": {
        "ServerSideEncryptionConfiguration": {
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
        }
    },
}
"""A bucket of AWS that is protected in every way; a text is the code of an error."""
STATUS = {"AccessDenied": 403, "NotImplemented": 501, "NoSuchBucket": 404, "InternalError": 500}


def said(*, stranger: int = 403, **other: Any) -> BucketConfiguration:
    """What is read of the protected bucket, where it answers otherwise than `PROTECTED` to these operations."""
    client = boto3.client(
        "s3",
        region_name="eu-central-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="example",
    )
    answers = {**PROTECTED, **other}
    with Stubber(client) as stubber:
        for operation in OPERATIONS:
            answer = answers[operation]
            if isinstance(answer, str):
                stubber.add_client_error(operation, answer, http_status_code=STATUS.get(answer, 404))
            else:
                stubber.add_response(operation, answer, {"Bucket": BUCKET.bucket})
        return read_configuration(BUCKET, client=client, anonymous=lambda _: Answer({"status": stranger}))
