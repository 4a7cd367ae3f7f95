"""Orphans moved aside on real servers, and back: whatever comes in between, nothing that a row names is ever away."""

import json
import pickle
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
from printflow_reliability.errors import ConfigError, CouldNotTell, LockHeld, Refused
from printflow_reliability.files import kinds
from printflow_reliability.files.heal import LOCK, heal
from printflow_reliability.files.heal_report import HealStatus
from printflow_reliability.files.quarantine import move, steps
from printflow_reliability.files.quarantine.beside import SUFFIX
from printflow_reliability.files.quarantine.oldest_backup import OldestBackup
from printflow_reliability.files.quarantine.outcome import Deed
from printflow_reliability.files.quarantine.plan import Left, Reason, Request
from printflow_reliability.files.quarantine.report import QuarantineReport, ReleaseReport
from printflow_reliability.files.quarantine.run import Chosen, quarantine, release
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.records import passes, reference_rows
from printflow_reliability.records.database import exclusive, open_records
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability.sandbox import up as lifecycle
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.erased import erased
from printflow_reliability_tests.stack.shop import GRACE_OVER, Shop, shop

__all__ = ["shop"]
pytestmark = pytest.mark.stack
BUCKET, PLACE, PREFIX = "print-files", "reports", "test-quarantine/"


def no_backup(_: Settings) -> OldestBackup | None:
    """The shop's objects are younger than the sandbox's backups."""


@dataclass
class Aside:
    """A shop beside the sandbox's own tenants, all of whose references are known, with a place for orphans."""

    shop: Shop
    more: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        every, own = self.shop.sandbox.settings, self.shop.settings
        tenants = f"{every.tenancy.tenants} UNION ALL {own.tenancy.tenants}"
        files = own.files.model_copy(
            update={"quarantine_bucket": PLACE, "quarantine_prefix": PREFIX, "storage_price_per_gb_month": 0.02}
        )
        return every.model_copy(
            update={
                "tenancy": every.tenancy.model_copy(update={"tenants": tenants}),
                "reference": (*every.reference, *own.reference),
                "files": files.model_copy(update=self.more),
            }
        )

    @property
    def request(self) -> Request:
        return Request("ada", [self.shop.tenant], per_second=1000, oldest_backup=no_backup)

    def quarantine(self, *, apply: bool = True, **changed: Any) -> QuarantineReport:
        return quarantine(self.settings, replace(self.request, **changed), apply=apply)

    def release(self, *keys: str, apply: bool = True, **chosen: Any) -> ReleaseReport:
        return release(self.settings, Chosen("ada", keys, per_second=1000, **chosen), apply=apply)

    def body(self, key: str) -> bytes | None:
        client = self.shop.clients[BUCKET]
        try:
            return client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except client.exceptions.NoSuchKey:
            return None

    def copies(self) -> dict[str, bytes]:
        """What lies in the place, by key, without the notes beside it."""
        client = seaweedfs.client(self.shop.sandbox.home, PLACE)
        listed = client.list_objects_v2(Bucket=PLACE, Prefix=PREFIX).get("Contents", ())
        return {
            item["Key"]: client.get_object(Bucket=PLACE, Key=item["Key"])["Body"].read()
            for item in listed
            if not item["Key"].endswith(SUFFIX)
        }


@pytest.fixture
def aside(shop: Shop) -> Iterator[Aside]:
    """Two orphans, of which a newer file superseded the first; nothing is left of them in the place or the records."""
    made = Aside(shop)
    with open_records(shop.settings.records) as records:
        compared = passes.newest(records, "reconcile") is not None and bool(reference_rows.known(records))
    if not compared:  # in a sandbox that nobody has compared yet
        assert reconcile(made.settings).pass_id is not None
    yield made
    with open_records(shop.settings.records) as records:
        records.execute("DELETE FROM quarantine WHERE tenant = %s", (shop.tenant,))
        records.execute("DELETE FROM lasting_findings WHERE tenant = %s", (shop.tenant,))
    client = seaweedfs.client(shop.sandbox.home, PLACE)
    listed = client.list_object_versions(Bucket=PLACE, Prefix=PREFIX)
    for version in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
        client.delete_object(Bucket=PLACE, Key=version["Key"], VersionId=version["VersionId"])


def orphans(aside: Aside) -> tuple[str, str]:
    """A superseded regeneration and an upload that nothing ever named, both old enough."""
    shop = aside.shop
    superseded = shop.path("orders/7/v2/card.pdf")
    shop.touched.add(superseded)
    shop.clients[BUCKET].put_object(
        Bucket=BUCKET,
        Key=superseded,
        Body=b"%PDF-1.4 first",
        ContentType="application/pdf",
        Metadata={"proof": "7"},
        Tagging="kept=yes",
    )
    stray = shop.put(shop.path("uploads/stray ü.txt"), b"stray", buckets=(BUCKET,))
    time.sleep(1.1)
    shop.refer(shop.put(shop.path("orders/7/v2/card-2.pdf")), owner="order 7")
    time.sleep(GRACE_OVER)
    return superseded, stray


def test_orphans_go_aside_and_a_restored_older_database_finds_them_again(aside: Aside) -> None:
    superseded, stray = orphans(aside)
    before = {key: aside.body(key) for key in (superseded, stray)}
    tenant = aside.shop.tenant

    planned = aside.quarantine(apply=False)
    assert (planned.exit_code, {key: aside.body(key) for key in before}, aside.copies()) == (1, before, {})
    assert planned.plan.files == {(tenant, Reason.SUPERSEDED): 1, (tenant, Reason.UNREFERENCED): 1}
    assert planned.as_json()["yearly_cost"] == 0.0
    done = aside.quarantine()
    assert (done.exit_code, done.held[tenant]) == (0, (2, 19)), done.outcome
    assert [aside.body(key) for key in before] == [None, None]
    assert sorted(aside.copies().values()) == sorted(filter(None, before.values()))
    assert aside.quarantine().planned == 0  # once is enough
    clean = reconcile(aside.settings, tenants=[tenant])
    assert {check.check: check.outcome for check in clean.checks}["files.missing"] is Outcome.PASS, clean.checks

    # The database of last week names both.
    for key in before:
        aside.shop.refer(key, owner="order 6")
    found = reconcile(aside.settings, tenants=[tenant])
    assert found.counts[kinds.IN_QUARANTINE] == 2, found.worst
    assert all("printflow files release" in finding.action for finding in found.worst)
    offered = heal(aside.settings, tenants=[tenant])
    assert [action.deed for action in offered.actions] == [HealStatus.PLANNED] * 2
    needed = aside.release(needed=True, tenants=[tenant], apply=False)
    assert ([row.key for row in needed.rows], needed.exit_code) == ([superseded, stray], 1)

    back = aside.release(superseded)
    healed = heal(aside.settings, tenants=[tenant], apply=True)
    assert (back.exit_code, healed.exit_code) == (0, 0), (back.as_json(), healed)
    assert {key: aside.body(key) for key in before} == before
    again = reconcile(aside.settings, tenants=[tenant])
    assert again.counts[kinds.IN_QUARANTINE] + again.counts[kinds.MISSING_RESTORABLE] == 0
    with pytest.raises(ConfigError, match="is not in quarantine"):
        aside.release(superseded)


def test_what_is_named_or_written_meanwhile_or_erased_or_too_young_stays_where_it_is(
    aside: Aside, monkeypatch: pytest.MonkeyPatch
) -> None:
    superseded, stray = orphans(aside)
    shop, key = aside.shop, aside.shop.path("orders/7/v2/card.pdf")
    young = aside.quarantine(oldest_backup=lambda _: OldestBackup("a backup", datetime(2020, 1, 1, tzinfo=UTC)))
    assert (young.exit_code, young.plan.left) == (0, {Left.YOUNG: 2})
    with erased(aside.settings, stray):
        plan = aside.quarantine(apply=False).plan
    assert (plan.left, [orphan.key for orphan in plan.orphans]) == ({Left.ERASED: 1}, [superseded])

    # Between the copy and the marker an order names the first, and somebody writes over the second.
    copied = steps.copied

    def meanwhile(*arguments: Any) -> Any:
        found = copied(*arguments)
        if arguments[2].key == key:
            shop.refer(key, owner="order 8")
        else:
            shop.put(stray, b"newer", buckets=(BUCKET,))
        return found

    monkeypatch.setattr(move, "copied", meanwhile)
    held_back = aside.quarantine()
    assert held_back.outcome is not None
    assert held_back.outcome.deeds == {Deed.NAMED: 1, Deed.MEANWHILE: 1}, held_back.outcome
    assert (aside.body(superseded), aside.body(stray)) == (b"%PDF-1.4 first", b"newer")
    assert (held_back.exit_code, held_back.held.get(shop.tenant)) == (1, None)


def delete(aside: Aside, command: str) -> None:
    """What the AWS command line does of a command that a person is told."""
    words = shlex.split(command)
    given = dict(zip(words[3::2], words[4::2], strict=True))
    assert words[:3] == ["aws", "s3api", "delete-object"]
    assert given["--endpoint-url"] == aside.settings.bucket_named(PLACE).endpoint_url
    seaweedfs.client(aside.shop.sandbox.home, PLACE).delete_object(
        Bucket=given["--bucket"], Key=given["--key"], VersionId=given["--version-id"]
    )


KILLED = """
import os, pickle, signal, sys
from printflow_reliability.files.quarantine import move, steps
from printflow_reliability.files.quarantine.run import quarantine

settings, request = pickle.load(sys.stdin.buffer)
move.manifest.moved = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
quarantine(settings, request, apply=True)
"""


def test_a_run_that_was_killed_is_gone_on_with_and_what_was_erased_is_not_released_but_its_copies_are_named(
    aside: Aside, capsys: pytest.CaptureFixture[str]
) -> None:
    superseded, stray = orphans(aside)
    before = {key: aside.body(key) for key in (superseded, stray)}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        input=pickle.dumps((aside.settings, aside.request)),
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    gone = [key for key in before if aside.body(key) is None]
    assert stray in gone  # a marker stands, and nothing is noted of it
    client = aside.shop.clients[BUCKET]
    for marker in client.list_object_versions(Bucket=BUCKET, Prefix=stray)["DeleteMarkers"]:
        client.delete_object(Bucket=BUCKET, Key=stray, VersionId=marker["VersionId"])  # as if it never came so far

    done = aside.quarantine()
    assert done.exit_code == 0, done.outcome
    assert done.outcome is not None
    assert (done.outcome.deeds, done.held[aside.shop.tenant][0], done.unfinished) == ({Deed.DONE: 2}, 2, 0)
    assert len(aside.copies()) == 3  # also the one that the killed run made of it
    with (
        open_records(aside.settings.records) as records,
        exclusive(records, LOCK),
        pytest.raises(LockHeld),
    ):
        aside.quarantine()
    with open_records(aside.settings.records) as records:  # as after a restore of the records
        records.execute("DELETE FROM quarantine WHERE key = %s", (superseded,))
    with pytest.raises(ConfigError, match="--from-place"):
        aside.release(superseded)
    assert [row.key for row in aside.release(superseded, from_place=True, apply=False).rows] == [superseded]
    asked = ["--config", str(aside.shop.sandbox.config), "files", "erasure", "list", "--json"]
    with erased(aside.settings, aside.shop.path("uploads/")):
        back = aside.release(superseded, stray, from_place=True)
        code, found = run(asked), json.loads(capsys.readouterr().out)["copies"]
        for copy in found:
            delete(aside, copy["command"])
        again, left = run(asked), json.loads(capsys.readouterr().out)["copies"]
    with erased(aside.settings, superseded):
        released, of_released = run(asked), json.loads(capsys.readouterr().out)["copies"]
    assert (code, {copy["key"] for copy in found}, again, left) == (1, {stray}, 0, [])
    assert (released, {copy["key"] for copy in of_released}) == (1, {superseded})
    assert list(aside.copies()) == [of_released[0]["place_key"]]
    assert back.outcome is not None
    assert back.outcome.deeds == {Deed.DONE: 1, Deed.ERASED: 1}, back.outcome
    assert (aside.body(superseded), aside.body(stray)) == (before[superseded], None)


@pytest.mark.exhaustive
def test_a_store_that_dies_in_between_loses_nothing_and_the_next_run_goes_on(
    aside: Aside, monkeypatch: pytest.MonkeyPatch
) -> None:
    superseded, stray = orphans(aside)
    before = {key: aside.body(key) for key in (superseded, stray)}
    home, copied = aside.shop.sandbox.home, steps.copied
    dead: list[bool] = []

    def dies(*arguments: Any) -> Any:
        if not dead:
            dead.append(True)
            lifecycle.stop(home, "offsite", with_signal=signal.SIGKILL)
        return copied(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(move, "IN_FLIGHT", 1)
        patch.setattr(move, "copied", dies)
        try:
            broken = aside.quarantine()
        finally:
            lifecycle.start(home, "offsite")
    assert broken.outcome is not None
    assert (broken.exit_code, broken.outcome.deeds[Deed.DONE]) == (2, 0)
    assert {key: aside.body(key) for key in before} == before
    assert aside.quarantine(apply=False).unfinished >= 1
    done = aside.quarantine()
    assert (done.exit_code, done.held[aside.shop.tenant][0], done.unfinished) == (0, 2, 0), done.outcome


def test_nothing_is_moved_while_a_reference_may_be_missing_or_the_place_would_not_keep_it(aside: Aside) -> None:
    before = aside.quarantine(apply=False)  # the pass after which a query may fall
    shop, admin = aside.shop, seaweedfs.client(aside.shop.sandbox.home, BUCKET)
    less = Aside(shop)
    less.settings = aside.settings.model_copy(
        update={"reference": tuple(entry for entry in aside.settings.reference if entry.name != "product image")}
    )
    with pytest.raises(Refused, match=r"no reference query returns what live_db.*product_images"):
        less.quarantine()
    with postgres.superuser(shop.sandbox.home, "live_db", "live_db") as connection:
        connection.execute("UPDATE stack_files SET tenant = %s", (shop.neighbour,))
    with pytest.raises(Refused, match="not all references are known"):
        aside.quarantine()
    with postgres.superuser(shop.sandbox.home, "live_db", "live_db") as connection:
        connection.execute("UPDATE stack_files SET tenant = %s", (shop.tenant,))
    try:
        admin.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
        with pytest.raises(Refused, match="keeps no versions"):
            aside.quarantine()
    finally:
        admin.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    with shop.sandbox.stopped("primary"), pytest.raises(CouldNotTell):
        aside.quarantine()
    assert (before.exit_code, aside.copies()) == (0, {})
