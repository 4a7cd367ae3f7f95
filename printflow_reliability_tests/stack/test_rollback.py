"""Rollback on real servers: as it was at a moment, killed and gone on with, undone; nothing without the database."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.cli import run
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.files.erasure import record_erasure
from printflow_reliability.files.heal import heal
from printflow_reliability.files.heal_report import HealStatus
from printflow_reliability.files.rollback.since import Fate
from printflow_reliability.orders.guard import check_order
from printflow_reliability.orders.problems import next_step
from printflow_reliability.platform.connect import connect
from printflow_reliability.records.database import open_records
from printflow_reliability.recovery.rollback import Request, roll_back, undo
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.erased import erased
from printflow_reliability_tests.stack.shop import FILES, Shop, shop

__all__ = ["shop"]
pytestmark = pytest.mark.stack
STAYS = "a test"
A_PAID_ORDER = """
SELECT o.id::text, o.tenant_id::text, i.print_ready_file FROM orders o JOIN order_items i ON i.order_id = o.id
WHERE o.status = 'paid' AND o.deleted_at IS NULL AND i.print_ready_file IS NOT NULL ORDER BY o.id LIMIT 1"""


def next_second() -> datetime:
    """A moment between what was written before and what is written after: S3 knows whole seconds only."""
    time.sleep(1.1)
    moment = datetime.now(UTC)
    time.sleep(1.1)
    return moment


def body(shop: Shop, key: str) -> bytes | None:
    client = shop.clients["print-files"]
    try:
        return client.get_object(Bucket="print-files", Key=key)["Body"].read()
    except client.exceptions.NoSuchKey:
        return None


def bodies(shop: Shop) -> dict[str, bytes | None]:
    return {key: body(shop, key) for key in shop.touched}


def uploads(shop: Shop, key: str) -> int:
    listed = shop.clients["print-files"].list_multipart_uploads(Bucket="print-files")
    return sum(upload["Key"] == key for upload in listed.get("Uploads", ()))


@contextmanager
def heartbeat(sandbox: StackSandbox, at: datetime) -> Iterator[None]:
    """The database says that it stands at a moment."""
    with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
        connection.execute("UPDATE heartbeats SET at = %s", (at,))
        try:
            yield
        finally:
            connection.execute("UPDATE heartbeats SET at = now()")


def test_a_tenants_files_are_as_at_the_moment_and_forward_again_by_undo(shop: Shop) -> None:
    overwritten, deleted, twice, newer = (shop.path(name) for name in ("0.pdf", "1.pdf", "2.pdf", "new.pdf"))
    others = shop.put(shop.path("secret.pdf", shop.neighbour))
    moment = next_second()
    then = bodies(shop)
    shop.put(overwritten, b"a bad deploy")
    shop.delete(deleted)
    shop.put(twice, b"once")
    shop.delete(twice)
    shop.put(newer, b"new")
    shop.put(others, b"the neighbour's own")
    now = bodies(shop)
    request = Request(moment, shop.tenant, per_second=1000)

    plan = roll_back(shop.settings, request)
    assert bodies(shop) == now
    assert plan.plan.files == {(shop.tenant, Fate.OVERWRITTEN): 1, (shop.tenant, Fate.DELETED): 2}
    assert plan.plan.left_alone == {Fate.NEWER: 1, Fate.UNCHANGED: FILES - 3}
    with heartbeat(shop.sandbox, moment + timedelta(hours=1)), pytest.raises(Refused, match="not at"):
        roll_back(shop.settings, replace(request, apply=True))
    assert bodies(shop) == now

    with heartbeat(shop.sandbox, moment - timedelta(seconds=3)):
        done = roll_back(shop.settings, replace(request, apply=True))
        again = roll_back(shop.settings, replace(request, apply=True))
    assert (done.exit_code, done.left, again.planned, again.exit_code) == (0, 0, 0, 0), (done, again)
    assert bodies(shop) == {**then, newer: b"new", others: b"the neighbour's own"}

    assert done.number is not None
    assert undo(shop.settings, done.number, apply=False, per_second=1000).exit_code == 1
    undone = undo(shop.settings, done.number, apply=True, per_second=1000)
    assert undone.exit_code == 0, undone
    assert bodies(shop) == now


def test_what_was_erased_on_purpose_is_neither_rolled_back_nor_healed_nor_taken_forward(shop: Shop) -> None:
    overwritten, deleted = shop.path("0.pdf"), shop.path("1.pdf")
    moment = next_second()
    shop.put(overwritten, b"personal data")
    shop.delete(deleted)
    shop.clients["print-files-replica"].delete_object(Bucket="print-files-replica", Key=deleted)
    done = roll_back(shop.settings, Request(moment, shop.tenant, True, STAYS, 1000))
    assert (done.planned, done.left, done.number is not None) == (2, 0, True)
    shop.delete(deleted)
    with erased(shop.settings, shop.path("")) as number:  # all of the tenant
        names = f"erasure {number}, ada"
        plan = roll_back(shop.settings, Request(moment, shop.tenant))
        planned, healed = (heal(shop.settings, tenants=[shop.tenant], apply=apply) for apply in (False, True))
        undone = undo(shop.settings, done.number or 0, apply=True, per_second=1000)
        now = bodies(shop)
        with pytest.raises(ConfigError, match="recorded already"):
            record_erasure(
                shop.settings, shop.path(""), tenant=None, bucket="print-files", reason="again", person="ada"
            )
    again = heal(shop.settings, tenants=[shop.tenant])

    assert (plan.planned, plan.plan.erased_count, plan.exit_code) == (0, 1, 0)
    assert names in plan.plan.erased[0][2]
    for report in (planned, healed):
        (action,) = report.actions
        assert (action.deed, action.key, report.exit_code) == (HealStatus.ERASED, deleted, 0)
        assert names in action.detail
    # Taken forward, the deleted file is deleted, as it is; the other one would show what was erased.
    assert (undone.exit_code, now[deleted], now[overwritten] == b"personal data") == (1, None, False)
    assert names in undone.as_json()["not_done"][0]["reason"]
    # Without the erasure a person may choose one of its versions again.
    assert [action.deed for action in again.actions] == [HealStatus.UNDECIDED]


def test_a_rollback_that_was_killed_is_run_again_and_goes_on(shop: Shop) -> None:
    keys = [shop.path(f"{n}.pdf") for n in range(20)]
    moment = next_second()
    then = bodies(shop)
    for key in keys:
        shop.put(key, b"a bad deploy", buckets=("print-files",))
    program = (
        "import sys; from datetime import datetime; from printflow_reliability.settings import Settings; "
        "from printflow_reliability.recovery.rollback import Request, roll_back; import pickle; "
        "roll_back(pickle.loads(sys.stdin.buffer.read()), "
        f"Request(datetime.fromisoformat('{moment.isoformat()}'), '{shop.tenant}', True, 'a test', 4))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(pickle.dumps(shop.settings))
    process.stdin.close()
    deadline = time.monotonic() + 60
    while sum(body(shop, key) == then[key] for key in keys) < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert 3 <= sum(body(shop, key) == then[key] for key in keys) < len(keys)

    done = roll_back(shop.settings, Request(moment, shop.tenant, True, STAYS, 1000))
    assert (done.exit_code, done.left) == (0, 0), done
    assert done.planned < len(keys)
    assert bodies(shop) == then
    assert done.number is not None
    # The first one's manifest names every object, whoever brought it back.
    assert undo(shop.settings, done.number - 1, apply=True, per_second=1000).exit_code == 0
    assert {body(shop, key) for key in keys} == {b"a bad deploy"}


KILLED_AMID_A_COPY = """
import os, pickle, signal, sys
from printflow_reliability.files import parts
from printflow_reliability.recovery.rollback import roll_back

parts.LARGEST_AT_ONCE, parts.COPIED_PART, writer = 1000, 5 * 1024**2, parts.writer

def dying(bucket):
    client = writer(bucket)
    copy = client.upload_part_copy
    def part(**asked):
        return copy(**asked) if asked["PartNumber"] == 1 else os.kill(os.getpid(), signal.SIGKILL)
    client.upload_part_copy = part
    return client

parts.writer = dying
roll_back(*pickle.load(sys.stdin.buffer))
"""


def test_parts_of_a_rollback_that_was_killed_are_removed_by_the_next(shop: Shop) -> None:
    key = shop.path("large.pdf")
    then = b"%PDF-1.4" + bytes(6 * 1024**2)
    shop.put(key, then, buckets=("print-files",))
    moment = next_second()
    shop.put(key, b"a bad deploy", buckets=("print-files",))
    request = Request(moment, shop.tenant, True, STAYS, 1000)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AMID_A_COPY],
        input=pickle.dumps((shop.settings, request)),
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert uploads(shop, key) == 1

    done = roll_back(shop.settings, request)
    assert (done.exit_code, done.left, body(shop, key)) == (0, 0, then), done
    assert uploads(shop, key) == 0
    with open_records(shop.settings.records) as records:
        assert records.execute("SELECT count(*) FROM begun_uploads WHERE key = %s", (key,)).fetchone() == (0,)


def test_a_paid_order_whose_artwork_becomes_older_is_held_until_it_is_undone(sandbox: StackSandbox) -> None:
    with connect(sandbox.settings.cluster_named("live_db")) as connection:
        order, tenant, key = connection.execute(A_PAID_ORDER).fetchone() or ("", "", "")
    s3 = seaweedfs.client(sandbox.home, "print-files", "app")
    artwork = s3.get_object(Bucket="print-files", Key=key)["Body"].read()
    moment = next_second()
    s3.put_object(Bucket="print-files", Key=key, Body=artwork + b"\n", ContentType="application/pdf")
    ready = check_order(sandbox.settings, order)

    arguments = ["--config", str(sandbox.config), "files", "rollback", "--to", moment.isoformat(), "--tenant", tenant]
    planned = run([*arguments, "--json"])
    done = roll_back(sandbox.settings, Request(moment, tenant, True, STAYS, 1000))
    held = check_order(sandbox.settings, order)
    assert done.number is not None
    undo(sandbox.settings, done.number, apply=True, per_second=1000)
    freed = check_order(sandbox.settings, order)
    s3.put_object(Bucket="print-files", Key=key, Body=artwork, ContentType="application/pdf")

    assert ready.ready
    assert planned == 1
    assert (done.exit_code, list(done.held)) == (1, [order]), done
    assert not held.ready
    assert "files rollback" in held.problems[0].text
    assert "printflow orders override" in next_step(held.problems[0], order, tenant)
    assert freed.ready


def test_bad_input_changes_nothing(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    with pytest.raises(ConfigError, match="no tenant"):
        roll_back(shop.settings, Request(now, "7f3a91c2-0000-0000-0000-000000000000"))
    with pytest.raises(ConfigError, match="has not come yet"):
        roll_back(shop.settings, Request(now + timedelta(days=1), shop.tenant))
    with pytest.raises(CouldNotTell, match="there was no object"):
        roll_back(shop.settings, Request(now - timedelta(days=365), shop.tenant))
    with pytest.raises(ConfigError, match="there is no rollback 999999"):
        undo(shop.settings, 999999, apply=True, per_second=1)
    with shop.sandbox.stopped("primary"), pytest.raises(CouldNotTell):
        roll_back(shop.settings, Request(now, shop.tenant))
    config = ["--config", str(shop.sandbox.config), "files", "rollback"]
    assert run(config) == 2
    assert run([*config, "--to", "yesterday", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["what"]


def test_a_bucket_that_keeps_no_versions_is_left_alone(shop: Shop) -> None:
    admin = seaweedfs.client(shop.sandbox.home, "print-files")
    moment = next_second()
    try:
        admin.put_bucket_versioning(Bucket="print-files", VersioningConfiguration={"Status": "Suspended"})
        with pytest.raises(CouldNotTell, match="is suspended"):
            roll_back(shop.settings, Request(moment, shop.tenant, True, STAYS))
    finally:
        admin.put_bucket_versioning(Bucket="print-files", VersioningConfiguration={"Status": "Enabled"})
