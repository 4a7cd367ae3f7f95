"""The sandbox's pdf-service: a program for Node in `pdf_service/`, whose libraries set-up puts beside our Python.

Without Node the rest of the sandbox works as it does with it, and `orders repair` says that no file can be made.
"""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.services import Server

NAME = "pdf-service"
PROGRAM = Path(__file__).with_name("pdf_service") / "service.js"
LIBRARIES = Path(sys.prefix) / "pdf_service" / "node_modules"


def missing() -> str:
    """Why it cannot run here, with the command that helps; empty if it can."""
    if shutil.which("node") is None:
        return "node is not installed: make setup, as somebody who may install packages"
    if not (LIBRARIES / "bullmq").is_dir():
        return "its libraries are not installed: make setup"
    return ""


def server(home: SandboxHome) -> Server:
    """How it is run."""
    endpoint = f"http://127.0.0.1:{home.port(NAME)}"

    def ready() -> None:
        httpx.get(f"{endpoint}/healthz", timeout=5, trust_env=False).raise_for_status()

    return Server(
        name=NAME,
        endpoint=endpoint,
        argv=(shutil.which("node") or "node", str(PROGRAM), str(home.root)),
        ready=ready,
        own_code=True,
        environment={"NODE_PATH": str(LIBRARIES), "NODE_EXTRA_CA_CERTS": str(home.path("certs", "ca.pem"))},
        grace_seconds=5,
    )


def misbehave_shop(home: SandboxHome, *faults: str) -> None:
    """Have the shop go wrong in these ways from now on: the names of `FAULTS` in storefront.js; none ends it."""
    _post(home, {"shop": list(faults)})


def behave(home: SandboxHome, fault: str, times: int) -> None:
    """Have the next requests go wrong as the platform's do: the names of `FAULTS` in the program."""
    _post(home, {"fault": fault, "times": times})


def _post(home: SandboxHome, wanted: Mapping[str, object]) -> None:
    asked = httpx.post(
        f"{server(home).endpoint}/behave",
        json=dict(wanted),
        headers={"Authorization": f"Bearer {home.secret(f'{NAME}.token')}"},
        timeout=10,
        trust_env=False,
    )
    asked.raise_for_status()
