"""`printflow queues` in the sandbox: its pdf-service's queue by a role that only reads, and what records remember."""

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from psycopg.conninfo import conninfo_to_dict

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.cli import run
from printflow_reliability.parallel import run_parallel
from printflow_reliability.platform.connect import connect
from printflow_reliability.queues import bullmq_failures, failed_table
from printflow_reliability.queues.look import check_queues
from printflow_reliability.records.database import open_records
from printflow_reliability.records.queues import OrderJob, failed_orders, remember_order_jobs
from printflow_reliability.sandbox import node_pdf_service
from printflow_reliability.settings import QueueOrderSettings, QueueSettings, Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.counter import Row, counter_of
from printflow_reliability_tests.stack.laravel_oracle import laravel
from printflow_reliability_tests.stack.queue_records import nothing_known_of_queues
from printflow_reliability_tests.stack.redis_here import redis_here

pytestmark = pytest.mark.stack

FAILED = (
    "INSERT INTO failed_jobs (uuid, connection, queue, payload, exception) VALUES (%s, 'database', %s, %s, 'again')"
)


@pytest.fixture
def fresh(sandbox: StackSandbox) -> Iterator[StackSandbox]:
    """Nothing is known of any queue, and no job is left."""
    with nothing_known_of_queues(sandbox):
        yield sandbox


def documents(sandbox: StackSandbox, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, Any]:
    code = run(["--config", str(sandbox.config), "queues", "--json", *more])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.skipif(bool(node_pdf_service.missing()), reason="the sandbox has no pdf-service here")
def test_the_sandboxs_queues_are_well_and_its_pdf_service_is_the_worker(
    fresh: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = documents(fresh, capsys)
    assert (code, document["ok"]) == (0, True), document
    found = {queue["name"]: queue for queue in document["queues"]}
    assert found.keys() == {"default", "print files"}
    assert (found["print files"]["workers"], found["print files"]["depth"]) == (1, 0)
    assert document["redis"][0]["appendfsync"] == "everysec"
    assert run(["--config", str(fresh.config), "queues"]) == 0
    shown = capsys.readouterr().out
    assert "Redis redis: append-only file on" in shown
    assert "OK  queues.age" in shown


def test_without_redis_its_queues_are_unknown_and_the_databases_are_not(
    fresh: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    with fresh.stopped("redis"):
        code, document = documents(fresh, capsys)
    assert code == 2
    found = {queue["name"]: queue for queue in document["queues"]}
    assert found["default"]["depth"] == 0
    if "print files" in found:
        assert found["print files"]["depth"] is None
        assert "cannot be reached" in found["print files"]["unreadable"]


def platform(settings: Settings, statement: str, *values: object) -> None:
    """What the platform's own role does."""
    cluster = settings.cluster_named("live_db")
    application = cluster.model_copy(update={"url": settings.tenancy.restore_url})
    with connect(application, read_only=False) as connection:
        connection.execute(statement, values)


@pytest.fixture
def failing(fresh: StackSandbox) -> Iterator[tuple[Settings, str]]:
    """Settings with one queue on the database that nobody else uses, and its name."""
    name = f"q-{uuid4()}"
    queue = QueueSettings(name=name, kind="laravel-database", cluster="live_db", oldest_seconds=300, failed_seconds=600)
    yield fresh.settings.model_copy(update={"queue": (queue,), "redis": (), "worker": ()}), name
    platform(fresh.settings, "DELETE FROM failed_jobs WHERE queue = %s", name)
    platform(fresh.settings, "DELETE FROM jobs WHERE queue = %s", name)


def growth(settings: Settings) -> tuple[int | None, int | None]:
    state = check_queues(settings).queues[0]
    return state.failed, state.growth


def test_growth_is_counted_by_cursor_and_no_retry_makes_it_less(failing: tuple[Settings, str]) -> None:
    settings, name = failing
    assert growth(settings) == (0, 0)
    for _ in range(3):
        platform(settings, FAILED, uuid4(), name, "{}")
    assert growth(settings) == (3, 3)
    assert growth(settings) == (3, 3)
    platform(settings, "DELETE FROM failed_jobs WHERE queue = %s", name)  # as queue:retry all does
    assert growth(settings) == (0, 3)
    platform(settings, FAILED, uuid4(), name, "{}")
    assert growth(settings) == (1, 4)


def test_a_failure_whose_transaction_commits_after_a_later_ones_is_counted_once(failing: tuple[Settings, str]) -> None:
    settings, name = failing
    rule = QueueOrderSettings(job="make", path="order")
    settings = settings.model_copy(update={"queue": (settings.queue[0].model_copy(update={"order": (rule,)}),)})
    assert growth(settings) == (0, 0)
    application = settings.cluster_named("live_db").model_copy(update={"url": settings.tenancy.restore_url})
    with connect(application, read_only=False) as slow, slow.transaction():
        slow.execute(FAILED, (uuid4(), name, json.dumps({"job": "make", "order": "late"})))  # its id is given here
        platform(settings, FAILED, uuid4(), name, "{}")
        assert growth(settings) == (1, 1)
    run_parallel([lambda: growth(settings)] * 3)
    assert growth(settings) == (2, 2)
    assert orders_found(settings, ["late"]) == {"late"}
    platform(settings, FAILED, uuid4(), name, "{}")
    assert growth(settings) == (3, 3)


def test_failures_after_a_restore_to_an_earlier_moment_are_counted(failing: tuple[Settings, str]) -> None:
    settings, name = failing
    platform(settings, FAILED, uuid4(), name, "{}")
    assert growth(settings) == (1, 1)
    with open_records(settings.records) as records:  # as if ids had come much farther before
        records.execute("UPDATE queues SET failed_cursor = failed_cursor + 1000 WHERE name = %s", (name,))
    platform(settings, FAILED, uuid4(), name, "{}")
    failed, grown = growth(settings)
    assert failed == 2
    assert grown is not None
    assert grown >= 2


def test_two_looks_at_once_count_nothing_twice(failing: tuple[Settings, str]) -> None:
    settings, name = failing
    growth(settings)
    platform(settings, FAILED, uuid4(), name, "{}")
    run_parallel([lambda: growth(settings)] * 4)
    assert growth(settings) == (1, 1)


def test_a_queue_that_was_seen_once_is_empty_and_not_unknown(failing: tuple[Settings, str]) -> None:
    settings, name = failing
    job = 'INSERT INTO jobs (queue, payload, available_at, created_at) VALUES (%s, \'{"job": "call"}\', 0, 0)'
    platform(settings, job, f"{name} of others")
    try:
        assert "was ever seen" in check_queues(settings).queues[0].unreadable
        platform(settings, job, name)
        assert check_queues(settings).queues[0].depth == 1
        platform(settings, "DELETE FROM jobs WHERE queue = %s", name)
        assert check_queues(settings).queues[0].depth == 0
    finally:
        platform(settings, "DELETE FROM jobs WHERE queue = %s", f"{name} of others")


def test_our_numbers_of_a_table_are_those_of_laravels_own_code(failing: tuple[Settings, str], tmp_path: Path) -> None:
    settings, name = failing
    parts = conninfo_to_dict(str(settings.tenancy.restore_url))
    dsn = "pgsql:" + ";".join(f"{key}={parts[key]}" for key in ("host", "port", "dbname", "user", "password"))
    with redis_here(tmp_path) as server:
        said = laravel(server, dsn, name)["database"]
    rule = QueueOrderSettings(job="MakePrintFile", path="data.command.orderId")
    queue = settings.queue[0].model_copy(update={"order": (rule,)})
    state = check_queues(settings.model_copy(update={"queue": (queue,)})).queues[0]
    assert (state.waiting, state.delayed, state.reserved, state.stalled) == (1, 2, 2, 0)
    assert (state.waiting or 0) + (state.delayed or 0) + (state.reserved or 0) == said["size"]
    assert (state.failed, state.growth, state.junk) == (said["failed"], 1, 0)
    with open_records(settings.records) as records:
        assert [(order, job.reason) for order, job in failed_orders(records, ["2", "3", "4"]).items()] == [
            ("3", "RuntimeException: no such font")
        ]


def orders_found(settings: Settings, orders: Sequence[str]) -> set[str]:
    with open_records(settings.records) as records:
        return set(failed_orders(records, orders))


def failed_check(settings: Settings) -> CheckResult:
    return next(check for check in check_queues(settings).checks if check.check == "queues.failed")


def test_failed_jobs_beyond_what_a_look_reads_are_counted_and_said_to_be_unread(
    fresh: StackSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bullmq_failures, "MOST_FAILED", 3)
    orders = [f"bound-{number}" for number in range(8)]
    rule = QueueOrderSettings(job="make", path="order")
    queue = QueueSettings(name="bound", kind="bullmq", redis="main", oldest_seconds=300, order=(rule,))
    with redis_here(tmp_path) as server, server.client() as client:
        settings = fresh.settings.model_copy(update={"redis": (server.settings(),), "queue": (queue,), "worker": ()})
        client.hset("bull:bound:meta", "version", "bullmq:5.81.5")
        began = int(time.time() * 1000) - 1000
        for order, later in zip(orders, (0, 1, 2, 2, 2, 3, 4, 5), strict=True):
            client.zadd("bull:bound:failed", {order: began + later})  # some within one millisecond
            client.hset(f"bull:bound:{order}", mapping={"name": "make", "data": json.dumps({"order": order})})
        found = failed_check(settings)
        assert found.outcome is Outcome.FAIL, found.detail
        assert "5 newly failed jobs" in found.detail
        assert orders_found(settings, orders) == set(orders[-3:])


def test_failed_rows_beyond_what_a_look_reads_are_counted_and_said_to_be_unread(
    failing: tuple[Settings, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_table, "AT_ONCE", 1)
    monkeypatch.setattr(failed_table, "MOST", 2)
    settings, name = failing
    rule = QueueOrderSettings(job="make", path="order")
    settings = settings.model_copy(update={"queue": (settings.queue[0].model_copy(update={"order": (rule,)}),)})
    growth(settings)
    orders = [f"bound-{number}" for number in range(5)]
    for order in orders:
        platform(settings, FAILED, uuid4(), name, json.dumps({"job": "make", "order": order}))
    found = failed_check(settings)
    assert found.outcome is Outcome.FAIL, found.detail
    assert "3 newly failed jobs" in found.detail
    assert orders_found(settings, orders) == set(orders[-2:])


def test_with_the_records_away_the_queues_are_seen_all_the_same(failing: tuple[Settings, str]) -> None:
    settings, name = failing
    platform(settings, FAILED, uuid4(), name, "{}")
    nowhere = settings.records.model_copy(update={"url": "postgresql://nobody@127.0.0.1:1/records"})
    state = check_queues(settings.model_copy(update={"records": nowhere})).queues[0]
    assert (state.failed, state.growth) == (1, 1)
    assert "records are away" in state.unknown["growth"]


def test_a_redis_that_was_started_again_is_told_for_a_while(fresh: StackSandbox, tmp_path: Path) -> None:
    with redis_here(tmp_path, "--appendonly", "yes") as server:
        settings = fresh.settings.model_copy(update={"redis": (server.settings(),), "queue": (), "worker": ()})
        assert check_queues(settings).checks[0].outcome == "pass"
        assert check_queues(settings).checks[0].outcome == "pass"
        port = server.port
    with redis_here(tmp_path, "--appendonly", "yes", port=port):
        found = check_queues(settings).checks[0]
    assert found.outcome == "warn"
    assert "was started again" in found.detail


@pytest.mark.parametrize("way", ["FLUSHALL", "FLUSHDB", "a restart", "the last job is done", "another database"])
def test_a_redis_that_was_emptied_rings_and_its_queue_is_not_empty(
    fresh: StackSandbox, tmp_path: Path, way: str
) -> None:
    queue = QueueSettings(
        name="mail", kind="laravel-redis", redis="main", prefix="shop_", cluster="live_db", oldest_seconds=300
    )
    with redis_here(tmp_path, "--appendonly", "yes") as server, server.client() as opened:
        client: Any = opened
        settings = fresh.settings.model_copy(update={"redis": (server.settings(),), "queue": (queue,), "worker": ()})
        client.rpush("shop_queues:mail", json.dumps({"uuid": "1", "job": "call"}))
        client.set("shop_restart", "1")
        assert check_queues(settings).queues[0].depth == 1
        port = server.port
        if way in ("FLUSHALL", "FLUSHDB"):
            client.execute_command(way)
        elif way == "another database":
            client.execute_command("SELECT", 1)
            client.flushdb()
        if way in ("another database", "the last job is done"):
            client.execute_command("SELECT", 0)
            client.delete("shop_queues:mail")
        found = None if way == "a restart" else check_queues(settings)
    if way == "a restart":
        (tmp_path / "empty").mkdir()
        with redis_here(tmp_path / "empty", "--appendonly", "yes", port=port):
            found = check_queues(settings)
    assert found is not None
    durable = next(check for check in found.checks if check.check == "redis.durability")
    lost = "its data were gone at once" in durable.detail
    emptied = way in ("FLUSHALL", "FLUSHDB", "a restart")
    assert (lost, durable.outcome is Outcome.FAIL) == (emptied, emptied), durable
    assert (found.queues[0].depth is None) is emptied, found.queues
    assert ("was seen since its Redis was emptied" in found.queues[0].unreadable) is emptied


def test_a_failed_job_holds_its_order_within_its_time_of_grace(fresh: StackSandbox) -> None:
    with counter_of(fresh) as counter:
        now = datetime.now(UTC).isoformat()
        counter.rows += [Row("young", paid_at=now), Row("failed", paid_at=now)]
        counter.sell("made")
        assert counter.look().held == ()
        with open_records(fresh.settings.records) as records:
            jobs = [OrderJob(order, order, "Make", "no such font") for order in ("failed", "made", "of nobody")]
            remember_order_jobs(records, "print files", jobs)
            assert failed_orders(records, ["failed", "young"]).keys() == {"failed"}

        (hold,) = counter.look().held
        assert (hold.order, hold.action) == ("failed", "printflow orders repair failed")
        assert hold.reason.startswith('generation_failed: job Make failed in queue "print files": no such font')
        assert counter.open_alerts() == {"order:failed"}

        counter.rows = [row for row in counter.rows if row.order != "failed"]
        counter.sell("failed")
        assert counter.look().held == ()
        assert counter.open_alerts() == set()
