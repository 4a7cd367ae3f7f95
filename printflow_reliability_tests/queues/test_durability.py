"""What INFO does not tell, as where a server is none of Redis itself, is unknown: neither well nor a failure."""

from typing import Any

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.queues.emptied import Run
from printflow_reliability.queues.redis_durability import Durability, server_verdicts
from printflow_reliability.settings import RedisSettings

SERVER = RedisSettings(name="main", url="redis://localhost/0")
WELL: dict[str, Any] = {
    "role": "master",
    "loading": 0,
    "aof_enabled": 1,
    "appendfsync": "everysec",
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "rdb_last_bgsave_status": "ok",
    "maxmemory_policy": "noeviction",
}


def outcomes(facts: dict[str, Any]) -> set[Outcome]:
    return {verdict.outcome for verdict in server_verdicts(SERVER, Durability("main", "", facts), Run(), {"db0"})}


def test_a_redis_that_tells_everything_is_well() -> None:
    assert outcomes(WELL) == {Outcome.PASS}


@pytest.mark.parametrize("fact", ["aof_last_write_status", "rdb_last_bgsave_status", "maxmemory_policy"])
def test_what_is_not_told_is_unknown_and_what_failed_fails(fact: str) -> None:
    without = {name: value for name, value in WELL.items() if name != fact}
    assert outcomes(without) == {Outcome.PASS, Outcome.UNKNOWN}
    if fact != "maxmemory_policy":
        assert outcomes({**WELL, fact: "err"}) == {Outcome.PASS, Outcome.FAIL}


@pytest.mark.parametrize("facts", [{}, {"redis_mode": "sentinel"}, {**WELL, "loading": 1}, {**WELL, "role": "slave"}])
def test_a_server_that_does_not_tell_how_it_keeps_its_data_is_unknown(facts: dict[str, Any]) -> None:
    assert outcomes(facts) == {Outcome.UNKNOWN}
