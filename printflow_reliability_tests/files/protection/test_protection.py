"""Each protection by recorded answers of AWS: what is well passes, each lack is found, no refusal reads as well."""

import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.protection import judgement
from printflow_reliability.files.protection.configuration import BucketConfiguration
from printflow_reliability.files.protection.item import Item
from printflow_reliability.files.protection.lifecycle import lifecycle, longest_retention
from printflow_reliability.files.protection.protect import BucketProtection, ProtectionReport, report
from printflow_reliability.files.protection.public_access import public_access, public_access_block
from printflow_reliability.files.protection.replication import LAG_SECONDS, Sample, Sampled, replication
from printflow_reliability.settings import BucketSettings
from printflow_reliability_tests.files.protection.recorded import (
    BLOCKED,
    BUCKET,
    OPERATIONS,
    OWNER,
    PROTECTED,
    REPLICA,
    REPLICATED,
    said,
)
from printflow_reliability_tests.minimal_settings import minimal_settings

LONGEST = 372
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
COPIED = Sample([Sampled("a.pdf", NOW - timedelta(days=1), True, "COMPLETED")], NOW)
ALL_BUT_BLOCKED: dict[str, Any] = {"get_public_access_block": "NoSuchPublicAccessBlockConfiguration"}


def items(
    found: BucketConfiguration, sample: Sample = COPIED, replica: BucketSettings | None = None
) -> dict[str, Item]:
    """Every item of a bucket, by its name."""
    made = (
        judgement.versions(BUCKET, found),
        judgement.object_lock(BUCKET, found, LONGEST),
        judgement.mfa_delete(BUCKET, found),
        lifecycle(BUCKET, found, LONGEST),
        replication(BUCKET, replica, found, sample),
        public_access(BUCKET, found),
        public_access_block(BUCKET, found),
        judgement.encryption(BUCKET, found),
    )
    return {item.name: item for item in made}


def rules(*made: dict[str, Any]) -> dict[str, Any]:
    return {"get_bucket_lifecycle_configuration": {"Rules": [{"Status": "Enabled", **rule} for rule in made]}}


def ends(days: int, **more: Any) -> dict[str, Any]:
    return {"ID": "ends", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": days}, **more}


def policy(**statement: Any) -> dict[str, Any]:
    return {"Policy": json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", **statement}]})}


def replicated(*made: dict[str, Any]) -> dict[str, Any]:
    return {"get_bucket_replication": {"ReplicationConfiguration": {"Role": "arn:x", "Rules": list(made)}}}


def test_a_bucket_that_is_protected_in_every_way_passes() -> None:
    found = items(said())
    assert {item.outcome for item in found.values()} == {Outcome.PASS}
    assert {item.command for item in found.values()} == {""}


LACKS: dict[str, tuple[dict[str, Any], str, Outcome]] = {
    "versioning that was never enabled": ({"get_bucket_versioning": {}}, "versioning", Outcome.FAIL),
    "suspended versioning": ({"get_bucket_versioning": {"Status": "Suspended"}}, "versioning", Outcome.FAIL),
    "no Object Lock": (
        {"get_object_lock_configuration": "ObjectLockConfigurationNotFoundError"},
        "object_lock",
        Outcome.WARN,
    ),
    "Object Lock without a default retention": (
        {"get_object_lock_configuration": {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}},
        "object_lock",
        Outcome.WARN,
    ),
    "no MFA delete and no lock": (
        {"get_object_lock_configuration": "ObjectLockConfigurationNotFoundError"},
        "mfa_delete",
        Outcome.WARN,
    ),
    "versions that end too early": (rules(ends(30)), "lifecycle", Outcome.FAIL),
    "versions that end a day too early": (rules(ends(LONGEST - 1)), "lifecycle", Outcome.FAIL),
    "versions below a prefix that end too early": (
        rules(ends(1, Filter={"Prefix": "tmp/"})),
        "lifecycle",
        Outcome.WARN,
    ),
    "versions below an old rule's prefix that end too early": (
        rules({key: value for key, value in ends(1, Prefix="tmp/").items() if key != "Filter"}),
        "lifecycle",
        Outcome.WARN,
    ),
    "a limit by size, which may cover everything": (
        rules(ends(1, Filter={"ObjectSizeGreaterThan": 1})),
        "lifecycle",
        Outcome.FAIL,
    ),
    "objects that end by themselves": (
        rules({"ID": "old", "Filter": {}, "Expiration": {"Days": 3650}}),
        "lifecycle",
        Outcome.FAIL,
    ),
    "a policy for everybody": (
        {**ALL_BUT_BLOCKED, "get_bucket_policy_status": {"PolicyStatus": {"IsPublic": True}}},
        "public_access",
        Outcome.FAIL,
    ),
    "a policy for everybody on a store without policy status": (
        {
            **ALL_BUT_BLOCKED,
            "get_bucket_policy_status": "NotImplemented",
            "get_bucket_policy": policy(Principal={"AWS": ["*"]}),
        },
        "public_access",
        Outcome.FAIL,
    ),
    "an ACL for everybody": (
        {
            **ALL_BUT_BLOCKED,
            "get_bucket_acl": {
                "Owner": OWNER,
                "Grants": [
                    {
                        "Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"},
                        "Permission": "READ",
                    }
                ],
            },
        },
        "public_access",
        Outcome.FAIL,
    ),
    "a stranger who is answered": ({"stranger": 200}, "public_access", Outcome.FAIL),
    "no public access block": (ALL_BUT_BLOCKED, "public_access_block", Outcome.WARN),
    "half a public access block": (
        {"get_public_access_block": {"PublicAccessBlockConfiguration": {**BLOCKED, "BlockPublicPolicy": False}}},
        "public_access_block",
        Outcome.WARN,
    ),
    "no replication": (
        {"get_bucket_replication": "ReplicationConfigurationNotFoundError"},
        "replication",
        Outcome.WARN,
    ),
    "replication that is disabled": (replicated({**REPLICATED, "Status": "Disabled"}), "replication", Outcome.WARN),
    "replication of a part": (replicated({**REPLICATED, "Filter": {"Prefix": "a/"}}), "replication", Outcome.WARN),
    "no default encryption": (
        {"get_bucket_encryption": "ServerSideEncryptionConfigurationNotFoundError"},
        "encryption",
        Outcome.WARN,
    ),
}


@pytest.mark.parametrize("kind", LACKS)
def test_what_is_lacking_is_found_with_the_command_that_mends_it(kind: str) -> None:
    answers, name, outcome = LACKS[kind]
    found = items(said(**answers))[name]
    assert found.outcome is outcome, found
    words = shlex.split(found.command)
    assert words[:2] == ["aws", "s3api"]
    assert words[words.index("--bucket") + 1] == BUCKET.bucket


@pytest.mark.parametrize("code", ["AccessDenied", "NotImplemented", "InternalError"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_refusal_is_unknown_and_never_reads_as_well(operation: str, code: str) -> None:
    sound = items(said(**ALL_BUT_BLOCKED))
    found = items(said(**{**ALL_BUT_BLOCKED, operation: code}))
    changed = {name for name, item in found.items() if item.outcome is not sound[name].outcome}
    assert {found[name].outcome for name in changed} <= {Outcome.UNKNOWN, Outcome.WARN}
    assert all(code in found[name].detail or found[name].outcome is Outcome.WARN for name in changed)
    # A policy's status is enough where the policy itself is not shown, and the other way round where there is none.
    assert (
        changed
        or operation == "get_bucket_policy"
        or (operation, code) == ("get_bucket_policy_status", "NotImplemented")
    )


def test_a_stranger_who_is_neither_let_in_nor_refused_is_unknown() -> None:
    assert items(said(stranger=503, **ALL_BUT_BLOCKED))["public_access"].outcome is Outcome.UNKNOWN


def test_a_bucket_that_is_not_there_is_no_bucket_without_configuration() -> None:
    with pytest.raises(CouldNotTell, match="NoSuchBucket"):
        said(get_bucket_versioning="NoSuchBucket")


def test_rules_that_let_versions_outlive_the_backups_pass() -> None:
    found = said(
        **rules(
            ends(LONGEST),
            ends(1, Status="Disabled"),
            {"ID": "u", "Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
        )
    )
    assert items(found)["lifecycle"].outcome is Outcome.PASS


def test_the_mended_rules_are_the_same_but_for_what_ends_too_early() -> None:
    other = {
        "ID": "uploads",
        "Status": "Enabled",
        "Filter": {},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    expired = {"ID": "old", "Filter": {}, "Expiration": {"Days": 10}}
    item = items(said(**rules(ends(30), other, expired)))["lifecycle"]
    words = shlex.split(item.command)
    mended = json.loads(words[words.index("--lifecycle-configuration") + 1])
    assert mended == {"Rules": [{"Status": "Enabled", **ends(LONGEST)}, other]}
    assert lifecycle(BUCKET, said(get_bucket_lifecycle_configuration=mended), LONGEST).outcome is Outcome.PASS


def test_the_only_rule_is_deleted_where_nothing_of_it_would_be_left() -> None:
    item = items(said(**rules({"ID": "old", "Filter": {}, "Expiration": {"Days": 10}})))["lifecycle"]
    assert "delete-bucket-lifecycle" in item.command


def test_the_longest_retention_is_that_of_backups_or_dumps() -> None:
    assert longest_retention(minimal_settings()) == 12 * 31
    retention = "[backups.retention]\ndaily = 3\nweekly = 2\nmonthly = 0\nwal_days = 20.5\n"
    assert longest_retention(minimal_settings(retention)) == 21


def test_a_private_policy_for_everybody_under_a_condition_is_not_public() -> None:
    held = policy(Principal="*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})
    found = said(**{**ALL_BUT_BLOCKED, "get_bucket_policy_status": "NotImplemented", "get_bucket_policy": held})
    assert items(found)["public_access"].outcome is Outcome.PASS


@pytest.mark.parametrize("status", ["PENDING", "FAILED", ""])
def test_an_object_that_is_not_replicated_in_time_is_named(status: str) -> None:
    late = Sampled("b\n.pdf", NOW - timedelta(seconds=LAG_SECONDS + 60), False, status)
    found = items(said(), Sample([*COPIED.objects, late], NOW))["replication"]
    assert found.outcome is Outcome.FAIL
    assert "1 of 2 sampled objects is not replicated" in found.detail
    assert r"b\n.pdf" in found.detail


def test_an_object_that_is_on_its_way_passes_and_its_lag_is_told() -> None:
    young = Sampled("b.pdf", NOW - timedelta(seconds=30), False, "PENDING")
    found = items(said(), Sample([*COPIED.objects, young], NOW))["replication"]
    assert found.outcome is Outcome.PASS
    assert "1 of 2 sampled objects replicated, the others wait since at most 30 s" in found.detail


def test_a_platform_that_writes_both_copies_itself_passes_by_the_sample_alone() -> None:
    found = said(get_bucket_replication="ReplicationConfigurationNotFoundError")
    assert items(found, COPIED, REPLICA)["replication"].outcome is Outcome.PASS
    lost = Sample([Sampled("a.pdf", NOW - timedelta(days=1), False)], NOW)
    assert items(found, lost, REPLICA)["replication"].outcome is Outcome.FAIL


def test_a_sample_that_could_not_be_taken_is_unknown() -> None:
    found = items(said(), Sample((), NOW, trouble="bucket copies answered AccessDenied"), REPLICA)["replication"]
    assert found.outcome is Outcome.UNKNOWN


def reported(more: str = "", trouble: str = "", **other: Any) -> ProtectionReport:
    return report(minimal_settings(more), [BucketProtection("print-files", [*items(said(**other)).values()])], trouble)


@pytest.mark.alarm("files.protection", "silent")
def test_the_check_is_silent_on_a_protected_bucket() -> None:
    (check,) = reported().checks
    assert check.outcome is Outcome.PASS


@pytest.mark.alarm("files.protection", "ring")
def test_the_check_rings_where_versions_end_too_early_and_says_so_first() -> None:
    (check,) = reported(**rules(ends(30)), **ALL_BUT_BLOCKED).checks
    assert check.outcome is Outcome.FAIL
    assert check.detail.startswith(
        'bucket "print-files", lifecycle: rule "ends" ends noncurrent versions after 30 days'
    )


@pytest.mark.alarm("files.protection", "unknown")
def test_the_check_is_unknown_where_the_store_does_not_tell() -> None:
    (check,) = reported(get_bucket_versioning="AccessDenied").checks
    assert check.outcome is Outcome.UNKNOWN
    assert "grant it s3:GetBucketVersioning" in check.detail
    (check,) = reported(trouble="cluster live_db cannot be reached").checks
    assert check.outcome is Outcome.UNKNOWN


def test_what_a_store_lacks_warns_until_a_person_accepts_it_and_stays_unknown_as_an_item() -> None:
    lacking = {"get_public_access_block": "NotImplemented"}
    made = reported(**lacking)
    assert made.checks[0].outcome is Outcome.WARN
    assert 'about = "print-files public access block"' in made.checks[0].detail
    accepted = '[[acknowledged]]\ncheck = "files.protection"\nabout = "print-files public access block"\nreason = "x"\n'
    made = reported(accepted, **lacking)
    assert made.checks[0].outcome is Outcome.PASS
    outcomes = {item["name"]: item["outcome"] for item in made.as_json()["buckets"][0]["checks"]}
    assert outcomes["public_access_block"] is Outcome.UNKNOWN


def test_commands_name_the_server_and_quote_what_a_shell_would_read() -> None:
    odd = BucketSettings(name="odd", bucket="it's odd", endpoint_url="https://s3.example.org:8333")
    words = shlex.split(judgement.versions(odd, said(get_bucket_versioning={})).command)
    assert words[words.index("--bucket") + 1] == "it's odd"
    assert words[words.index("--endpoint-url") + 1] == "https://s3.example.org:8333"


def test_recorded_answers_are_for_every_operation_that_is_asked() -> None:
    assert set(PROTECTED) == set(OPERATIONS)
