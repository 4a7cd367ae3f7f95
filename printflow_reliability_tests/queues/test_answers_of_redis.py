"""What answers and is no Redis with these keys is said to be what it is."""

import pytest
from redis.exceptions import ClusterDownError, MovedError, ResponseError

from printflow_reliability.platform.redis_server import away
from printflow_reliability.settings import RedisSettings

SERVER = RedisSettings(name="main", url="redis://localhost/0")


@pytest.mark.parametrize(
    ("failed", "told"),
    [
        (MovedError("12182 10.0.0.7:6379"), "is one node of a Redis Cluster and does not hold these keys"),
        (ClusterDownError("The cluster is down"), "has lost its cluster or its primary"),
        (ResponseError("unknown command 'EXEC', with args beginning with:"), "is it a Sentinel or a proxy?"),
        (
            ResponseError("Command # 2 (LLEN q) of pipeline caused error: WRONGTYPE Operation against a key"),
            "holds a key of another type under a name of the queue",
        ),
        (ResponseError("ERR anything else"), "answers with an error: ERR anything else"),
    ],
)
def test_each_answer_is_said_to_be_what_it_is(failed: Exception, told: str) -> None:
    sentence = away(SERVER, failed).sentence
    assert sentence.startswith("Redis main ")
    assert told in sentence
