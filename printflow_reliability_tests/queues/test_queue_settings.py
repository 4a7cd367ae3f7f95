"""[[redis]], [[queue]] and [[worker]]: what is missing or fits no kind ends with one message that names the key."""

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability_tests.minimal_settings import minimal_settings

REDIS = '[[redis]]\nname = "main"\nurl = "redis://localhost/0"\n'
BULL = '[[queue]]\nname = "a"\nkind = "bullmq"\nredis = "main"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (REDIS + BULL, 'queue[0]: a queue of kind "bullmq" needs the key oldest_seconds: without a threshold'),
        (BULL + "oldest_seconds = 5\n", 'queue[0].redis: nothing is named "main" here; there is none'),
        (REDIS + BULL + "oldest_seconds = 0\n", "queue[0].oldest_seconds"),
        (REDIS + BULL + 'oldest_seconds = 5\nqueue = "bull:a"\n', "a name of BullMQ holds no colon"),
        (REDIS + BULL + 'oldest_seconds = 5\ncluster = "live_db"\n', 'a queue of kind "bullmq" has no key cluster'),
        (REDIS + BULL.replace("bullmq", "rabbitmq"), "queue[0].kind"),
        (REDIS + BULL.replace("bullmq", "sync"), 'a queue of kind "sync" has no key redis'),
        (
            REDIS + BULL.replace("bullmq", "laravel-redis") + 'cluster = "live_db"\noldest_seconds = 5\n',
            'a queue of kind "laravel-redis" needs the key prefix',
        ),
        (
            REDIS + BULL.replace("bullmq", "laravel-redis") + 'prefix = ""\noldest_seconds = 5\n',
            'a queue of kind "laravel-redis" needs the key cluster',
        ),
        (REDIS + REDIS, 'redis: the name "main" is given twice'),
        (REDIS + (BULL + "oldest_seconds = 5\n") * 2, 'queue: the name "a" is given twice'),
        (REDIS.replace("redis://", "http://secret@"), "redis[0].url: is not the address of a Redis"),
        ('[[worker]]\nname = "a"\n', "a heartbeat is either a cluster and a query, or a redis and a key"),
        ('[[worker]]\nname = "a"\ncluster = "x"\nquery = "SELECT 1"\n', 'worker[0].cluster: nothing is named "x"'),
        (
            REDIS + BULL + 'oldest_seconds = 5\n[[queue.order]]\njob = "make"\npath = "a..b"\n',
            "write keys with dots between them",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_key(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        minimal_settings(text)
    assert told in wrong.value.what
    assert "secret" not in wrong.value.sentence


def test_names_are_taken_as_they_are() -> None:
    settings = minimal_settings(REDIS + BULL + "oldest_seconds = 300\nqueue = 'print [*] files?'\n")
    assert settings.queue[0].own_name == "print [*] files?"
    assert minimal_settings('[[queue]]\nname = "mails"\nkind = "sync"\n').queue[0].own_name == "mails"
