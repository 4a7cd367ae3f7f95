"""A platform that is unlike the sandbox's in everything that may differ between two installations.

One cluster `shop` with 64 MB segments, ICU collation, no data checksums, SCRAM for everybody and a superuser with a
space in its name; a posix repository to which it archives synchronously; S3 without TLS; and the product run as a
plain user. What each test changes here it changes back.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from printflow_reliability.settings import Settings, load
from printflow_reliability.storage.clients import s3_client
from printflow_reliability_tests.stack.foreign.plain_user import PlainUser
from printflow_reliability_tests.stack.foreign.servers import Server, user_environment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DATABASE = 'Shop "Main"'
SUPERUSER = "Shop Admin"
RUN_SECONDS = 300.0


class Ended(NamedTuple):
    """How a command of the product ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """What it printed as JSON."""
        assert self.stdout, self.stderr
        return json.loads(self.stdout)


@dataclass(frozen=True)
class ForeignPlatform:
    """The running platform.

    Attributes:
        root: the directory of everything that belongs to it.
        user: whom its servers and the product's commands run as.
        ports: `shop`, `records` and `s3`.
        passwords: of database roles and S3 identities.
        servers: `shop`, `records` and `s3`.
    """

    root: Path
    user: PlainUser
    ports: Mapping[str, int]
    passwords: Mapping[str, str]
    servers: Mapping[str, Server]

    @property
    def config(self) -> Path:
        """Its printflow.toml."""
        return self.root / "printflow.toml"

    @cached_property
    def settings(self) -> Settings:
        """The product's settings for it."""
        return load(self.config)

    @property
    def s3(self) -> "S3Client":
        """A client that may do everything."""
        media = self.settings.bucket_named("media")
        keys = {"access_key_id": media.heal_access_key_id, "secret_access_key": media.heal_secret_access_key}
        return s3_client(media.model_copy(update=keys))

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Ended:
        """Run a command of the product as the plain user."""
        return self.python("-m", "printflow_reliability_tests.stack.foreign.command", *arguments, environment=environment)

    def python(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Ended:
        """Run the interpreter of these tests as the plain user, with the product's configuration."""
        ended = subprocess.run(
            self.user.command(["python", *arguments]),
            cwd=self.root,
            env={**user_environment(self.root), "PRINTFLOW_CONFIG": str(self.config), **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    @contextmanager
    def connect(self, role: str = SUPERUSER, database: str = DATABASE) -> Iterator[psycopg.Connection]:
        """A connection of a role to a database of the cluster `shop`, in autocommit mode."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.ports["shop"],
            user=role,
            password=self.passwords[role],
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        ) as connection:
            yield connection

    def beat(self) -> None:
        """Write a heartbeat, as the shop's own job would do every few seconds."""
        with self.connect() as connection:
            connection.execute("UPDATE pulse SET beat_at = now()")
