"""A Redis of a test's own, which ends with it."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from printflow_reliability.settings import QueueSettings, RedisSettings, Settings
from printflow_reliability_tests.minimal_settings import minimal_settings
from printflow_reliability_tests.ports import closed_port

PASSWORD = "of this test"
READ_ONLY = (
    *("on", ">reads", "~*", "resetchannels", "-@all", "+@read", "-@dangerous"),
    *("+info", "+ping", "+hello", "+select", "+multi", "+exec", "+time"),
)
"""What docs/configuration.md says suffices, without CONFIG and CLIENT LIST."""


@dataclass(frozen=True)
class RedisHere:
    """A running server."""

    port: int
    process: "subprocess.Popen[bytes]"

    def client(self) -> "redis.Redis":
        """A client that may do everything."""
        return redis.Redis(port=self.port, password=PASSWORD, protocol=2, retry=Retry(NoBackoff(), 0))

    def url(self, user: str = "", password: str = PASSWORD, number: int = 0) -> str:
        """Its address."""
        return f"redis://{user}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{number}"

    def settings(self, **changes: object) -> RedisSettings:
        """As printflow.toml would have it."""
        return RedisSettings.model_validate({"name": "main", "url": self.url(), **changes})

    def configured(self, *queues: Mapping[str, object], url: str = "") -> Settings:
        """The least settings with these queues."""
        settings = minimal_settings(f'[[redis]]\nname = "main"\nurl = "{url or self.url()}"\n')
        found = tuple(QueueSettings.model_validate({"redis": "main", "oldest_seconds": 300, **one}) for one in queues)
        return settings.model_copy(update={"queue": found})


@contextmanager
def redis_here(directory: Path, *options: str, port: int | None = None) -> Iterator[RedisHere]:
    """Start a server in that directory, and end it after the block."""
    if port is None:
        with closed_port() as free:
            port = free
    argv = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--save", ""]
    argv += ["--requirepass", PASSWORD, *options]
    with (directory / f"redis-{port}.log").open("ab") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    here = RedisHere(port, process)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with suppress(redis.RedisError), here.client() as client:
                with suppress(redis.exceptions.BusyLoadingError):
                    client.ping()
                break
            time.sleep(0.05)
        yield here
    finally:
        process.kill()
        process.wait()
