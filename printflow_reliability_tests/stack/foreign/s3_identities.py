"""Who may do what at the foreign platform's S3 server."""

from collections.abc import Mapping

LOCK = ("GetBucketObjectLockConfiguration", "PutObjectRetention", "GetObjectRetention")


def s3_identities(passwords: Mapping[str, str], bucket: str, reports: str, dumps: str) -> list[Mapping[str, object]]:
    """The storefront may do everything; the watcher reads its bucket, and writes reports and dumps."""
    actions = {"storefront": ["Admin", "Read", "List", "Write", "Tagging"]}
    actions["watcher"] = [
        f"Read:{bucket}",
        f"List:{bucket}",
        *(f"{action}:{reports}" for action in ("Read", "List", "Write")),
        *(f"{action}:{dumps}" for action in ("Read", "List", "Write", *LOCK)),
    ]
    return [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": passwords[f"s3-{name}"]}],
            "actions": allowed,
        }
        for name, allowed in actions.items()
    ]
