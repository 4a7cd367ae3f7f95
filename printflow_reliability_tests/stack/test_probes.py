"""`/readyz`, `/livez` and `/metrics` of a real server: however often they are asked, the platform is asked seldom."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from printflow_reliability.http.health import KEPT_SECONDS
from printflow_reliability.platform.redis_server import asking
from printflow_reliability.sandbox import postgres
from printflow_reliability_tests.overview.samples import read
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.serving import PROGRAM, Serving, serving

pytestmark = pytest.mark.stack

REQUESTS, AT_A_TIME, EACH_SECOND = 2_000, 50, 200.0
SESSIONS = "SELECT sessions FROM pg_stat_database WHERE datname = 'live_db'"
OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'printflow_reliability'"


@pytest.fixture(scope="module")
def server(sandbox: StackSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The server, with a token that may ask as often as it likes."""
    scopes = 'scopes = ["orders:read", "files:accept", "health:read"]'
    text = sandbox.config.read_text(encoding="utf-8")
    assert scopes in text
    config = sandbox.config.with_name("probes.toml")
    config.write_text(
        text.replace(scopes, f"{scopes}\nrequests_per_minute = 1000000").replace(
            "[http]\nport = ", "[http]\nport = 0 # "
        ),
        encoding="utf-8",
    )
    config.chmod(0o600)
    log = tmp_path_factory.mktemp("probes") / "log"
    try:
        with serving([PROGRAM, "--config", str(config), "serve"], log, sandbox.home.secret("http.token")) as server:
            yield server
    finally:
        config.unlink()


def asked_of_redis(sandbox: StackSandbox) -> Mapping[str, int]:
    """How often its Redis was asked what a look at it asks, by command; the sandbox's own workers ask neither."""
    (server,) = sandbox.settings.redis
    with asking(server) as client:
        stats: Any = client.info("commandstats")
    return {command: int(stats.get(f"cmdstat_{command}", {}).get("calls", 0)) for command in ("info", "ping")}


def counted(sandbox: StackSandbox, query: str) -> int:
    with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
        (number,) = connection.execute(query).fetchone() or (0,)
    return int(number)


async def asked(server: Serving, path: str) -> Counter[int]:
    """The statuses of many requests at the pace."""
    limits, free = httpx.Limits(max_connections=AT_A_TIME), asyncio.Semaphore(AT_A_TIME)
    async with httpx.AsyncClient(limits=limits, timeout=60, headers=server.headers) as client:

        async def one_more(number: int) -> int:
            await asyncio.sleep(number / EACH_SECOND)
            async with free:
                return (await client.get(server.url + path)).status_code

        return Counter(await asyncio.gather(*map(one_more, range(REQUESTS))))


def test_at_200_requests_a_second_the_platform_is_asked_a_few_times(sandbox: StackSandbox, server: Serving) -> None:
    before, began = counted(sandbox, SESSIONS), time.monotonic()
    redis_before = asked_of_redis(sandbox)
    statuses = asyncio.run(asked(server, "/readyz"))
    lasted, at_once = time.monotonic() - began, counted(sandbox, OURS)
    redis_after = asked_of_redis(sandbox)
    time.sleep(1.5)  # until statistics of sessions that ended are written
    sessions = counted(sandbox, SESSIONS) - before

    assert set(statuses) <= {200, 503}
    assert statuses.total() == REQUESTS
    # Whatever is asked is asked once an answer; these tests count with three sessions of their own, and two INFO.
    answers = lasted / KEPT_SECONDS + 2
    assert sessions <= answers + 3, (sessions, lasted)
    assert at_once <= 2
    assert 1 <= redis_after["ping"] - redis_before["ping"] <= answers
    assert redis_after["info"] - redis_before["info"] <= answers + 2


def test_liveness_depends_on_nothing_and_readiness_says_what_is_away(sandbox: StackSandbox, server: Serving) -> None:
    time.sleep(KEPT_SECONDS)
    with sandbox.stopped("live_db"):
        alive = server.client.get(f"{server.url}/livez")
        ready = server.get("/readyz")
    (databases,) = ready.json()["checks"]["ready.databases"]

    assert alive.status_code == 200
    assert (ready.status_code, databases["outcome"]) == (503, "unknown")
    assert "live_db" in databases["output"]


def test_metrics_are_read_by_the_grammar_and_records_that_are_away_are_one(
    sandbox: StackSandbox, server: Serving
) -> None:
    there = {name: value for name, _, value in read(server.get("/metrics").text)}
    time.sleep(KEPT_SECONDS)
    with sandbox.stopped("system_db"):
        away = read(server.get("/metrics").text)

    assert there["printflow_records_up"] == 1
    assert "printflow_held_orders" in there
    assert away == [("printflow_records_up", {}, 0.0)]
