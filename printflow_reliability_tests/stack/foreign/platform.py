"""A platform that is unlike the sandbox's in everything that may differ between two installations.

One cluster `shop` with 64 MB segments, ICU collation, no data checksums, SCRAM for everybody and a superuser with a
space in its name; a posix repository to which it archives synchronously; S3 without TLS; and the product run as a
plain user. What each test changes here it changes back.
"""

import json
import subprocess
import sys
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
PROGRAM = str(Path(sys.executable).with_name("printflow"))
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
        owner: whom its servers run as, and the product's commands unless told otherwise.
        reader: who can read the repository and not write it, as a drill must.
        ports: `shop`, `records` and `s3`.
        passwords: of database roles and S3 identities.
        servers: `shop`, `records` and `s3`.
    """

    root: Path
    owner: PlainUser
    reader: PlainUser
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

    def run(self, *arguments: str, by: PlainUser | None = None) -> Ended:
        """Run a command of the product as a plain user: the owner, unless `by` says otherwise."""
        return self.python(PROGRAM, *arguments, by=by)

    def python(self, *arguments: str, by: PlainUser | None = None) -> Ended:
        """Run the interpreter of these tests as a plain user, with the product's configuration."""
        user = by or self.owner
        ended = subprocess.run(
            user.command(["python", *arguments]),
            cwd=self.root,
            env={**user_environment(self.home(user)), "PRINTFLOW_CONFIG": str(self.config)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
            umask=0o027,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def home(self, user: PlainUser) -> Path:
        """A user's home; that of the owner has a .pgpass."""
        return self.root / "home" / user.name

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
