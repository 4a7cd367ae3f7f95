"""A platform that is built of deploy/platform and docs/platform is green, item by item; unfilled, it is not."""

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from printflow_reliability.checks import Outcome
from printflow_reliability.files.protection import judgement
from printflow_reliability.files.protection.configuration import Answer, read_configuration
from printflow_reliability.files.protection.lifecycle import lifecycle, longest_retention
from printflow_reliability.files.protection.public_access import public_access, public_access_block
from printflow_reliability.files.protection.replication import Sample, replication
from printflow_reliability.posture.items import Item, check_results
from printflow_reliability.posture_checks import POSTURE_CHECKS
from printflow_reliability.settings import BucketSettings
from printflow_reliability_tests.minimal_settings import minimal_settings
from printflow_reliability_tests.posture.as_found import AS_FOUND, RED
from printflow_reliability_tests.posture.from_templates import (
    ENVIRONMENTS,
    FILL,
    PLACEHOLDER,
    TEMPLATES,
    filled,
    from_templates,
)
from printflow_reliability_tests.posture.iam import actions, allowed, policy
from printflow_reliability_tests.posture.platforms import judged

NOTHING_THERE = {"silent_skip", "swallowed_error", "live_keys"}
"""What has no item where it is not there."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    files = from_templates(tmp_path_factory.mktemp("values"))
    return judged(tmp_path_factory.mktemp("built"), files)


@pytest.mark.parametrize("kind", RED)
def test_each_item_that_was_red_as_found_is_green(kind: str, built: list[Item]) -> None:
    found = {item.outcome for item in built if item.rule.name == kind}
    assert found == {Outcome.PASS} or (not found and kind in NOTHING_THERE)


def test_nothing_else_of_it_is_wrong_or_unknown(built: list[Item]) -> None:
    assert [item.sentence for item in built if item.outcome is not Outcome.PASS] == []
    answers = check_results(built, [check.name for check in POSTURE_CHECKS])
    assert {answer.outcome for answer in answers} == {Outcome.PASS}


def test_the_platform_as_it_was_found_is_red_in_all_of_it(tmp_path: Path) -> None:
    wrong = {item.rule.name for item in judged(tmp_path, AS_FOUND) if item.outcome is Outcome.FAIL}
    assert set(RED) <= wrong


def test_environments_that_nobody_filled_in_are_wrong_in_each_placeholder(tmp_path: Path) -> None:
    files = dict(from_templates(tmp_path / "values"))
    left = 0
    for template, place in ENVIRONMENTS.items():
        files[place] = (TEMPLATES / template).read_text()
        left += sum(bool(PLACEHOLDER.search(line)) for line in files[place].splitlines() if not line.startswith("#"))
    found = [item for item in judged(tmp_path / "source", files) if item.rule.name == "placeholder"]
    assert left > 20
    assert [item.outcome for item in found] == [Outcome.FAIL] * left


def test_a_template_has_no_secret_of_its_own() -> None:
    named = re.compile(r"(?:SECRET|PASSWORD|TOKEN|KEY|cipher-pass|masterauth|key-secret)\w*\s*[= ]\s*(\S+)")
    for template in (*TEMPLATES.rglob("*.example"), *TEMPLATES.rglob("*.conf"), *TEMPLATES.rglob("*.acl")):
        for line in template.read_text().splitlines():
            value = named.search(line)
            assert line.startswith("#") or value is None or PLACEHOLDER.fullmatch(value[1].strip('"')), line
            assert ">" not in line or line.startswith("#") or re.search(r">@\w+@", line), line


@pytest.mark.parametrize(
    ("value", "said"), [(None, "cannot be read"), ("", "a value of a line"), ("two\nlines", "a value of a line")]
)
def test_a_template_without_a_value_is_not_filled(value: str | None, said: str, tmp_path: Path) -> None:
    (tmp_path / "values").mkdir()
    (tmp_path / "values" / "GOOD").write_text("hunter2\n")
    if value is not None:
        (tmp_path / "values" / "BAD").write_text(value)
    (tmp_path / "template").write_text("A=@GOOD@ B=@BAD@ C=a@b@c")
    (tmp_path / "target").write_text("as it was")
    argv = [sys.executable, str(FILL), *(str(tmp_path / name) for name in ("values", "template", "target"))]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, (tmp_path / "target").read_text()) == (2, "", "as it was")
    assert said in ended.stderr
    assert "hunter2" not in ended.stderr
    assert "Traceback" not in ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["target", "template", "values"]


def test_a_filled_template_is_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "values").mkdir()
    (tmp_path / "values" / "GOOD").write_text("hunter2\n")
    (tmp_path / "template").write_text("A=@GOOD@ @GOOD@\nC=a@b@c $&\n")
    target = tmp_path / "target"
    main = runpy.run_path(str(FILL))["main"]
    assert main([str(tmp_path / name) for name in ("values", "template", "target")]) == 0
    assert target.read_text() == "A=hunter2 hunter2\nC=a@b@c $&\n"
    assert target.stat().st_mode & 0o777 == 0o600


def document(name: str, directory: Path) -> object:
    return json.loads(filled(TEMPLATES / "buckets" / f"{name}.json", directory))


def test_a_bucket_that_is_set_up_by_the_templates_is_protected(tmp_path: Path) -> None:
    name, other = "acme-print-files", "acme-print-files-replica"
    given = {
        "put_bucket_versioning": ("VersioningConfiguration", "versioning"),
        "put_object_lock_configuration": ("ObjectLockConfiguration", "object-lock"),
        "put_bucket_lifecycle_configuration": ("LifecycleConfiguration", "lifecycle"),
        "put_bucket_replication": ("ReplicationConfiguration", "replication"),
        "put_bucket_encryption": ("ServerSideEncryptionConfiguration", "encryption"),
        "put_public_access_block": ("PublicAccessBlockConfiguration", "public-access-block"),
    }
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        for bucket in (name, other):
            client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for operation, (argument, file) in given.items():
            getattr(client, operation)(Bucket=name, **{argument: document(file, tmp_path / "values")})
        client.put_bucket_policy(Bucket=name, Policy=json.dumps(document("policy", tmp_path / "values")))
        settings = BucketSettings(name="print-files", bucket=name, region="us-east-1")
        found = read_configuration(settings, client=client, anonymous=lambda _: Answer({"status": 403}))
    longest = longest_retention(minimal_settings(""))
    items = (
        judgement.versions(settings, found),
        judgement.object_lock(settings, found, longest),
        judgement.mfa_delete(settings, found),
        judgement.encryption(settings, found),
        lifecycle(settings, found, longest),
        replication(settings, None, found, Sample((), datetime.now(UTC))),
        public_access(settings, found),
        public_access_block(settings, found),
    )
    assert {item.name: item.outcome for item in items} == dict.fromkeys((item.name for item in items), Outcome.PASS)


FILES, REPLICA, REPO, DUMPS, REPORTS = "print-files", "print-files-replica", "pgbackrest-2", "dumps", "reports"
MAY: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "backup": {REPO: ("ListBucket",), f"{REPO}/a": ("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload")},
    "drill": {REPO: ("ListBucket",), f"{REPO}/a": ("GetObject",)},
    "guard": {
        FILES: ("ListBucket", "ListBucketVersions", "GetBucketVersioning", "GetBucketPolicyStatus", "GetBucketAcl"),
        f"{REPLICA}/a": ("GetObject", "GetObjectVersion", "GetObjectRetention"),
        f"{REPORTS}/a": ("PutObject", "PutObjectRetention", "GetObject"),
    },
    "heal": {
        FILES: ("ListBucketVersions",),
        f"{FILES}/a": ("GetObjectVersion", "PutObject", "PutObjectTagging", "PutObjectRetention", "RestoreObject"),
        f"{REPLICA}/a": ("GetObjectVersion", "RestoreObject"),
    },
    "dump-writer": {
        DUMPS: ("ListBucket", "ListBucketVersions", "GetBucketObjectLockConfiguration"),
        f"{DUMPS}/a": ("PutObject", "PutObjectRetention", "GetObjectVersion", "GetObjectRetention"),
    },
    "break-glass": {
        REPO: ("ListBucketVersions", "GetBucketVersioning"),
        f"{REPO}/a": ("GetObjectVersion", "PutObject", "DeleteObjectVersion"),
    },
}
"""What each identity is for."""
MAY_NOT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "backup": {
        REPO: ("PutBucketVersioning", "PutLifecycleConfiguration", "DeleteBucket", "PutBucketPolicy"),
        f"{REPO}/a": ("DeleteObjectVersion", "BypassGovernanceRetention"),
        f"{FILES}/a": ("GetObject", "PutObject"),
        f"{DUMPS}/a": ("GetObject", "DeleteObject"),
    },
    "drill": {f"{REPO}/a": ("PutObject", "DeleteObject", "DeleteObjectVersion"), f"{FILES}/a": ("GetObject",)},
    "guard": {
        FILES: ("PutBucketVersioning", "PutLifecycleConfiguration", "PutBucketPolicy"),
        f"{FILES}/a": ("PutObject", "DeleteObject", "DeleteObjectVersion", "BypassGovernanceRetention"),
        f"{REPORTS}/a": ("DeleteObject", "DeleteObjectVersion", "BypassGovernanceRetention"),
        f"{REPO}/a": ("GetObject",),
    },
    "heal": {
        f"{FILES}/a": ("DeleteObjectVersion", "PutObjectLegalHold", "BypassGovernanceRetention"),
        f"{REPLICA}/a": ("PutObject", "DeleteObject"),
    },
    "dump-writer": {
        DUMPS: ("PutBucketObjectLockConfiguration", "PutBucketVersioning"),
        f"{DUMPS}/a": ("DeleteObject", "DeleteObjectVersion", "BypassGovernanceRetention"),
        f"{FILES}/a": ("GetObject",),
    },
    "break-glass": {
        REPO: ("PutBucketVersioning", "PutBucketObjectLockConfiguration", "DeleteBucket"),
        f"{REPO}/a": ("BypassGovernanceRetention",),
        f"{DUMPS}/a": ("GetObject", "DeleteObjectVersion"),
        f"{FILES}/a": ("GetObject", "PutObject"),
    },
}


@pytest.mark.parametrize("identity", MAY)
def test_a_policy_is_enough_and_no_more(identity: str, tmp_path: Path) -> None:
    held = policy(filled(TEMPLATES / "iam" / f"{identity}.json", tmp_path / "values"))
    for wanted, listed in ((True, MAY[identity]), (False, MAY_NOT[identity])):
        for resource, asked in listed.items():
            for action in asked:
                assert allowed(held, f"s3:{action}", f"acme-{resource}") is wanted, f"{action} {resource}"


def test_every_policy_is_tried_and_names_no_wildcard() -> None:
    assert {path.stem for path in (TEMPLATES / "iam").glob("*.json")} == set(MAY) == set(MAY_NOT)
    assert [name for path in (TEMPLATES / "iam").glob("*.json") for name in actions(path) if "*" in name] == []


def test_the_guard_may_ask_whatever_files_protect_asks() -> None:
    source = Path(judgement.__file__).with_name("configuration.py").read_text()
    asked = set(re.findall(r'"(s3:\w+)"', source))
    assert asked
    assert asked <= actions(TEMPLATES / "iam" / "guard.json")


def test_what_the_templates_name_of_each_other_is_there() -> None:
    named = re.findall(r'\$\{path\.module\}/([^"]+\.json)"', (TEMPLATES / "infrastructure" / "main.tf").read_text())
    fixed = [name for name in named if "$" not in name and "*" not in name]
    assert fixed
    assert all((TEMPLATES / "infrastructure" / name).is_file() for name in fixed)
    script = str(TEMPLATES / "delivery" / "deploy.sh")
    assert subprocess.run(["/bin/sh", "-n", script], check=False, timeout=60).returncode == 0
