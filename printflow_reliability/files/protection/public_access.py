"""Can strangers read a bucket? Its policy, its ACL, its public access block, and what a stranger is answered."""

import json
from collections.abc import Mapping
from typing import Any

from printflow_reliability.checks import Outcome
from printflow_reliability.files.protection.configuration import BucketConfiguration
from printflow_reliability.files.protection.item import Item, s3api
from printflow_reliability.files.protection.judgement import not_told
from printflow_reliability.settings import BucketSettings

ACCESS, BLOCK = "public_access", "public_access_block"
SETTINGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
GROUPS = ("/AllUsers", "/AuthenticatedUsers")
"""How the groups end that AWS has for everybody, and for everybody who has any account."""
REFUSED = (401, 403)


def public_access(bucket: BucketSettings, found: BucketConfiguration) -> Item:
    """Whether a stranger can list or read now, by any way that is known."""
    blocked = _blocks_all(found)
    public = _asked_as_a_stranger(bucket, found) or (None if blocked else _by_policy_or_acl(bucket, found))
    if public is not None:
        return public
    if blocked:
        return Item(ACCESS, Outcome.PASS, "the public access block makes every policy and ACL for strangers void")
    for answer in (found.acl, found.policy if found.policy_status.lacking else found.policy_status):
        if not answer.known:
            return not_told(ACCESS, answer)
    if found.anonymous.value.get("status") not in REFUSED:
        said = f"a LIST without a signature was answered {found.anonymous.value.get('status')}, neither yes nor no"
        return Item(ACCESS, Outcome.UNKNOWN, found.anonymous.reason or said)
    return Item(ACCESS, Outcome.PASS, "no policy or ACL lets strangers in, and a LIST without a signature is refused")


def public_access_block(bucket: BucketSettings, found: BucketConfiguration) -> Item:
    """Whether somebody could make the bucket public by mistake."""
    if not found.block.known:
        return not_told(BLOCK, found.block)
    if _blocks_all(found):
        return Item(BLOCK, Outcome.PASS, "nobody can make the bucket public by mistake")
    off = [name for name in SETTINGS if not _blocks(found).get(name)]
    detail = "is not set" if len(off) == len(SETTINGS) else f"leaves out {', '.join(off)}"
    return Item(
        BLOCK,
        Outcome.WARN,
        f"the bucket's public access block {detail}: a single policy or ACL would let strangers in, unless the "
        "account's own block is on",
        s3api(
            bucket,
            "put-public-access-block",
            *("--public-access-block-configuration", ",".join(f"{name}=true" for name in SETTINGS)),
        ),
    )


def _asked_as_a_stranger(bucket: BucketSettings, found: BucketConfiguration) -> Item | None:
    if found.anonymous.value.get("status") != 200:
        return None
    return _public(bucket, "anybody can list the bucket: a LIST without a signature was answered")


def _by_policy_or_acl(bucket: BucketSettings, found: BucketConfiguration) -> Item | None:
    by_status = found.policy_status.value.get("PolicyStatus", {}).get("IsPublic")
    if by_status or (by_status is None and _allows_everybody(str(found.policy.value.get("Policy", "")))):
        return _public(bucket, "the bucket's policy lets strangers in")
    for grant in found.acl.value.get("Grants", ()):
        group = str(grant.get("Grantee", {}).get("URI", ""))
        if group.endswith(GROUPS):
            return Item(
                ACCESS,
                Outcome.FAIL,
                f"the bucket's ACL grants {grant.get('Permission')} to {group.rpartition('/')[2]}",
                s3api(bucket, "put-bucket-acl", "--acl", "private"),
            )
    return None


def _public(bucket: BucketSettings, detail: str) -> Item:
    return Item(ACCESS, Outcome.FAIL, detail, s3api(bucket, "delete-bucket-policy"))


def _allows_everybody(policy: str) -> bool:
    """Whether a statement allows something to everybody without a condition; what is no policy allows nothing."""
    try:
        statements: Any = json.loads(policy).get("Statement", [])
    except (ValueError, AttributeError):
        return False
    return any(
        statement.get("Effect") == "Allow" and not statement.get("Condition") and _everybody(statement.get("Principal"))
        for statement in ([statements] if isinstance(statements, Mapping) else statements)
    )


def _everybody(principal: Any) -> bool:
    if isinstance(principal, Mapping):
        return any(_everybody(named) for named in principal.values())
    return principal == "*" or (isinstance(principal, list) and "*" in principal)


def _blocks(found: BucketConfiguration) -> Mapping[str, Any]:
    blocks: Mapping[str, Any] = found.block.value.get("PublicAccessBlockConfiguration", {})
    return blocks


def _blocks_all(found: BucketConfiguration) -> bool:
    return all(_blocks(found).get(name) for name in SETTINGS)
