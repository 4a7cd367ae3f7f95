"""Orphans moved aside on real servers, and back: whatever comes in between, nothing that a row names is ever away."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError
from printflow_reliability.files import kinds
from printflow_reliability.files.heal import heal
from printflow_reliability.files.heal_report import HealStatus
from printflow_reliability.files.quarantine.oldest_backup import OldestBackup
from printflow_reliability.files.quarantine.plan import Reason, Request
from printflow_reliability.files.quarantine.report import QuarantineReport, ReleaseReport
from printflow_reliability.files.quarantine.run import Chosen, quarantine, release
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability.settings import Settings
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
        """What lies in the place, by key."""
        client = seaweedfs.client(self.shop.sandbox.home, PLACE)
        listed = client.list_objects_v2(Bucket=PLACE, Prefix=PREFIX).get("Contents", ())
        return {item["Key"]: client.get_object(Bucket=PLACE, Key=item["Key"])["Body"].read() for item in listed}


@pytest.fixture
def aside(shop: Shop) -> Iterator[Aside]:
    """Two orphans, of which a newer file superseded the first; nothing is left of them in the place or the records."""
    made = Aside(shop)
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
    assert (done.exit_code, done.held[tenant]) == (0, (2, 19)), done.as_json()
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
