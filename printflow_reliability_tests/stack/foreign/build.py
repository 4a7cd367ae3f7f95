"""Building the foreign platform and taking it down, with the programs that an administrator would use."""

import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pyrage

from printflow_reliability.sandbox import ports as free_ports
from printflow_reliability.sandbox import processes
from printflow_reliability.server_programs import candidates, installed
from printflow_reliability_tests.stack.foreign import data
from printflow_reliability_tests.stack.foreign.plain_user import PlainUser
from printflow_reliability_tests.stack.foreign.platform import DATABASE, SUPERUSER, ForeignPlatform
from printflow_reliability_tests.stack.foreign.s3_identities import s3_identities
from printflow_reliability_tests.stack.foreign.servers import Server, start, user_environment

HERE = Path(__file__).parent
BUCKET, REPORTS, DUMPS = "shop-media-eu", "shop-papers", "shop-strongroom"
S3_PARTS = ("master", "volume", "filer", "s3")
S3_USERS = ("s3-watcher", "s3-storefront", "s3-auditor")
ROLES = ("storefront", "watcher", "restorer", "binder")
DIRECTORIES = (
    *("keys", "etc/backup", "log", "lock", "socket", "repository", "fast disk", "weed"),
    *("clones", "recovered", "restored dumps"),
)
SHOP_INITDB = (
    *("--wal-segsize=64", "--locale-provider=icu", "--icu-locale=en-US-u-ks-level2", "--locale=C.UTF-8"),
    *("--encoding=UTF8", "--allow-group-access"),
)
DATA_CHECKSUMS_BY_DEFAULT = 18
"""The first version of PostgreSQL that must be told not to make them."""
HBA = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"


@contextmanager
def foreign_platform() -> Iterator[ForeignPlatform]:
    """Build the platform, and end its servers and remove it afterwards."""
    # Root's own place for temporary files need not be one that other users can enter.
    place = "/tmp" if os.geteuid() == 0 else None  # noqa: S108 - a name nobody can guess is made there
    with tempfile.TemporaryDirectory(prefix="pff-", dir=place) as directory, ExitStack() as servers:
        servers.callback(end_leftovers, Path(directory))
        yield _Builder(Path(directory), servers).build()


class _Builder:
    """One building of the platform."""

    def __init__(self, root: Path, servers: ExitStack) -> None:
        self.root = root
        self.owner, self.reader = PlainUser.owner(), PlainUser.reader()
        self.passwords = {name: _password() for name in (SUPERUSER, *ROLES, "records", *S3_USERS)}
        self.ports = _ports(("shop", "records", *(f"{part}{kind}" for part in S3_PARTS for kind in ("", ".grpc"))))
        self._stack = servers
        self._servers: dict[str, Server] = {}

    def build(self) -> ForeignPlatform:
        """Do everything, what takes long side by side."""
        self._directories_and_files()
        self._start_s3()
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(self._initdb, ("shop", "records")))
        self._run(
            "pgbackrest",
            f"--config={self.root}/etc/backup/shop.ini",
            "--stanza=print-shop",
            "--no-online",
            "stanza-create",
        )
        # From this thread: what a server dies with is the thread that started it.
        self._start_postgres("shop")
        self._start_postgres("records")
        platform = ForeignPlatform(self.root, self.owner, self.reader, self.ports, self.passwords, self._servers)
        with ThreadPoolExecutor(max_workers=2) as pool:
            records = pool.submit(self._records, platform)
            objects = data.fill_databases(platform)
            self._servers["s3"].await_ready(platform.s3.list_buckets)
            data.fill_buckets(platform, objects, BUCKET, REPORTS, DUMPS)
            records.result()
        return platform

    def _directories_and_files(self) -> None:
        for name in (*DIRECTORIES, *(f"home/{name}" for name in {self.owner.name, self.reader.name})):
            self.root.joinpath(name).mkdir(parents=True, mode=0o750)
        names = {"root": self.root, "user": self.owner.name, "bucket": BUCKET, "reports": REPORTS, "dumps": DUMPS}
        identity = pyrage.x25519.Identity.generate()
        self._write("keys/age", f"# of the shop's dumps\n{identity}\n")
        names |= {"recipient": str(identity.to_public())}
        names |= {"port": self.ports["shop"], "s3_port": self.ports["s3"]}
        for name, place in (("printflow.toml", "printflow.toml"), ("shop.ini", "etc/backup/shop.ini")):
            self._write(place, _filled(name, names))
        for role in ROLES:
            self._write(f"keys/{role}", self._url("shop", role, DATABASE))
        self._write("keys/admin", self._url("shop", SUPERUSER, DATABASE))
        self._write("keys/fingerprints", _password())
        self._write("shop settings", "APP_KEY=base64:c2hvcA==\n")
        self._write("keys/records", self._url("records", "records", "postgres"))
        for name in S3_USERS:
            self._write(f"keys/{name}", self.passwords[name])
        # How a superuser's programs, pgBackRest among them, sign in where everybody needs a password.
        escaped = self.passwords[SUPERUSER].replace("\\", r"\\").replace(":", r"\:")
        self._write(f"home/{self.owner.name}/.pgpass", f"*:{self.ports['shop']}:*:{SUPERUSER}:{escaped}\n")
        self._write("weed.json", json.dumps(s3_identities(self.passwords, BUCKET, REPORTS, DUMPS)))
        self.root.chmod(0o750)
        for path in (self.root, *self.root.rglob("*")):
            self.owner.own(path)
        for name in ("clones", "recovered", "restored dumps"):
            (self.root / name).chmod(0o770)
        for name in ("clones", "recovered", f"home/{self.reader.name}"):
            self.reader.own(self.root / name)

    def _initdb(self, cluster: str) -> None:
        place = self._place(cluster)
        superuser = SUPERUSER if cluster == "shop" else "records"
        self._write(f"keys/{cluster}.pw", self.passwords[superuser])
        self.owner.own(self.root / "keys" / f"{cluster}.pw")
        self._run(
            *(_postgres("initdb"), f"--pgdata={place}", "--no-sync", f"--username={superuser}"),
            *(f"--pwfile={self.root}/keys/{cluster}.pw", "--auth=scram-sha-256"),
            *(_shop_initdb() if cluster == "shop" else ("--locale=C", "--encoding=UTF8")),
        )
        (self.root / "keys" / f"{cluster}.pw").unlink()
        names = {"root": self.root}
        text = _filled("postgresql.conf", names) + f"port = {self.ports[cluster]}\n"
        if cluster == "shop":
            text += _filled("archiving.conf", names)
        for name, content in (("postgresql.conf", text), ("pg_hba.conf", HBA)):
            (place / name).write_text(content)

    def _start_postgres(self, cluster: str) -> None:
        argv = [_postgres("postgres"), "-D", str(self._place(cluster))]
        self._start(cluster, argv, signal.SIGINT)

        def ready() -> None:
            role = SUPERUSER if cluster == "shop" else "records"
            psycopg.connect(self._url(cluster, role, "postgres"), connect_timeout=5).close()

        self._servers[cluster].await_ready(ready)

    def _start_s3(self) -> None:
        program = shutil.which("weed", path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin")
        assert program is not None, "weed (SeaweedFS) is not installed"
        numbers = [f"-{part}.port{kind}={self.ports[part + kind]}" for part in S3_PARTS for kind in ("", ".grpc")]
        sockets = [f"-{part}.localSocket={self.root}/socket/weed-{part}" for part in ("filer", "s3")]
        argv = [
            *(program, "-logtostderr=true", "server", "-filer", "-s3", f"-dir={self.root}/weed"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", *numbers, *sockets, f"-s3.config={self.root}/weed.json"),
            *("-master.electionTimeout=1s", "-master.telemetry=false", "-master.volumeSizeLimitMB=64"),
            *("-volume.max=100", "-volume.preStopSeconds=0", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        ]
        for part in S3_PARTS:  # left where it puts them by its own choice
            socket = Path(f"/tmp/seaweedfs-{part}-grpc-{self.ports[f'{part}.grpc']}.sock")  # noqa: S108
            self._stack.callback(socket.unlink, missing_ok=True)
        self._start("s3", argv, signal.SIGKILL)  # its orderly end takes 15 s

    def _start(self, name: str, argv: list[str], stop_signal: signal.Signals) -> None:
        self._servers[name] = start(self.owner, name, argv, root=self.root, stop_signal=stop_signal)
        self._stack.callback(self._servers[name].stop)

    def _records(self, platform: ForeignPlatform) -> None:
        ended = platform.run("records", "migrate")
        assert ended.exit_code == 0, ended.stderr

    def _place(self, cluster: str) -> Path:
        return self.root / ("pg data" if cluster == "shop" else "records")

    def _url(self, cluster: str, role: str, database: str) -> str:
        password = quote(self.passwords[role], safe="")
        return f"postgresql://{quote(role)}:{password}@127.0.0.1:{self.ports[cluster]}/{quote(database, safe='')}"

    def _write(self, name: str, text: str) -> None:
        path = self.root / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600 if path.name == ".pgpass" else 0o640)

    def _run(self, *argv: str) -> None:
        ended = subprocess.run(
            self.owner.command(argv),
            cwd=self.root,
            env=user_environment(self.root / "home" / self.owner.name),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            umask=0o027,
        )
        assert ended.returncode == 0, f"{argv[0]}: {ended.stdout}{ended.stderr}"


def _filled(name: str, names: Mapping[str, object]) -> str:
    return (HERE / name).read_text(encoding="utf-8").format(**names)


def end_leftovers(root: Path) -> None:
    """End what commands left running on purpose, such as a recovered cluster."""
    processes.send([process.pid for process in processes.working_in(root)], signal.SIGKILL)
    while processes.working_in(root):
        time.sleep(0.05)


def _password() -> str:
    """A password with all that urls, passfiles and configuration files give a meaning to."""
    return f"{secrets.token_hex(8)}:/@%20\\ &é"


def _shop_initdb() -> tuple[str, ...]:
    newest = max(installed(), default=0)
    return (*SHOP_INITDB, "--no-data-checksums") if newest >= DATA_CHECKSUMS_BY_DEFAULT else SHOP_INITDB


def _postgres(program: str) -> str:
    return str(next(path for path, _ in candidates(program, None, None, os.environ.get("PATH", os.defpath))))


def _ports(names: tuple[str, ...]) -> dict[str, int]:
    within = range(free_ports.LOWEST, free_ports.HIGHEST + 1)
    free = (port for port in random.sample(within, len(within)) if free_ports.is_free(port))
    return dict(zip(names, free, strict=False))
