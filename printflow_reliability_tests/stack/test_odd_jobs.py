"""Jobs in a real Redis with odd clocks, scores and sizes: each is counted once, and none hides another."""

import json
import time
from collections.abc import Iterator
from secrets import token_hex
from typing import Any
from uuid import uuid4

import pytest
import redis

from printflow_reliability.checks import Outcome
from printflow_reliability.queues.look import QueuesReport, check_queues
from printflow_reliability.records.database import open_records
from printflow_reliability.records.queues import failed_orders
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.redis_here import RedisHere, redis_here

pytestmark = pytest.mark.stack
TABLES = ("queues", "queue_failures", "queue_jobs", "failed_order_jobs", "redis_servers")
RULE = {"job": "make", "path": "order"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisHere]:
    with redis_here(tmp_path_factory.mktemp("redis"), "--appendonly", "yes") as here:
        yield here


@pytest.fixture
def bull(sandbox: StackSandbox, server: RedisHere) -> Iterator[tuple[Settings, str]]:
    """Settings with one queue of BullMQ whose failed jobs are known to the records, and its name."""
    name = f"q-{uuid4()}"
    queue = server.configured({"name": name, "kind": "bullmq", "order": (RULE,)})
    with server.client() as client:
        client.hset(f"bull:{name}:meta", "version", "bullmq:5.81.5")
    yield sandbox.settings.model_copy(update={"queue": queue.queue, "redis": queue.redis, "worker": ()}), name
    with open_records(sandbox.settings.records) as records:
        for table in TABLES:
            records.execute(f"DELETE FROM {table}")


def fail(client: "redis.Redis", queue: str, job: str, at: float, **fields: str) -> None:
    """As a worker does at that time by its own clock, in seconds."""
    data: dict[Any, Any] = {
        "name": "make",
        "data": json.dumps({"order": f"{queue} {job}"}),
        "failedReason": "no such font",
        **fields,
    }
    client.hset(f"bull:{queue}:{job}", mapping=data)
    client.zadd(f"bull:{queue}:failed", {job: at * 1000})


def outcome(report: QueuesReport, check: str) -> Outcome:
    return next(found.outcome for found in report.checks if found.check == check)


def test_failed_jobs_are_counted_once_whatever_the_clocks_of_the_workers_say(
    bull: tuple[Settings, str], server: RedisHere
) -> None:
    settings, name = bull
    now, expected = time.time(), 0
    with server.client() as client:
        for at in (now, now - 20, now + 7200, float("inf"), now, now + 1):  # ahead of the cursor, and behind it
            fail(client, name, str(expected), at)
            expected += 1
            assert check_queues(settings).queues[0].growth == expected
            assert check_queues(settings).queues[0].growth == expected
        fail(client, name, "0", now + 2)  # retried, and failed again
        assert check_queues(settings).queues[0].growth == expected + 1
    with open_records(settings.records) as records:
        orders = {f"{name} {job}" for job in range(expected)}
        assert failed_orders(records, orders).keys() == orders


def test_every_order_of_many_failed_jobs_is_named_and_what_is_too_large_to_read_rings(
    bull: tuple[Settings, str], server: RedisHere
) -> None:
    settings, name = bull
    with server.client() as client:
        for job in range(250):
            fail(client, name, str(job), time.time())
        assert check_queues(settings).queues[0].growth == 250
        with open_records(settings.records) as records:
            orders = {f"{name} {job}" for job in range(250)}
            assert failed_orders(records, orders).keys() == orders
        fail(client, name, "large", time.time(), data=json.dumps("y" * 2_000_000))
        fail(client, name, token_hex(4_500), time.time())  # longer than an index of the records takes
        client.lpush(f"bull:{name}:wait", token_hex(4_500))
        report = check_queues(settings)
    assert (report.queues[0].growth, report.queues[0].unknown.get("growth")) == (252, None)
    assert outcome(report, "queues.failed") is Outcome.FAIL
    assert "1 newly failed job may be of paid orders" in "".join(check.detail for check in report.checks)


def test_a_score_that_is_no_time_hides_no_other_job(bull: tuple[Settings, str], server: RedisHere) -> None:
    settings, name = bull
    late = time.time() - 1000
    with server.client() as client:
        scores = {"zero": 0.0, "late": late * 1000 * 4096, "first": float("-inf"), "last": float("inf")}
        client.zadd(f"bull:{name}:delayed", scores)
        state = check_queues(settings).queues[0]
        assert (state.due, state.never) == (3, 1)
        assert state.oldest is not None
        assert 1000 <= state.oldest.seconds < 2000

        client.zadd(f"queues:{name}:delayed", {"zero": 0, "late": late, "first": float("-inf"), "last": float("inf")})
        laravel = server.configured({"name": name, "kind": "laravel-redis", "prefix": "", "cluster": "live_db"})
        state = check_queues(settings.model_copy(update={"queue": laravel.queue})).queues[0]
    assert (state.due, state.never) == (3, 1)
    assert state.oldest is not None
    assert 1000 <= state.oldest.seconds < 2000


def test_few_of_large_payloads_are_read(bull: tuple[Settings, str], server: RedisHere) -> None:
    settings, name = bull
    laravel = server.configured({"name": name, "kind": "laravel-redis", "prefix": "", "cluster": "live_db"})
    large = settings.model_copy(update={"queue": laravel.queue})
    with server.client() as client:
        for number in range(12):
            client.rpush(f"queues:{name}", json.dumps({"job": "call", "uuid": str(number), "data": "y" * 8_000_000}))
        before = client.info("stats")["total_net_output_bytes"]
        assert check_queues(large).queues[0].depth == 12
        read = client.info("stats")["total_net_output_bytes"] - before
        client.delete(f"queues:{name}")
    assert read < 50_000_000


def test_a_worker_of_a_queue_of_the_same_name_in_another_database_is_none_of_this(
    bull: tuple[Settings, str], server: RedisHere
) -> None:
    settings, _ = bull
    settings = settings.model_copy(
        update={"queue": server.configured({"name": "q", "kind": "bullmq", "queue": "print-files"}).queue}
    )
    with server.client() as client:
        client.hset("bull:print-files:meta", "version", "bullmq:5.81.5")
    own = {"port": server.port, "password": "of this test", "client_name": "bull:cHJpbnQtZmlsZXM=:w:one"}
    with redis.Redis(**own, db=3) as other:  # type: ignore[arg-type]
        other.ping()
        assert check_queues(settings).queues[0].workers == 0
        with redis.Redis(**own) as worker:  # type: ignore[arg-type]
            worker.ping()
            assert check_queues(settings).queues[0].workers == 1
