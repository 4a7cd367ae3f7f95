"""Files, PDFs, orders and alerts on the foreign platform, by commands of a plain user: the healthy case of each."""

import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.validation.printable import check_printable
from printflow_reliability.platform.paid_orders import paid_items
from printflow_reliability.platform.queries import connect_to_platform
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import processes
from printflow_reliability_tests.stack.foreign.build import BUCKET
from printflow_reliability_tests.stack.foreign.objects import keys, without
from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform

pytestmark = pytest.mark.stack

FILES = {"files.missing", "files.tenancy", "files.content", "files.orphans"}


def test_every_reference_has_its_object_whatever_its_key_is_made_of(foreign: ForeignPlatform) -> None:
    ended = foreign.run("files", "reconcile", "--json")

    assert ended.exit_code == 0, ended
    assert {check["name"]: check["outcome"] for check in ended.document["checks"]} == dict.fromkeys(FILES, "pass")
    assert ended.document["references"] == ended.document["objects"] == len(keys(foreign))


def test_one_tenants_files_alone(foreign: ForeignPlatform) -> None:
    with foreign.connect() as connection:
        merchant, slug, media = connection.execute(
            "SELECT m.id, m.slug, count(*) FROM merchants m JOIN media f ON f.merchant = m.id "
            "WHERE m.slug LIKE 'o''%' GROUP BY m.id"
        ).fetchone() or ("", "", 0)
    ended = foreign.run("files", "reconcile", "--tenant", str(merchant), "--json")

    assert ended.exit_code == 0, ended
    assert ended.document["references"] == media == sum(key.startswith(f"shops/{slug}/") for key in keys(foreign))


def test_a_deleted_object_is_named_healed_and_back(foreign: ForeignPlatform) -> None:
    key = next(key for key in keys(foreign) if key.endswith("карта.pdf"))
    with without(foreign, key):
        found = foreign.run("files", "reconcile", "--json")
        plan = foreign.run("files", "heal", "--json")
        healed = foreign.run("files", "heal", "--apply", "--json")
        again = foreign.run("files", "reconcile", "--json")

    assert found.exit_code == 1, found
    assert found.document["counts"] == {**dict.fromkeys(found.document["counts"], 0), "missing_restorable": 1}
    assert [finding["key"] for finding in found.document["findings"]] == [key]
    assert (plan.document["planned"], plan.document["healed"]) == (1, 0)
    assert (healed.exit_code, healed.document["healed"]) == (0, 1), healed
    assert again.exit_code == 0, again


def test_an_object_that_nothing_names_is_an_orphan(foreign: ForeignPlatform) -> None:
    orphan = "shops/acme/print/999/übrig +%.pdf"
    foreign.s3.put_object(Bucket=BUCKET, Key=orphan, Body=b"nobody's")
    time.sleep(1.1)  # without a grace period, an object is older than it from the next whole second on
    try:
        reconciled = foreign.run("files", "reconcile", "--json")
        orphans = foreign.run("files", "orphans", "--json")
    finally:
        foreign.s3.delete_object(Bucket=BUCKET, Key=orphan)

    assert reconciled.document["counts"]["orphan"] == 1, reconciled
    assert [found["key"] for found in orphans.document["orphans"]] == [orphan]


def test_the_catalog_covers_every_path(foreign: ForeignPlatform) -> None:
    ended = foreign.run("files", "catalog", "--json")

    assert ended.exit_code == 0, ended
    assert [reference["name"] for reference in ended.document["references"]] == ["media"]
    assert ended.document["uncovered"] == []
    assert ended.document["unread"] == []


def test_the_protection_of_its_bucket_is_told_item_by_item(foreign: ForeignPlatform) -> None:
    ended = foreign.run("files", "protect", "--json")
    config = foreign.root / "printflow.toml"
    whole = config.read_text(encoding="utf-8")
    try:
        config.write_text(whole.replace('about = "media replication"', 'about = "other replication"'), encoding="utf-8")
        warned = foreign.run("files", "protect")
    finally:
        config.write_text(whole, encoding="utf-8")

    assert ended.exit_code == 0, ended
    bucket, place = ended.document["buckets"]
    assert [(item["name"], item["outcome"]) for item in place["checks"]] == [("public_access", "pass")]
    outcomes = {item["name"]: item["outcome"] for item in bucket["checks"]}
    assert bucket["name"] == "media"
    assert [name for name, outcome in outcomes.items() if outcome == "unknown"] == ["public_access_block"]
    assert [name for name, outcome in outcomes.items() if outcome == "fail"] == []
    assert warned.exit_code == 1, warned
    assert "aws s3api put-bucket-replication --bucket shop-media-eu" in warned.stdout


def test_a_bucket_goes_back_to_a_moment_and_forward_again(foreign: ForeignPlatform) -> None:
    key = next(key for key in keys(foreign) if key.endswith("карта.pdf"))
    before = foreign.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    time.sleep(1.1)  # S3 knows whole seconds only
    moment = datetime.now(UTC).isoformat()
    time.sleep(1.1)
    healthy = foreign.run("files", "rollback", "--to", moment, "--json")
    foreign.s3.put_object(Bucket=BUCKET, Key=key, Body=b"a bad deploy")
    try:
        foreign.beat()
        planned = foreign.run("files", "rollback", "--to", moment, "--json")
        recorded = foreign.run("files", "erasure", "record", key, "--reason", "asked for", "--by", "ada", "--json")
        refused = foreign.run("files", "rollback", "--to", moment, "--json")
        listed = foreign.run("files", "erasure", "list", "--json")
        withdrawn = foreign.run("files", "erasure", "withdraw", str(recorded.document["id"]), "--by", "ada")
        done = foreign.run("files", "rollback", "--to", moment, "--apply", "--json")
        back = foreign.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        undone = foreign.run("files", "rollback", "--undo", str(done.document["rollback"]), "--apply", "--json")
        forward = foreign.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    finally:
        foreign.s3.put_object(Bucket=BUCKET, Key=key, Body=before)
        foreign.run("orders", "held")

    assert (healthy.exit_code, healthy.document["planned"]) == (0, 0), healthy
    assert (planned.exit_code, planned.document["planned"]) == (1, 1), planned
    assert planned.document["tenants"][0]["reason"] == "overwritten"
    assert (recorded.exit_code, withdrawn.exit_code) == (0, 0), recorded
    assert (listed.exit_code, [erasure["key"] for erasure in listed.document["erasures"]]) == (0, [key]), listed
    assert (refused.exit_code, refused.document["planned"], refused.document["erased_count"]) == (0, 0, 1), refused
    # An order that is paid, and whose artwork is older now, is held.
    assert (done.document["done"], done.document["left"]) == (1, 0), done
    assert done.exit_code == bool(done.document["held"])
    assert (back, forward) == (before, b"a bad deploy")
    assert (undone.exit_code, undone.document["done"]) == (0, 1), undone


def test_a_column_of_file_names_is_named_where_its_query_is_gone_or_leaves_rows_out(foreign: ForeignPlatform) -> None:
    config = foreign.root / "printflow.toml"
    whole = config.read_text(encoding="utf-8")
    join = 'FROM media f JOIN merchants m ON m.id = f.merchant"""'
    assert whole.count(join) == 1
    answers = []
    for condition in ("f.id % 3 > 0", "false"):
        try:
            config.write_text(whole.replace(join, f'{join[:-3]} WHERE {condition}"""'), encoding="utf-8")
            answers.append(foreign.run("files", "catalog", "--json"))
        finally:
            config.write_text(whole, encoding="utf-8")

    for ended in answers:
        assert ended.exit_code == 1, ended
        assert [column["table"] for column in ended.document["uncovered"]] == ["shop.media"]
        (found,) = ended.document["uncovered"]
        assert found["column"] == "file_name"
        assert found["key"] in keys(foreign)
    assert [ended.document["uncovered"][0]["covered"] > 0 for ended in answers] == [True, False]


def test_every_print_file_is_judged_good_once(foreign: ForeignPlatform) -> None:
    key = keys(foreign)[0]
    swept, again = foreign.run("pdf", "sweep", "--all", "--json"), foreign.run("pdf", "sweep", "--json")
    inspected = foreign.run("pdf", "inspect", f"s3://media/{key}", "--json")

    assert swept.exit_code == 0, swept
    assert swept.document["counts"] == {**dict.fromkeys(swept.document["counts"], 0), "good": len(keys(foreign))}
    assert again.document["unchanged"] == len(keys(foreign)), again
    assert inspected.exit_code == 0, inspected
    assert [file["verdict"] for file in inspected.document["files"]] == ["good"]


def test_paid_orders_are_ready_and_one_without_its_file_is_held(foreign: ForeignPlatform) -> None:
    healthy = foreign.run("orders", "held", "--json")
    with foreign.connect() as connection:
        number, key = connection.execute(
            "SELECT p.id, 'shops/' || m.slug || '/print/' || f.id || '/' || f.file_name FROM purchases p "
            "JOIN merchants m ON m.id = p.merchant JOIN purchase_lines l ON l.purchase = p.id "
            "JOIN media f ON f.id = l.medium WHERE p.state = 'bezahlt' LIMIT 1"
        ).fetchone() or (0, "")
    ready = foreign.run("orders", "check", str(number), "--json")
    with without(foreign, key):
        held = foreign.run("orders", "held", "--json")
        refused = foreign.run("orders", "check", str(number), "--json")
        alerts = foreign.run("alerts", "list", "--json")
    lifted = foreign.run("orders", "held", "--json")

    assert (healthy.exit_code, healthy.document["held"]) == (0, []), healthy
    assert healthy.document["ready_orders"] == 9
    assert (ready.exit_code, ready.document["ready"]) == (0, True), ready
    assert [hold["order"] for hold in held.document["held"]] == [str(number)], held
    assert (refused.exit_code, refused.document["ready"]) == (1, False), refused
    assert f"order:{number}" in alerts.stdout, alerts
    assert (lifted.exit_code, lifted.document["held"]) == (0, []), lifted


def test_the_watch_judges_and_delivers_here_too(foreign: ForeignPlatform) -> None:
    ended = foreign.run("watch", "--once", "--json")

    assert ended.exit_code == 1, ended  # without an [[alert_route]] nobody would hear
    assert {name: turn["on_duty"] for name, turn in ended.document.items()} == dict.fromkeys(
        ("guard", "queues", "outbox"), True
    )
    answers = {check["name"]: check["outcome"] for turn in ended.document.values() for check in turn["checks"]}
    assert answers == {
        "orders.artwork": "pass",
        "alerts.delivery": "warn",
        **{f"queues.{name}": "pass" for name in ("age", "failed", "stalled", "workers")},
    }


def test_a_held_order_that_is_cancelled_is_free_and_one_of_an_unknown_state_is_not(foreign: ForeignPlatform) -> None:
    with foreign.connect("storefront") as connection:
        merchant, number = connection.execute(
            "INSERT INTO purchases (merchant, state, settled_at, gross) "
            "SELECT id, 'bezahlt', now() - interval '1 hour', 1 FROM merchants LIMIT 1 RETURNING merchant, id"
        ).fetchone() or ("", 0)
        try:
            held = foreign.run("orders", "held", "--json")
            connection.execute("UPDATE purchases SET state = 'neu' WHERE id = %s", (number,))
            kept = foreign.run("orders", "held", "--json")
            connection.execute("UPDATE purchases SET state = 'storniert' WHERE id = %s", (number,))
            freed = foreign.run("orders", "held", "--json")
        finally:
            connection.execute("DELETE FROM purchases WHERE id = %s", (number,))

    (hold,) = held.document["held"]
    assert (hold["order"], hold["tenant"]) == (str(number), str(merchant))
    assert hold["reason"] == "print-ready file was never linked"
    assert (kept.exit_code, kept.document["lifted"], kept.document["unexplained_orders"]) == (1, 0, 1), kept
    assert (freed.exit_code, freed.document["held"]) == (0, []), freed


def test_a_person_lets_a_held_order_go_on(foreign: ForeignPlatform) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    with foreign.connect("storefront") as connection:
        (number,) = connection.execute(
            "INSERT INTO purchases (merchant, state, settled_at, gross) "
            "SELECT id, 'bezahlt', now() - interval '1 hour', 1 FROM merchants LIMIT 1 RETURNING id"
        ).fetchone() or (0,)
        try:
            held = foreign.run("orders", "check", str(number), "--json")
            told = foreign.run("orders", "override", str(number), "--reason", "a sample", "--until", until, "--json")
            ready = foreign.run("orders", "check", str(number), "--json")
        finally:
            connection.execute("DELETE FROM purchases WHERE id = %s", (number,))

    assert (held.exit_code, told.exit_code, ready.exit_code) == (1, 0, 0), (held, told, ready)
    assert told.document["by"] == foreign.owner.name
    assert ready.document["ready"]


def test_an_alert_is_acknowledged_and_silenced_but_not_that_of_a_paid_order(foreign: ForeignPlatform) -> None:
    with foreign.connect("storefront") as connection:
        (number,) = connection.execute(
            "INSERT INTO purchases (merchant, state, settled_at, gross) "
            "SELECT id, 'bezahlt', now() - interval '1 hour', 1 FROM merchants LIMIT 1 RETURNING id"
        ).fetchone() or (0,)
        try:
            foreign.run("orders", "held", "--json")
            acknowledged = foreign.run("alerts", "ack", f"order:{number}", "--json")
            refused = foreign.run("alerts", "silence", f"order:{number}", "--for", "1h", "--reason", "a sample")
        finally:
            connection.execute("DELETE FROM purchases WHERE id = %s", (number,))
    silenced = foreign.run("alerts", "silence", "check:wal.lag", "--for", "1m", "--reason", "a sample", "--json")
    lifted = foreign.run("orders", "held", "--json")

    assert (acknowledged.exit_code, acknowledged.document["by"]) == (0, foreign.owner.name), acknowledged
    assert refused.exit_code == 2, refused
    assert "a paid order that must not go to print would be hidden" in refused.stderr
    assert (silenced.exit_code, silenced.document["key"]) == (0, "check:wal.lag"), silenced
    assert (lifted.exit_code, lifted.document["held"]) == (0, []), lifted


def test_that_nobody_would_hear_of_an_alert_is_said(foreign: ForeignPlatform) -> None:
    ended = foreign.run("alerts", "test")

    assert ended.exit_code == 1
    assert "No [[alert_route]] is configured" in ended.stdout


def test_records_are_current(foreign: ForeignPlatform) -> None:
    ended = foreign.run("records", "migrate")

    assert (ended.exit_code, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    "command",
    [
        "files reconcile",
        *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("pdf sweep --all", "orders held")),
    ],
)
def test_a_silent_s3_server_is_told_within_a_minute(foreign: ForeignPlatform, command: str) -> None:
    began = time.monotonic()
    foreign.run("runbook")
    starting = time.monotonic() - began  # on a machine that has other things to do
    servers = processes.session_members(foreign.servers["s3"].process.pid)
    processes.send(servers, signal.SIGSTOP)
    began = time.monotonic()
    try:
        ended = foreign.run(*command.split())
    finally:
        processes.send(servers, signal.SIGCONT)
    assert time.monotonic() - began < 60 + starting
    assert ended.exit_code == 2, ended
    assert f":{foreign.ports['s3']}" in ended.stdout + ended.stderr


def test_an_open_orders_file_that_was_overwritten_is_printable_as_of_then_and_not_as_of_now(
    foreign: ForeignPlatform,
) -> None:
    bought = next(item for item in paid_items(foreign.settings).items if item.key)
    before = foreign.s3.get_object(Bucket=BUCKET, Key=bought.key or "")["Body"].read()
    time.sleep(1.1)  # S3 knows whole seconds only
    moment = datetime.now(UTC)
    time.sleep(1.1)
    foreign.s3.put_object(Bucket=BUCKET, Key=bought.key or "", Body=before[: len(before) // 2])
    try:
        then, now = (check_printable(foreign.settings, connect_to_platform, at, None) for at in (moment, None))
    finally:
        foreign.s3.put_object(Bucket=BUCKET, Key=bought.key or "", Body=before)
        with open_records(foreign.settings.records) as records:
            records.execute("DELETE FROM order_readings")

    assert (then.outcome, then.numbers["earlier_version_orders"] > 0) == (Outcome.PASS, True), then.detail
    assert now.outcome is Outcome.FAIL, now.detail
    assert f"order {bought.order}: print-ready PDF is unusable" in now.detail
