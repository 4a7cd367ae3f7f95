"""Missing objects brought back in real buckets, and nothing else touched."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from printflow_reliability.cli import run
from printflow_reliability.errors import CouldNotTell, LockHeld
from printflow_reliability.files import heal as healing
from printflow_reliability.files import heal_write
from printflow_reliability.files.heal import heal
from printflow_reliability.files.heal_report import HealStatus
from printflow_reliability.files.presence import Presence
from printflow_reliability.records.database import exclusive, open_records
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability.sandbox.faults import planted
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.references import keys_of

pytestmark = pytest.mark.stack

BUCKET, REPLICA = "print-files", "print-files-replica"
KILLED = """
import os, signal, sys
from pathlib import Path
from printflow_reliability.files import heal_write
from printflow_reliability.files.heal import heal
from printflow_reliability.settings import load

write = heal_write.put_new

def first_only(*arguments):
    write(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)

heal_write.put_new = first_only
heal(load(Path(sys.argv[1])), apply=True)
"""


def some_keys(settings: Settings, number: int) -> list[str]:
    return keys_of(settings, "product image")[:number]


def body(sandbox: StackSandbox, key: str, bucket: str = BUCKET) -> bytes:
    return seaweedfs.client(sandbox.home, bucket).get_object(Bucket=bucket, Key=key)["Body"].read()


@contextmanager
def kept(sandbox: StackSandbox, *keys: str) -> Iterator[dict[str, bytes]]:
    """What objects hold; they hold it again afterwards."""
    bodies = {key: body(sandbox, key) for key in keys}
    try:
        yield bodies
    finally:
        client = seaweedfs.client(sandbox.home, BUCKET)
        for key, content in bodies.items():
            client.put_object(Bucket=BUCKET, Key=key, Body=content)


def destroy(sandbox: StackSandbox, key: str, bucket: str = BUCKET) -> None:
    """Remove an object with all its versions."""
    client = seaweedfs.client(sandbox.home, bucket)
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            client.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


def test_deleted_objects_come_back_from_their_versions_or_the_replica_and_lost_ones_are_named(
    sandbox: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    deleted, copied, lost = some_keys(sandbox.settings, 3)
    client, replica = (seaweedfs.client(sandbox.home, name) for name in (BUCKET, REPLICA))
    argv = ["--config", str(sandbox.config), "files", "heal", "--json"]
    with kept(sandbox, deleted, copied, lost) as before:
        replica.put_object(Bucket=REPLICA, Key=copied, Body=before[copied], ContentType="image/png")
        client.delete_object(Bucket=BUCKET, Key=deleted)
        destroy(sandbox, copied)
        destroy(sandbox, lost)
        destroy(sandbox, lost, REPLICA)
        try:
            assert run(argv) == 1
            planned = json.loads(capsys.readouterr().out)
            assert (planned["planned"], planned["healed"], planned["unhealable"]) == (2, 0, 1)
            assert client.list_objects_v2(Bucket=BUCKET, Prefix=deleted).get("KeyCount") == 0
            assert run([*argv, "--apply"]) == 1  # the lost one needs a person
            done = json.loads(capsys.readouterr().out)
            assert (done["planned"], done["healed"], done["unhealable"]) == (2, 2, 1)
            assert {action["key"]: action["source"] for action in done["actions"] if action["deed"] == "healed"} == {
                deleted: BUCKET,
                copied: REPLICA,
            }
            assert (body(sandbox, deleted), body(sandbox, copied)) == (before[deleted], before[copied])
            assert client.head_object(Bucket=BUCKET, Key=copied)["ContentType"] == "image/png"
            with open_records(sandbox.settings.records) as records:
                audit = records.execute("SELECT key FROM file_heals ORDER BY id DESC LIMIT 2").fetchall()
            assert {row[0] for row in audit} == {deleted, copied}
        finally:
            replica.put_object(Bucket=REPLICA, Key=lost, Body=before[lost])
    assert run([*argv, "--apply"]) == 0
    assert json.loads(capsys.readouterr().out)["actions"] == []


def test_an_object_that_somebody_wrote_meanwhile_is_not_replaced(
    sandbox: StackSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key,) = some_keys(sandbox.settings, 1)
    client = seaweedfs.client(sandbox.home, BUCKET)
    read = heal_write._read

    def read_while_somebody_writes(*arguments: object) -> object:
        client.put_object(Bucket=BUCKET, Key=key, Body=b"theirs")
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(heal_write, "_read", read_while_somebody_writes)
    with kept(sandbox, key):
        client.delete_object(Bucket=BUCKET, Key=key)
        report = heal(sandbox.settings, apply=True)
        assert body(sandbox, key) == b"theirs"
    assert [(action.deed, action.key) for action in report.actions] == [(HealStatus.THERE, key)]


def test_a_good_file_that_was_overwritten_before_it_was_deleted_comes_back_good(sandbox: StackSandbox) -> None:
    with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
        row = connection.execute(
            "SELECT print_ready_file FROM order_items WHERE print_ready_size IS NOT NULL ORDER BY id LIMIT 1"
        ).fetchone()
    assert row is not None
    key, client = row[0], seaweedfs.client(sandbox.home, BUCKET)
    with kept(sandbox, key) as before:
        client.put_object(Bucket=BUCKET, Key=key, Body=b"an error page")
        client.delete_object(Bucket=BUCKET, Key=key)
        report = heal(sandbox.settings, apply=True)
        assert [(action.deed, action.key) for action in report.actions] == [(HealStatus.HEALED, key)]
        assert body(sandbox, key) == before[key]


def test_what_lies_under_another_tenant_is_never_healed_from(sandbox: StackSandbox) -> None:
    with planted(sandbox.home, "wrong_tenant_path"):
        assert [action for action in heal(sandbox.settings).actions if action.deed is HealStatus.PLANNED] == []


def test_a_healing_that_was_killed_is_finished_by_the_next_one(sandbox: StackSandbox) -> None:
    keys = some_keys(sandbox.settings, 3)
    client = seaweedfs.client(sandbox.home, BUCKET)
    with kept(sandbox, *keys) as before:
        for key in keys:
            client.delete_object(Bucket=BUCKET, Key=key)
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(sandbox.config)], timeout=60, capture_output=True, check=False
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        report = heal(sandbox.settings, apply=True)
        assert report.count(HealStatus.HEALED) == 2
        assert {key: body(sandbox, key) for key in keys} == before


def test_two_healings_at_once_and_keys_that_may_not_write_are_refused_or_told(
    sandbox: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = sandbox.settings
    with (
        open_records(settings.records) as records,
        exclusive(records, healing.LOCK),
        pytest.raises(LockHeld, match="another file healing is running"),
    ):
        heal(settings, apply=True)
    text = sandbox.config.read_text(encoding="utf-8")
    without = sandbox.config.with_name("wrong.toml")
    without.write_text("\n".join(line for line in text.splitlines() if not line.startswith("heal_")))
    try:
        assert run(["--config", str(without), "files", "heal", "--apply"]) == 2
    finally:
        without.unlink()
    assert "bucket[0].heal_access_key_id: is missing" in capsys.readouterr().err
    reader = settings.bucket[0].model_copy(
        update={
            "heal_access_key_id": settings.bucket[0].access_key_id,
            "heal_secret_access_key": settings.bucket[0].secret_access_key,
        }
    )
    (key,) = some_keys(settings, 1)
    with kept(sandbox, key):
        seaweedfs.client(sandbox.home, BUCKET).delete_object(Bucket=BUCKET, Key=key)
        report = heal(settings.model_copy(update={"bucket": (reader, *settings.bucket[1:])}), apply=True)
    assert [action.deed for action in report.actions] == [HealStatus.FAILED]
    assert "AccessDenied" in report.actions[0].detail
    assert report.exit_code == 1


def test_with_the_bucket_away_nothing_is_said_to_be_healed(sandbox: StackSandbox) -> None:
    with sandbox.stopped("primary"), pytest.raises(CouldNotTell, match="what is missing cannot be told"):
        heal(sandbox.settings, apply=True)


def test_versions_of_a_key_that_xml_cannot_hold_are_found_and_not_taken_for_anothers(sandbox: StackSandbox) -> None:
    client = seaweedfs.client(sandbox.home, BUCKET)
    key, alike, longer = "stack/odd \x1b.pdf", "stack/odd \x01.pdf", "stack/odd \x1b.pdf.bak"
    for name in (alike, longer, key):
        client.put_object(Bucket=BUCKET, Key=name, Body=name.encode())
    client.delete_object(Bucket=BUCKET, Key=key)
    try:
        (version,) = Presence(sandbox.settings.bucket_named(BUCKET)).priors(key)
        content = client.get_object(Bucket=BUCKET, Key=key, VersionId=version.version_id)["Body"].read()
        assert content == key.encode()
    finally:
        for name in (alike, longer):
            client.delete_object(Bucket=BUCKET, Key=name)
