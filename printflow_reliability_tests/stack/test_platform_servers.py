"""Servers of deploy/platform tried: a Redis that keeps what is queued, a PostgreSQL that archives twice, encrypted."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import redis

from printflow_reliability.checks import Outcome
from printflow_reliability.queues.redis_durability import durability, durability_check
from printflow_reliability.settings import RedisSettings
from printflow_reliability_tests.ports import closed_port
from printflow_reliability_tests.posture.from_templates import TEMPLATES, filled
from printflow_reliability_tests.stack.plain import PORT, plain_cluster

pytestmark = pytest.mark.stack


@contextmanager
def redis_of(template: Path, directory: Path, values: Path, *, port: int, primary: int = 0) -> Iterator[None]:
    """A Redis with a template's settings; its directory and its ports are the test's, everything else is as it says."""
    directory.mkdir()
    for name in ("users.acl", "queues.conf", template.name):
        (directory / name).write_text(
            filled(TEMPLATES / "redis" / name, values, QUEUES_PRIMARY="127.0.0.1")
            .replace("/etc/redis/queues.conf", str(directory / "queues.conf"))
            .replace("/var/lib/redis/queues", str(directory))
            .replace("/etc/redis/queues.acl", str(directory / "users.acl"))
            .replace("port 6380", f"port {port}")
            .replace("127.0.0.1 6380", f"127.0.0.1 {primary}")
        )
    (directory / "users.acl").chmod(0o600)
    argv = [str(shutil.which("redis-server")), str(directory / template.name)]
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        client = redis.Redis(port=port, username="printflow", password="of-redis_printflow_password", protocol=2)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(redis.RedisError), client:
                client.ping()
                break
            assert process.poll() is None, (directory / "log").read_text()
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


def test_a_redis_of_the_templates_keeps_what_is_queued_and_its_users_do_no_more(tmp_path: Path) -> None:
    redis_settings = TEMPLATES / "redis"
    with closed_port() as port, closed_port() as other:
        values = tmp_path / "values"
    with ExitStack() as stack:
        stack.enter_context(redis_of(redis_settings / "queues.conf", tmp_path / "primary", values, port=port))
        stack.enter_context(
            redis_of(redis_settings / "replica.conf", tmp_path / "replica", values, port=other, primary=port)
        )
        address = f"redis://printflow:of-redis_printflow_password@127.0.0.1:{port}/0"
        server = RedisSettings(name="queues", url=address, replicas=1)
        deadline = time.monotonic() + 60
        while (check := durability_check([server], [durability(server)], {})).outcome is not Outcome.PASS:
            assert time.monotonic() < deadline, check.detail
            time.sleep(0.2)

        def client(user: str) -> "redis.Redis":
            return redis.Redis(port=port, username=user, password=f"of-redis_{user}_password", protocol=2)

        with client("platform") as platform:
            platform.rpush("queues:print", "a job")
            platform.eval("return redis.call('LLEN', KEYS[1])", 1, "queues:print")
            for command in (("FLUSHALL",), ("CONFIG", "SET", "appendonly", "no"), ("SHUTDOWN",), ("KEYS", "*")):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    platform.execute_command(*command)
        for user in ("printflow", "replica"):
            with client(user) as reader, pytest.raises(redis.exceptions.NoPermissionError):
                reader.rpush("queues:print", "not mine")
        with redis.Redis(port=port, protocol=2) as stranger, pytest.raises(redis.exceptions.RedisError):
            stranger.lrange("queues:print", 0, -1)


@pytest.mark.exhaustive
def test_postgresql_archives_as_the_templates_say_into_two_encrypted_repositories(tmp_path: Path) -> None:
    with plain_cluster(archiving=False) as cluster:
        home, programs = cluster.home, cluster.programs
        values = {"PG_DATA": f"{home}/data", "PG_PORT": str(PORT), "PG_SOCKETS": str(home), "PG_USER": "postgres"}
        text = filled(TEMPLATES / "pgbackrest" / "pgbackrest.conf", tmp_path / "values", **values)
        kept = [line for line in text.splitlines() if "-s3-" not in line]
        # The store is a directory here; everything else is as the template says.
        text = "\n".join(kept).replace("-type=s3", "-type=posix").replace("-path=/repo", f"-path={home}/repository")
        text = text.replace("/var/spool/pgbackrest", f"{home}/spool").replace(
            "log-level-file=detail", "log-level-file=off"
        )
        text = text.replace("[global]", f"[global]\nlock-path={home}/lock")
        configuration = home / "template.conf"
        configuration.write_text(text)
        programs.own(configuration)
        archiving = (TEMPLATES / "postgresql" / "archiving.conf").read_text()
        archiving = archiving.replace("/etc/pgbackrest/pgbackrest.conf", str(configuration))
        with (home / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(archiving)
        cluster.restart()
        command = ["pgbackrest", f"--config={configuration}", "--stanza=live_db"]
        for arguments in (["stanza-create"], ["check"], ["--repo=1", "--type=full", "backup"]):
            programs.run([*command, *arguments], timeout=120)
        wrong = cluster.execute("SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL")
        assert wrong == []
        assert cluster.execute("SHOW archive_timeout") == [("5min",)]
        for number in (1, 2):
            listed = programs.run([*command, f"--repo={number}", "repo-ls", "--recurse"], timeout=60).stdout
            assert ".zst" in listed
            (info,) = (home / f"repository{number}").rglob("archive.info")
            assert b"backrest" not in info.read_bytes()  # encrypted: its own format would name itself
