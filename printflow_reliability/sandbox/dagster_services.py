"""Dagster over the sandbox: the webserver and the daemon, as two more of its services.

Both read the project's own dagster.yaml and workspace.yaml; what is the sandbox's comes through their environment.
"""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import printflow_reliability
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability.sandbox.graphql import Webserver
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.ports import is_free
from printflow_reliability.sandbox.services import Server

PROJECT = Path(printflow_reliability.__file__).parent.parent
COMPUTE_LOGS = "compute-logs"
WEBSERVER, DAEMON = "dagster-webserver", "dagster-daemon"
GRACE_SECONDS = 15.0
"""Time for the daemon and the code servers they start to end in good order."""


def prepare(home: SandboxHome) -> Path:
    """Make DAGSTER_HOME with the project's own files; returns it.

    Raises:
        ConfigError: this is not a checkout of the project, so there is no dagster.yaml.
    """
    directory = home.path("dagster")
    directory.mkdir(mode=0o700, exist_ok=True)
    for name in ("dagster.yaml", "workspace.yaml"):
        if not (PROJECT / name).is_file():
            raise ConfigError(f"{PROJECT} has no {name}", "run this from a checkout of the project")
        shutil.copyfile(PROJECT / name, directory / name)
    return directory


def environment(home: SandboxHome) -> Mapping[str, str]:
    """What dagster.yaml and the definitions read; secrets travel here and never in an argument."""
    return {
        "DAGSTER_HOME": str(home.path("dagster")),
        "PRINTFLOW_HOME": str(home.wished),
        "PRINTFLOW_CONFIG": str(home.config),
        "PRINTFLOW_DAGSTER_URL": home.secret("dagster.url"),
        "PRINTFLOW_COMPUTE_LOGS_BUCKET": COMPUTE_LOGS,
        "AWS_ACCESS_KEY_ID": home.secret("s3-dagster.key"),
        "AWS_SECRET_ACCESS_KEY": home.secret("s3-dagster.secret"),
        "AWS_DEFAULT_REGION": seaweedfs.REGIONS["primary"],
        "AWS_ENDPOINT_URL_S3": seaweedfs.endpoint(home, seaweedfs.BUCKETS[COMPUTE_LOGS]),
        "AWS_CA_BUNDLE": str(home.path("certs", "ca.pem")),
        "PYTHONUNBUFFERED": "1",
    }


def webserver(home: SandboxHome, port: int) -> Server:
    """How the webserver is run; ready once the definitions are loaded."""
    endpoint = f"http://127.0.0.1:{port}"

    def ready() -> None:
        web = Webserver(endpoint)
        try:
            web.loaded()
        finally:
            web.close()

    return Server(
        name=WEBSERVER,
        endpoint=endpoint,
        argv=(
            *(sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port)),
            *("-w", str(home.path("dagster", "workspace.yaml"))),
        ),
        ready=ready,
        own_code=True,
        grace_seconds=GRACE_SECONDS,
        environment=environment(home),
    )


def daemon(home: SandboxHome, web: Webserver) -> Server:
    """How the daemon is run: schedules, sensors, the queue of runs; ready once all its parts have a heartbeat."""

    def ready() -> None:
        if not web.daemons_healthy():
            raise CouldNotTell("the daemon has sent no heartbeat yet")

    return Server(
        name=DAEMON,
        endpoint="",
        argv=(
            str(Path(sys.executable).with_name("dagster-daemon")),
            "run",
            "-w",
            str(home.path("dagster", "workspace.yaml")),
        ),
        ready=ready,
        own_code=True,
        grace_seconds=GRACE_SECONDS,
        environment=environment(home),
    )


def free_port() -> int:
    """A loopback port for the webserver: Dagster's usual one, or the next free one after it.

    Raises:
        ConfigError: none is free.
    """
    for port in range(3000, 3200):
        if is_free(port):
            return port
    raise ConfigError("no loopback port between 3000 and 3199 is free for the Dagster UI")
