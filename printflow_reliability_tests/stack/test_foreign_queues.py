"""The foreign platform's queue: Laravel on a database, under names that want quotes; a plain user reads it."""

import json
from collections.abc import Iterator

import pytest

from printflow_reliability.records.database import open_records
from printflow_reliability_tests.stack.foreign.graph import materialize
from printflow_reliability_tests.stack.foreign.platform import Ended, ForeignPlatform

pytestmark = pytest.mark.stack

NAME, QUEUE = "Druck*sachen", "druck [%]"
CHECKS = {f"queues__{name}" for name in ("age", "failed", "stalled", "workers")}
JOB = """
INSERT INTO "Job queue" (queue, payload, attempts, reserved_at, available_at, created_at)
SELECT %s, %s, 0, CASE WHEN %s THEN at - 300 END, at, at FROM (SELECT extract(epoch FROM now())::int - %s AS at) AS t"""
FAILED = """
INSERT INTO "Audit"."Failed jobs" (uuid, connection, queue, payload, exception) VALUES (%s, 'database', %s, %s, %s)"""
COMMAND = 'O:16:"Shop\\MakeArtwork":1:{s:11:"\0*\0purchase";i:%d;}'


@pytest.fixture
def queue(foreign: ForeignPlatform) -> Iterator[ForeignPlatform]:
    yield foreign
    with foreign.connect() as connection:
        connection.execute('TRUNCATE "Job queue", "Audit"."Failed jobs"')
    with open_records(foreign.settings.records) as records:  # growth is a sum, which no emptied table makes less
        records.execute("DELETE FROM queue_failures")
        records.execute("DELETE FROM failed_order_jobs")


def payload(order: int = 0) -> str:
    name = "Shop\\MakeArtwork"
    return json.dumps({"uuid": "a", "displayName": name, "job": "call", "data": {"command": COMMAND % order}})


def add(foreign: ForeignPlatform, *, age: int = 0, reserved: bool = False, queue: str = QUEUE, text: str = "") -> None:
    with foreign.connect() as connection:
        connection.execute(JOB, (queue, text or payload(), reserved, age))


def looked(foreign: ForeignPlatform) -> Ended:
    return foreign.run("queues", "--json")


def test_an_empty_queue_with_a_worker_is_well(queue: ForeignPlatform) -> None:
    ended = looked(queue)
    assert (ended.exit_code, ended.document["ok"]) == (0, True), ended
    (found,) = ended.document["queues"]
    assert (found["name"], found["depth"], found["failed"], found["growth"]) == (NAME, 0, 0, 0)
    assert materialize(queue, "queue_health", by=queue.owner) == {
        "queue_health": {"success": True, "checks": dict.fromkeys(CHECKS, True)}
    }


def test_what_waits_what_comes_and_what_was_left_is_told(queue: ForeignPlatform) -> None:
    add(queue, age=400)
    add(queue, age=-500)
    add(queue, age=10, reserved=True)
    add(queue, text="junk")
    add(queue, age=9000, queue="another")
    ended = looked(queue)
    (found,) = ended.document["queues"]
    assert ended.exit_code == 1
    assert (found["depth"], found["waiting"], found["delayed"], found["reserved"], found["stalled"]) == (3, 2, 1, 1, 1)
    assert (found["junk"], found["oldest_exact"]) == (1, True)
    assert 399 < found["oldest_seconds"] < 500
    assert {check["name"] for check in ended.document["checks"] if check["outcome"] == "fail"} == {
        "queues.age",
        "queues.stalled",
    }


def test_a_queue_that_was_never_seen_beside_others_is_unknown(queue: ForeignPlatform) -> None:
    before = queue.config.read_text(encoding="utf-8")
    add(queue)
    queue.config.write_text(before.replace(f'queue = "{QUEUE}"', 'queue = "druck %"'), encoding="utf-8")
    try:
        ended = looked(queue)
    finally:
        queue.config.write_text(before, encoding="utf-8")
    assert ended.exit_code == 2
    assert f'it has jobs of "{QUEUE}"' in ended.document["queues"][0]["unreadable"]


def test_the_failed_job_of_a_paid_order_holds_it_and_is_named(queue: ForeignPlatform) -> None:
    with queue.connect() as connection:
        ((order,),) = connection.execute(
            "INSERT INTO purchases (merchant, state, settled_at, gross) SELECT id, 'bezahlt', now(), 12 FROM merchants "
            "LIMIT 1 RETURNING id"
        ).fetchall()
        connection.execute(FAILED, ("one", QUEUE, payload(order), "RuntimeException: no such font in /app/Make.php"))
    try:
        ended = looked(queue)
        held = queue.run("orders", "held", "--json")
    finally:
        with queue.connect() as connection:
            connection.execute("DELETE FROM purchases WHERE id = %s", (order,))
        queue.run("orders", "held")  # it is gone, and so is its hold
    (found,) = ended.document["queues"]
    assert (ended.exit_code, found["failed"], found["growth"]) == (1, 1, 1)
    (hold,) = [hold for hold in held.document["held"] if hold["order"] == str(order)]
    assert hold["reason"].startswith(
        f'generation_failed: job Shop\\MakeArtwork failed in queue "{NAME}": RuntimeException: no such font'
    )
    assert hold["action"] == f"printflow orders repair {order}"
