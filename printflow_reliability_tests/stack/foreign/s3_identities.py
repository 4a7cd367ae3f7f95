"""Who may do what at the foreign platform's S3 server."""

import json
from collections.abc import Mapping
from typing import Any

from printflow_reliability.sandbox.seaweedfs import CHANGE, LOOK, policy


def s3_identities(passwords: Mapping[str, str], bucket: str, reports: str, dumps: str) -> Mapping[str, Any]:
    """The storefront may do everything; the watcher reads its bucket, and writes reports and dumps."""
    may = {bucket: LOOK, reports: (*LOOK, *CHANGE), dumps: (*LOOK, *CHANGE)}
    rights: Mapping[str, Mapping[str, object]] = {
        "storefront": {"actions": ["Admin", "Read", "List", "Write", "Tagging"]},
        "watcher": {"policyNames": ["watcher"]},
    }
    identities = [
        {"name": name, "credentials": [{"accessKey": name, "secretKey": passwords[f"s3-{name}"]}], **right}
        for name, right in rights.items()
    ]
    return {"identities": identities, "policies": [{"name": "watcher", "content": json.dumps(policy(may))}]}
