"""Queues of Laravel's on a real Redis, written as its scripts write them, and Horizon's workers."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from printflow_reliability.queues.laravel_payload import payload_of
from printflow_reliability.queues.look import read_queue
from printflow_reliability.queues.order_jobs import value_at
from printflow_reliability.queues.state import Known, QueueState, Reading
from printflow_reliability_tests.stack.laravel_oracle import PREFIX, QUEUE, laravel
from printflow_reliability_tests.stack.redis_here import RedisHere, redis_here

pytestmark = pytest.mark.stack

LINE = f"{PREFIX}queues:default"
HORIZON = "shop_horizon:"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisHere]:
    with redis_here(tmp_path_factory.mktemp("redis")) as here:
        yield here


@pytest.fixture
def client(server: RedisHere) -> Iterator["redis.Redis"]:
    with server.client() as client:
        client.flushall()
        yield client


def payload(job: str = "1", **more: Any) -> str:
    return json.dumps({"uuid": job, "displayName": "App\\Jobs\\Make", "job": "Call@call", "data": {}, **more})


def reading(server: RedisHere, known: Known | None = None, **changes: Any) -> Reading:
    entry = {"name": "default", "kind": "laravel-redis", "prefix": PREFIX, "cluster": "live_db", **changes}
    settings = server.configured(entry)
    return read_queue(settings, settings.queue[0], known)


def state(server: RedisHere, known: Known | None = None, **changes: Any) -> QueueState:
    return reading(server, known, **changes).state


def test_a_payload_that_overrides_its_class_is_told_apart(server: RedisHere, client: "redis.Redis") -> None:
    usual = {"maxTries": 5, "timeout": 300, "failOnTimeout": True, "backoff": "10,60"}
    client.rpush(LINE, payload("a", **usual), payload("b", **usual), payload("c", maxTries=1), "{", json.dumps([1]))

    found = state(server).options

    assert found is not None
    assert (found.looked_at, found.whole, found.unread) == (5, True, 2)
    other = {**dict.fromkeys(usual), "maxTries": 1}
    assert [(kind.job, kind.jobs, kind.options) for kind in found.kinds] == [
        ("App\\Jobs\\Make", 2, usual),
        ("App\\Jobs\\Make", 1, other),
    ]


def test_jobs_that_only_a_worker_would_move_into_the_line_are_waiting_work(
    server: RedisHere, client: "redis.Redis"
) -> None:
    now = time.time()
    client.rpush(LINE, payload("a"))
    client.zadd(f"{LINE}:delayed", {payload("b"): now - 400, payload("c"): now + 900})
    client.zadd(f"{LINE}:reserved", {payload("d"): now - 20, payload("e"): now + 60})

    found = state(server)

    assert (found.depth, found.waiting, found.delayed, found.due) == (3, 1, 2, 1)
    assert (found.reserved, found.stalled) == (2, 1)
    assert found.oldest is not None
    assert 399 < found.oldest.seconds < 460


def test_a_payload_without_a_time_is_as_old_as_our_first_sight_of_it(server: RedisHere, client: "redis.Redis") -> None:
    client.rpush(LINE, payload("a"))

    first = reading(server)
    later = reading(server, Known(True, None, {"a/0": first.first_seen["a/0"] - 700}))

    assert first.state.oldest is not None
    assert (first.state.oldest.seconds < 1, first.state.oldest.exact) == (True, False)
    assert later.state.oldest is not None
    assert (later.state.oldest.seconds > 699, later.state.oldest.exact) == (True, False)


@pytest.mark.parametrize("key", ["pushedAt", "createdAt"])
def test_a_payload_with_a_time_tells_its_age_until_it_is_tried_again(
    server: RedisHere, client: "redis.Redis", key: str
) -> None:
    client.rpush(LINE, payload("a", **{key: time.time() - 500}))
    fresh = state(server).oldest
    assert fresh is not None
    assert (fresh.seconds > 499, fresh.exact) == (True, True)

    client.delete(LINE)
    client.rpush(LINE, payload("a", attempts=1, **{key: time.time() - 500}))
    tried = state(server).oldest
    assert tried is not None
    assert (tried.seconds < 60, tried.exact) == (True, False)


@pytest.mark.parametrize(
    "junk", ["", "no JSON", "[]", '"text"', "{}", '{"job": 5}', "[" * 5000, b"\xff\x00\xfe", "1e999", "NaN"]
)
def test_junk_is_counted_and_keeps_nobody_else_from_being_seen(
    server: RedisHere, client: "redis.Redis", junk: str | bytes
) -> None:
    client.rpush(LINE, junk, payload("a", pushedAt=time.time() - 500))
    found = state(server)
    assert (found.waiting, found.junk) == (2, 1)
    assert found.oldest is not None
    assert found.oldest.seconds > 499


@pytest.mark.parametrize("time_of_a_job", ["soon", [], {}, None, True, 1e400, "1e999", -5])
def test_a_time_that_is_none_is_one_that_is_not_told(
    server: RedisHere, client: "redis.Redis", time_of_a_job: object
) -> None:
    client.rpush(LINE, payload("a", pushedAt=time_of_a_job))
    found = state(server)
    assert found.oldest is not None
    assert (found.oldest.seconds < 60, found.oldest.exact) == (True, False)


def test_a_wrong_prefix_is_no_empty_queue(server: RedisHere, client: "redis.Redis") -> None:
    client.rpush(LINE, payload())
    assert f'there is one with the prefix "{PREFIX}"' in state(server, prefix="other_database_").unreadable
    assert 'with that prefix there is "default"' in state(server, queue="print").unreadable
    assert 'with that prefix there is "default"' in state(server, queue="d*").unreadable  # literally


def test_an_empty_queue_is_believed_where_it_was_seen_or_its_prefix_is_in_use(
    server: RedisHere, client: "redis.Redis"
) -> None:
    assert "nor anything else with that prefix" in state(server).unreadable
    assert state(server, Known(seen=True)).depth == 0
    client.set(f"{PREFIX}illuminate:queue:restart", "1")
    assert state(server).depth == 0


def test_a_key_of_another_type_is_unknown(server: RedisHere, client: "redis.Redis") -> None:
    client.set(LINE, "text")
    assert "WRONGTYPE" in state(server).unreadable


def test_failed_jobs_of_a_database_that_is_away_are_unknown_and_the_queue_is_not(
    server: RedisHere, client: "redis.Redis"
) -> None:
    client.rpush(LINE, payload())
    found = state(server)
    assert found.failed is None
    assert "live_db" in found.unknown["failed"]
    assert found.depth == 1


def test_our_numbers_are_those_of_laravels_own_code(server: RedisHere, client: "redis.Redis") -> None:
    said = laravel(server)[QUEUE]
    found = state(server, queue=QUEUE)
    assert (found.waiting, found.delayed, found.due, found.reserved, found.stalled) == (2, 2, 0, 1, 0)
    assert (found.waiting or 0) + (found.delayed or 0) + (found.reserved or 0) == said["size"]
    assert (found.depth, found.junk) == (2, 0)
    assert found.oldest is not None
    assert not found.oldest.exact  # 8.83 tells no time
    (first,) = client.lrange(f"{PREFIX}queues:{QUEUE}", 0, 0)
    assert value_at(payload_of(first).document, "data.command.orderId") == "3"


def horizon(server: RedisHere) -> QueueState:
    return state(server, kind="horizon", horizon_prefix=HORIZON)


def beat(client: "redis.Redis", *, age: float, processes: str, status: str = "running") -> None:
    now = time.time()
    client.zadd(f"{HORIZON}masters", {"host-a": now - age})
    client.hset(f"{HORIZON}master:host-a", "status", status)
    client.zadd(f"{HORIZON}supervisors", {"host-a:one": now - age})
    client.hset(f"{HORIZON}supervisor:host-a:one", mapping={"processes": processes, "status": status})


def test_horizons_processes_are_counted_for_their_queue_alone(server: RedisHere, client: "redis.Redis") -> None:
    client.rpush(LINE, payload())
    beat(client, age=1, processes='{"redis:high,default": 3, "redis:default2": 5}')
    assert (horizon(server).workers, horizon(server).paused) == (3, False)
    beat(client, age=1, processes='{"redis:high": 3}', status="paused")
    assert (horizon(server).workers, horizon(server).paused) == (0, True)


def test_a_supervisor_that_is_paused_by_itself_has_no_worker(server: RedisHere, client: "redis.Redis") -> None:
    client.rpush(LINE, payload())
    beat(client, age=1, processes='{"redis:default": 3}')
    client.hset(f"{HORIZON}supervisor:host-a:one", "status", "paused")
    assert (horizon(server).workers, horizon(server).paused) == (0, True)
    client.zadd(f"{HORIZON}supervisors", {"host-a:two": time.time()})
    client.hset(f"{HORIZON}supervisor:host-a:two", mapping={"processes": '{"redis:default": 2}', "status": "running"})
    assert (horizon(server).workers, horizon(server).paused) == (2, False)


def test_a_horizon_whose_time_is_old_is_dead(server: RedisHere, client: "redis.Redis") -> None:
    client.rpush(LINE, payload())
    beat(client, age=40, processes='{"redis:default": 3}')
    assert horizon(server).workers == 0
    beat(client, age=-7200, processes='{"redis:default": 3}')  # by a clock ahead, it would live for two hours more
    assert horizon(server).workers is None
    assert "lie in the future" in horizon(server).unknown["workers"]


def test_horizon_with_a_wrong_prefix_or_odd_processes_is_unknown(server: RedisHere, client: "redis.Redis") -> None:
    client.rpush(LINE, payload())
    assert "nothing of Horizon is there" in horizon(server).unknown["workers"]
    for odd in ("no JSON", "[]", '{"redis:default": "many"}'):
        beat(client, age=1, processes=odd)
        assert horizon(server).workers is None
