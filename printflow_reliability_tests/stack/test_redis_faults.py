"""Faults of a real Redis and of queues in it, planted for real: each is told, none reads as an empty queue."""

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
import trustme

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.queues.look import check_queues
from printflow_reliability.settings import Settings, WorkerSettings
from printflow_reliability_tests.ports import closed_port, silent_port
from printflow_reliability_tests.stack.queued import AOF, acl, check, client, durability, outcomes, server, worker_of
from printflow_reliability_tests.stack.redis_here import READ_ONLY, RedisHere, redis_here

__all__ = ["client", "server"]

pytestmark = pytest.mark.stack

BULL = {"name": "print files", "kind": "bullmq", "queue": "print-files"}
PASSED = "pass"


@pytest.mark.alarm("queues.age", "silent")
@pytest.mark.alarm("queues.failed", "silent")
@pytest.mark.alarm("queues.stalled", "silent")
@pytest.mark.alarm("queues.workers", "silent")
@pytest.mark.alarm("redis.durability", "silent")
def test_a_queue_without_trouble_is_well(server: RedisHere, client: "redis.Redis") -> None:
    with worker_of(server) as worker:
        worker.ping()
        report = check_queues(server.configured(BULL))
    assert outcomes(report) == {
        **{f"queues.{name}": PASSED for name in ("age", "failed", "stalled", "workers")},
        "redis.durability": PASSED,
    }
    assert report.as_json()["ok"]


def plant(client: "redis.Redis", where: str, number: int, age: float = 0.0) -> None:
    job = f"bull:print-files:{number}"
    at = int((time.time() - age) * 1000)
    client.hset(
        job, mapping={"name": "make", "data": json.dumps({"order": {"id": number}}), "timestamp": at, "delay": 0}
    )
    if where == "failed":
        client.hset(job, "failedReason", "no such font")
        client.zadd("bull:print-files:failed", {str(number): at})
    else:
        client.lpush(f"bull:print-files:{where}", number)


@pytest.mark.alarm("queues.age", "ring")
def test_a_job_that_waits_for_longer_than_five_minutes_rings(server: RedisHere, client: "redis.Redis") -> None:
    plant(client, "wait", 7, age=400)
    found = check(check_queues(server.configured(BULL)), "queues.age")
    assert found.outcome is Outcome.FAIL
    assert found.detail.startswith('queue "print files": the oldest job has been waiting for 6 min 4')
    assert found.detail.endswith("(limit 5 min), 1 job waits")


@pytest.mark.alarm("queues.failed", "ring")
def test_a_job_that_failed_rings(server: RedisHere, client: "redis.Redis") -> None:
    plant(client, "failed", 7)
    found = check(check_queues(server.configured(BULL)), "queues.failed")
    assert found.outcome is Outcome.FAIL
    assert found.detail == 'queue "print files": 1 job failed within 1 h (limit 0); 1 is kept as failed'


@pytest.mark.alarm("queues.stalled", "ring")
def test_a_job_without_a_lock_rings(server: RedisHere, client: "redis.Redis") -> None:
    plant(client, "active", 7)
    plant(client, "active", 8)
    client.set("bull:print-files:8:lock", "token", ex=30)
    found = check(check_queues(server.configured(BULL)), "queues.stalled")
    assert (found.outcome, found.detail) == (
        Outcome.FAIL,
        'queue "print files": 1 job was taken and left, without a lock',
    )


@pytest.mark.alarm("queues.workers", "ring")
def test_a_queue_without_a_worker_rings(server: RedisHere, client: "redis.Redis") -> None:
    found = check(check_queues(server.configured(BULL)), "queues.workers")
    assert (found.outcome, found.detail) == (Outcome.FAIL, 'queue "print files": 0 workers alive, 1 worker needed')


def test_each_queue_has_trouble_of_its_own(server: RedisHere, client: "redis.Redis") -> None:
    plant(client, "wait", 7, age=400)
    found = check(check_queues(server.configured(BULL, {**BULL, "name": "lost", "queue": "lost"})), "queues.age")
    assert found.outcome is Outcome.FAIL
    assert 'queue "lost": there is no queue "lost" with the prefix "bull"' in found.detail


@pytest.mark.parametrize("field", ["timestamp", "data", "everything", "the type"])
def test_a_job_that_no_worker_can_read_is_counted_as_junk(server: RedisHere, client: "redis.Redis", field: str) -> None:
    plant(client, "wait", 7)
    if field in ("everything", "the type"):
        client.delete("bull:print-files:7")
        if field == "the type":
            client.set("bull:print-files:7", "text")
    else:
        client.hset("bull:print-files:7", field, "{")
        if field == "timestamp":
            client.hdel("bull:print-files:7", "timestamp")
    report = check_queues(server.configured(BULL))
    assert (report.queues[0].waiting, report.queues[0].junk) == (1, 1)
    found = check(report, "queues.age")
    assert "1 payload of waiting jobs can be read by no worker" in found.detail
    # Since when one that tells no time waits only the records know, which are away here.
    assert found.outcome is (Outcome.WARN if field == "data" else Outcome.UNKNOWN)


def test_a_paused_queue_is_told(server: RedisHere, client: "redis.Redis") -> None:
    client.hset("bull:print-files:meta", "paused", "1")
    plant(client, "paused", 7, age=400)
    found = check(check_queues(server.configured(BULL)), "queues.age")
    assert found.outcome is Outcome.FAIL
    assert found.detail.endswith("1 job waits; it is paused, so that workers take nothing from it")


@pytest.mark.parametrize("beat", ["fresh", "milliseconds", "there", "old", "none", "endless"])
def test_a_heartbeat_of_a_worker_is_a_key(server: RedisHere, client: "redis.Redis", beat: str) -> None:
    now = time.time()
    values = {"fresh": now - 5, "milliseconds": int(now * 1000), "there": "alive", "old": now - 500, "endless": "alive"}
    if beat in values:
        client.set("beat:[scheduler]*", str(values[beat]), ex=None if beat == "endless" else 60)
    worker = WorkerSettings(name="scheduler", redis="main", key="beat:[scheduler]*")
    settings = server.configured().model_copy(update={"worker": (worker,)})
    told = {"old": Outcome.FAIL, "none": Outcome.FAIL, "endless": Outcome.UNKNOWN}
    found = check(check_queues(settings), "queues.workers")
    assert found.outcome is told.get(beat, Outcome.PASS), found


@pytest.mark.alarm("queues.age", "unknown")
@pytest.mark.alarm("queues.failed", "unknown")
@pytest.mark.alarm("queues.stalled", "unknown")
@pytest.mark.alarm("queues.workers", "unknown")
@pytest.mark.alarm("redis.durability", "unknown")
@pytest.mark.parametrize("trouble", ["closed", "silent", "password", "no password", "no rights", "no TLS"])
def test_a_redis_that_does_not_answer_is_unknown_and_never_empty(
    server: RedisHere, client: "redis.Redis", trouble: str
) -> None:
    acl(client, "nobody", "on", ">reads", "~*", "-@all", "+ping")
    told = {
        "closed": "cannot be reached",
        "silent": "did not answer within 5 s",
        "password": "wants another user or password",
        "no password": "wants another user or password",
        "no rights": "refuses",
        "no TLS": "does it speak TLS",
    }
    with closed_port() as closed, silent_port() as silent:
        urls = {
            "closed": f"redis://127.0.0.1:{closed}/0",
            "silent": f"redis://127.0.0.1:{silent}/0",
            "password": server.url(password="secret-of-nobody"),
            "no password": f"redis://127.0.0.1:{server.port}/0",
            "no rights": server.url("nobody", "reads"),
            "no TLS": server.url().replace("redis://", "rediss://"),
        }
        report = check_queues(server.configured(BULL, url=urls[trouble]))
    assert set(outcomes(report).values()) == {"unknown"}
    assert all(told[trouble] in check.detail for check in report.checks), report.checks
    assert "secret-of-nobody" not in str(report)
    assert report.queues[0].depth is None


def test_a_redis_that_wants_tls_is_read_with_its_authority_alone(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    files = [("--tls-cert-file", "cert.pem"), ("--tls-key-file", "key.pem"), ("--tls-ca-cert-file", "ca.pem")]
    with closed_port() as tls_port:
        pass
    options = [part for option, name in files for part in (option, str(tmp_path / name))]
    with redis_here(tmp_path, *AOF, "--tls-port", str(tls_port), "--tls-auth-clients", "no", *options) as server:
        plain = server.url().replace(str(server.port), str(tls_port))
        secure = plain.replace("redis://", "rediss://")

        def asked(url: str, **more: object) -> CheckResult:
            settings = server.configured().model_copy(update={"redis": (server.settings(url=url, **more),)})
            return durability(settings)

        assert asked(secure, ca_file=tmp_path / "ca.pem").outcome is Outcome.PASS
        assert asked(secure).outcome is Outcome.UNKNOWN
        assert "certificate" in asked(secure).detail
        assert asked(plain).outcome is Outcome.UNKNOWN
        assert "does it want TLS?" in asked(plain).detail


@pytest.mark.parametrize("way", ["IPv6", "a socket", "a socket of nobody", "a closed port"])
def test_a_redis_is_asked_by_ipv6_and_by_a_socket(server: RedisHere, client: "redis.Redis", way: str) -> None:
    plant(client, "wait", 7, age=400)
    configured: Any = client.config_get("unixsocket")
    secret = "of%20this%20test"
    with closed_port() as closed:
        url = {
            "IPv6": f"redis://:{secret}@[::1]:{server.port}/0",
            "a socket": f"unix://:{secret}@{configured['unixsocket']}?db=0",
            "a socket of nobody": f"unix://:{secret}@{configured['unixsocket']}-of-nobody",
            "a closed port": f"redis://:{secret}@[::1]:{closed}/0",
        }[way]
        report = check_queues(server.configured(BULL, url=url))
    if way in ("IPv6", "a socket"):
        assert (report.queues[0].depth, outcomes(report)["queues.age"]) == (1, "fail")
        assert outcomes(report)["redis.durability"] == PASSED
    else:
        assert set(outcomes(report).values()) == {"unknown"}
        assert all("cannot be reached" in check.detail for check in report.checks), report.checks
    assert "of this test" not in str(report)


def test_a_redis_that_is_stopped_in_mid_work_is_unknown(server: RedisHere, client: "redis.Redis") -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        report = check_queues(server.configured(BULL))
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert set(outcomes(report).values()) == {"unknown"}


def test_where_config_is_refused_info_tells_and_the_fsync_policy_alone_is_not_known(
    server: RedisHere, client: "redis.Redis"
) -> None:
    acl(client, "watcher", *READ_ONLY)
    found = durability(server.configured(url=server.url("watcher", "reads")))
    assert found.outcome is Outcome.WARN
    assert "its user may not ask CONFIG GET (appendfsync)" in found.detail
    assert ";" not in found.detail
    acl(client, "watcher", "+config|get")
    assert durability(server.configured(url=server.url("watcher", "reads"))).outcome is Outcome.PASS


@pytest.mark.alarm("redis.durability", "ring")
@pytest.mark.parametrize(
    ("setting", "value", "back", "told"),
    [
        ("appendonly", "no", "yes", "its append-only file is off"),
        ("appendfsync", "no", "everysec", "appendfsync is no"),
        ("maxmemory-policy", "volatile-lru", "noeviction", "its eviction policy is volatile-lru"),
        ("maxmemory-policy", "allkeys-lfu", "noeviction", "its eviction policy is allkeys-lfu"),
    ],
)
def test_a_setting_that_may_lose_jobs_is_named(
    server: RedisHere, client: "redis.Redis", setting: str, value: str, back: str, told: str
) -> None:
    client.config_set(setting, value)
    try:
        found = durability(server.configured())
        assert found.outcome in (Outcome.FAIL, Outcome.WARN)
        assert told in found.detail
        cache = server.configured().model_copy(update={"redis": (server.settings(may_lose=True),)})
        assert durability(cache).outcome is Outcome.PASS
    finally:
        client.config_set(setting, back)


def test_keys_that_were_evicted_and_memory_that_is_nearly_full_are_told(tmp_path: Path) -> None:
    with redis_here(tmp_path, *AOF, "--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru") as full:
        with full.client() as client:
            for number in range(4000):
                client.set(f"job:{number}", "x" * 1000)
        found = durability(full.configured())
    assert found.outcome is Outcome.FAIL
    assert "were evicted since it was started" in found.detail
    assert "it evicts jobs once its memory is full" in found.detail
    assert "of its maxmemory of 3.1 MB are used" in found.detail


@pytest.mark.parametrize(("key", "number"), [("laravel_cache:tenants", 0), ("anything", 1)])
def test_a_cache_on_the_same_instance_is_told(server: RedisHere, client: "redis.Redis", key: str, number: int) -> None:
    with redis.Redis(port=server.port, password="of this test", db=number) as other:
        other.set(key, "1")
    found = durability(server.configured())
    assert (found.outcome, "cache" in found.detail) == (Outcome.WARN, True)


def test_a_replica_that_lags_a_replica_that_is_asked_and_a_lost_primary_are_told(tmp_path: Path) -> None:
    for name in ("primary", "replica"):
        (tmp_path / name).mkdir()
    with redis_here(tmp_path / "primary", *AOF, "--repl-ping-replica-period", "1") as primary:
        of = ("--replicaof", f"127.0.0.1 {primary.port}", "--masterauth", "of this test")
        with redis_here(tmp_path / "replica", *AOF, *of) as replica:
            wanted = primary.configured().model_copy(
                update={"redis": (primary.settings(replicas=1, replica_lag_seconds=2),)}
            )
            await_outcome(wanted, Outcome.PASS)
            assert "is a replica" in durability(replica.configured()).detail
            os.kill(replica.process.pid, signal.SIGSTOP)
            try:
                found = await_outcome(wanted, Outcome.FAIL)
                assert "has not answered for" in found.detail
                assert "0 replicas in step, 1 needed" in found.detail
            finally:
                os.kill(replica.process.pid, signal.SIGCONT)
            await_outcome(wanted, Outcome.PASS)
            primary.process.kill()
            primary.process.wait()
            deadline = time.monotonic() + 30
            while "lost its primary" not in durability(replica.configured()).detail:
                assert time.monotonic() < deadline
                time.sleep(0.2)


def await_outcome(settings: Settings, outcome: Outcome) -> CheckResult:
    deadline = time.monotonic() + 30
    while (found := durability(settings)).outcome is not outcome:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def test_a_redis_that_loads_is_unknown(tmp_path: Path) -> None:
    with redis_here(tmp_path) as before, before.client() as client:
        client.hset("bull:print-files:meta", "version", "bullmq:5.81.5")
        client.mset({f"key:{number}": "x" for number in range(4_000)})
        client.save()
    with redis_here(tmp_path, "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024") as loading:
        found = check_queues(loading.configured(BULL))
        with suppress(redis.RedisError), loading.client() as client:
            assert client.info("persistence")["loading"] == 1, "it was too quick to be seen"
    assert set(outcomes(found).values()) == {"unknown"}
    assert all("loading" in check.detail for check in found.checks), found.checks
