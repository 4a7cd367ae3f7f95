"""Who may do what at the foreign platform's S3 server."""

import json
from collections.abc import Mapping
from pathlib import Path

from printflow_reliability.sandbox.seaweedfs import AUDIT, policy

LOCK = ("GetBucketObjectLockConfiguration", "PutObjectRetention", "GetObjectRetention")
TEMPLATES = Path(__file__).parents[3] / "deploy" / "platform" / "iam"
TEMPLATE_PREFIX = "template"
"""How the buckets begin that the identities of the templates are for; a test makes them, and removes them."""


def s3_identities(passwords: Mapping[str, str], bucket: str, reports: str, dumps: str) -> Mapping[str, object]:
    """The storefront may do everything; the watcher reads its bucket, and writes reports and dumps.

    The auditor reads the configuration of its bucket and of the place of orphans.
    Each policy of the templates has an identity of its name.
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
    policies = {"auditor": json.dumps(policy({bucket: AUDIT, reports: AUDIT}))}
    for template in sorted(TEMPLATES.glob("*.json")):
        name = f"{TEMPLATE_PREFIX}-{template.stem}"
        keys = {"accessKey": name, "secretKey": passwords["s3-watcher"]}
        identities.append({"name": name, "credentials": [keys], "policyNames": [name]})
        policies[name] = template.read_text(encoding="utf-8").replace("@BUCKET_PREFIX@", TEMPLATE_PREFIX)
    return {
        "identities": identities,
        "policies": [{"name": name, "content": content} for name, content in policies.items()],
    }
