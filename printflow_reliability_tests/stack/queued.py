"""A Redis with an idle queue of BullMQ, and what is said of it."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from printflow_reliability.checks import CheckResult
from printflow_reliability.queues.look import QueuesReport, check_queues
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.redis_here import RedisHere, redis_here

AOF = ("--appendonly", "yes")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisHere]:
    directory = tmp_path_factory.mktemp("redis")
    with redis_here(directory, *AOF, "--bind", "127.0.0.1", "-::1", "--unixsocket", str(directory / "s")) as here:
        yield here


@pytest.fixture
def client(server: RedisHere) -> Iterator["redis.Redis"]:
    """An idle queue of BullMQ."""
    with server.client() as client:
        client.flushall()
        client.hset("bull:print-files:meta", "version", "bullmq:5.81.5")
        yield client


def acl(client: Any, user: str, *rules: str) -> None:
    """Give a user these rights."""
    client.execute_command("ACL", "SETUSER", user, *rules)


def outcomes(report: QueuesReport) -> dict[str, str]:
    return {check.check: str(check.outcome) for check in report.checks}


def check(report: QueuesReport, name: str) -> CheckResult:
    return next(check for check in report.checks if check.check == name)


def durability(settings: Settings) -> CheckResult:
    return check_queues(settings, queues=False).checks[0]


def worker_of(server: RedisHere) -> "redis.Redis":
    """A connection that is named as BullMQ names a worker's; it is one while it is open."""
    return redis.Redis(port=server.port, password="of this test", client_name="bull:cHJpbnQtZmlsZXM=:w:one")
