"""Each protection of a bucket judged from what its store said: versions, locks, encryption, MFA."""

from typing import Any

from printflow_reliability.checks import Outcome
from printflow_reliability.files.protection.configuration import Answer, BucketConfiguration
from printflow_reliability.files.protection.item import Item, as_argument, s3api
from printflow_reliability.settings import BucketSettings
from printflow_reliability.text import counted

VERSIONING, LOCK, MFA, ENCRYPTION = "versioning", "object_lock", "mfa_delete", "encryption"
DAYS_OF_A_YEAR = 365


def not_told(name: str, answer: Answer) -> Item:
    """The item of what a store did not tell."""
    return Item(name, Outcome.UNKNOWN, answer.reason, lacking=answer.lacking)


def versions(bucket: BucketSettings, found: BucketConfiguration) -> Item:
    """Whether what is deleted or overwritten stays as a version."""
    if not found.versioning.known:
        return not_told(VERSIONING, found.versioning)
    status = found.versioning.value.get("Status")
    if status == "Enabled":
        return Item(VERSIONING, Outcome.PASS, "deleted and overwritten objects stay as versions")
    how = "is suspended" if status == "Suspended" else "was never enabled"
    return Item(
        VERSIONING,
        Outcome.FAIL,
        f"versioning {how}: what is deleted or overwritten now is gone for good",
        s3api(bucket, "put-bucket-versioning", "--versioning-configuration", "Status=Enabled"),
    )


def object_lock(bucket: BucketSettings, found: BucketConfiguration, longest_days: int) -> Item:
    """Whether versions cannot be deleted before their time; `longest_days` is the retention of backups."""
    if not found.lock.known:
        return not_told(LOCK, found.lock)
    days, mode = default_retention(found.lock)
    if days:
        return Item(LOCK, Outcome.PASS, f"every version is locked for {counted(days, 'day')} ({mode})")
    enabled = _lock_of(found.lock).get("ObjectLockEnabled") == "Enabled"
    why = "Object Lock is on without a default retention" if enabled else "there is no Object Lock"
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": longest_days}}
    return Item(
        LOCK,
        Outcome.WARN,
        f"{why}: whoever has a key that may delete versions can delete every object for good",
        s3api(
            bucket,
            "put-object-lock-configuration",
            *("--object-lock-configuration", as_argument({"ObjectLockEnabled": "Enabled", "Rule": rule})),
        ),
    )


def mfa_delete(bucket: BucketSettings, found: BucketConfiguration) -> Item:
    """Whether deleting versions takes a second factor, or a lock makes that unnecessary."""
    if not found.versioning.known:
        return not_told(MFA, found.versioning)
    if found.versioning.value.get("MFADelete") == "Enabled":
        return Item(MFA, Outcome.PASS, "deleting a version takes a second factor")
    if found.lock.known and default_retention(found.lock)[0]:
        return Item(MFA, Outcome.PASS, "MFA delete is off, and the default retention of Object Lock stands for it")
    return Item(
        MFA,
        Outcome.WARN,
        "MFA delete is off: a stolen key alone is enough to delete versions, or to suspend versioning",
        s3api(
            bucket,
            "put-bucket-versioning",
            *("--versioning-configuration", "Status=Enabled,MFADelete=Enabled", "--mfa", "SERIAL-OF-ROOT CODE"),
        ),
    )


def encryption(bucket: BucketSettings, found: BucketConfiguration) -> Item:
    """Whether what is written is encrypted at rest unless its writer says otherwise."""
    if not found.encryption.known:
        return not_told(ENCRYPTION, found.encryption)
    rules = found.encryption.value.get("ServerSideEncryptionConfiguration", {}).get("Rules", ())
    kinds = [
        algorithm
        for rule in rules
        if (algorithm := rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm"))
    ]
    if kinds:
        return Item(ENCRYPTION, Outcome.PASS, f"objects are encrypted at rest ({', '.join(kinds)})")
    default = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    return Item(
        ENCRYPTION,
        Outcome.WARN,
        "there is no default encryption: objects lie in plain text on the store's disks unless their writer asks",
        s3api(bucket, "put-bucket-encryption", "--server-side-encryption-configuration", as_argument(default)),
    )


def default_retention(lock: Answer) -> tuple[int, str]:
    """The days for which every new version is locked, and the mode; 0 where none is."""
    kept: dict[str, Any] = _lock_of(lock).get("Rule", {}).get("DefaultRetention", {})
    return kept.get("Days", 0) or kept.get("Years", 0) * DAYS_OF_A_YEAR, str(kept.get("Mode", ""))


def _lock_of(lock: Answer) -> dict[str, Any]:
    found: dict[str, Any] = lock.value.get("ObjectLockConfiguration", {})
    return found
