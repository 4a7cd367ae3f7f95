"""pgBackRest in the sandbox: two encrypted repositories, one a region away, and read-only credentials for drills."""

import time

from printflow_reliability.programs import ProgramFailed
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability.sandbox.home import SandboxHome, programs, write
from printflow_reliability.sandbox.postgres import PROTECTED

LOCK_HELD = 50
"""pgBackRest ends with it where another of its processes works on the stanza."""
LOCK_SECONDS = 60.0

REPOSITORIES = {1: "pgbackrest-repo1", 2: "pgbackrest-repo2"}

GLOBAL = """\
# Written by `printflow sandbox up`; a change here is lost.
[global]
compress-type=zst
compress-level=3
process-max=2
start-fast=y
archive-async=y
archive-timeout=30
io-timeout=20
db-timeout=600
protocol-timeout=630
log-level-console=warn
log-level-file=detail
lock-path={own}/lock
spool-path={own}/spool
log-path={own}/log
"""
REPOSITORY = """\
repo{number}-type=s3
repo{number}-path=/repo{number}
repo{number}-s3-bucket={bucket}
repo{number}-s3-endpoint=localhost
repo{number}-s3-region={region}
repo{number}-s3-uri-style=path
repo{number}-s3-key={key}
repo{number}-s3-key-secret={secret}
repo{number}-storage-port={port}
repo{number}-storage-ca-file={ca_file}
repo{number}-cipher-type=aes-256-cbc
repo{number}-cipher-pass={passphrase}
repo{number}-bundle=y
repo{number}-retention-full=9999999
"""
STANZA = """
[{cluster}]
pg1-path={data}
pg1-port={port}
pg1-socket-path={sockets}
pg1-user=postgres
"""


def prepare(home: SandboxHome) -> None:
    """Write both configurations: the servers' own, and the one of drills, which can only read the repositories."""
    run = programs()
    for name, identity in (("pgbackrest", "backup"), ("drill", "drill")):
        # Drills have lock and spool directories of their own: asynchronous archive-get must not meet archive-push.
        own = home.path("pgbackrest", name)
        for directory in (own, own / "lock", own / "spool", own / "log"):
            directory.mkdir(mode=0o700, exist_ok=True)
            run.own(directory)
        write(home.path("pgbackrest", f"{name}.conf"), _configuration(home, name, identity), mode=0o600, owner=run)


def create_stanza(home: SandboxHome, cluster: str) -> None:
    """Make the cluster's stanza in both repositories; does nothing where it is.

    Without `--no-online` the server would have to run, and its first segments would fail to be archived. An
    asynchronous archive-push outlives a server that was killed, and holds the lock while it waits for its store.
    """
    create = ("pgbackrest", f"--config={home.path('pgbackrest', 'pgbackrest.conf')}", f"--stanza={cluster}")
    given_up = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            programs().run([*create, "--no-online", "stanza-create"], timeout=60)
        except ProgramFailed as failed:
            if failed.exit_code != LOCK_HELD or time.monotonic() > given_up:
                raise
            time.sleep(0.5)
        else:
            return


def _configuration(home: SandboxHome, name: str, identity: str) -> str:
    text = GLOBAL.format(own=home.path("pgbackrest", name))
    for number, bucket in REPOSITORIES.items():
        text += REPOSITORY.format(
            number=number,
            bucket=bucket,
            region=seaweedfs.region_of(bucket),
            key=home.secret(f"s3-{identity}.key"),
            secret=home.secret(f"s3-{identity}.secret"),
            port=home.port(seaweedfs.BUCKETS[bucket]),
            ca_file=home.path("certs", "ca.pem"),
            passphrase=home.secret("pgbackrest.passphrase"),
        )
    for cluster in PROTECTED:
        text += STANZA.format(
            cluster=cluster,
            data=home.path("postgres", cluster),
            port=home.port(cluster),
            sockets=home.path("sockets"),
        )
    return text
