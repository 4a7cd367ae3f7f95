"""Who may do what at the foreign platform's S3 server."""

import json
from collections.abc import Mapping

from printflow_reliability.sandbox.seaweedfs import AUDIT, policy

LOCK = ("GetBucketObjectLockConfiguration", "PutObjectRetention", "GetObjectRetention")


def s3_identities(passwords: Mapping[str, str], bucket: str, reports: str, dumps: str) -> Mapping[str, object]:
    """The storefront may do everything; the watcher reads its bucket, and writes reports and dumps.

    The auditor reads the configuration of the bucket.
    """
    watcher = [
        f"Read:{bucket}",
        f"List:{bucket}",
        *(f"{action}:{reports}" for action in ("Read", "List", "Write")),
        *(f"{action}:{dumps}" for action in ("Read", "List", "Write", *LOCK)),
    ]
    rights: Mapping[str, Mapping[str, object]] = {
        "storefront": {"actions": ["Admin", "Read", "List", "Write", "Tagging"]},
        "watcher": {"actions": watcher},
        "auditor": {"policyNames": ["auditor"]},
    }
    identities = [
        {"name": name, "credentials": [{"accessKey": name, "secretKey": passwords[f"s3-{name}"]}], **right}
        for name, right in rights.items()
    ]
    audit = json.dumps(policy({bucket: AUDIT}))
    return {"identities": identities, "policies": [{"name": "auditor", "content": audit}]}
