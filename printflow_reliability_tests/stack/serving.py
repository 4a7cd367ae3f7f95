"""`printflow serve` as a process, and what it said in its log."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

PROGRAM = str(Path(sys.executable).with_name("printflow"))
STARTING_SECONDS = 120.0


@dataclass(frozen=True)
class Serving:
    """A server that listens: its process, address, log, the token that it knows, and a client for any thread."""

    process: "subprocess.Popen[bytes]"
    url: str
    log: Path
    token: str
    client: httpx.Client

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def get(self, path: str) -> httpx.Response:
        """GET with the token."""
        return self.client.get(self.url + path, headers=self.headers)

    def post(self, **file: object) -> httpx.Response:
        """POST a print file with the token."""
        return self.client.post(f"{self.url}/print-files", headers=self.headers, json=file)

    @property
    def headers(self) -> dict[str, str]:
        """What brings the token."""
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def serving(
    argv: Sequence[str], log: Path, token: str, *, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[Serving]:
    """Start a server with this command for the block; it is killed afterwards if it still runs."""
    with (
        log.open("wb") as stderr,
        subprocess.Popen(argv, stderr=stderr, env=environment, cwd=cwd) as process,
        httpx.Client(timeout=60, limits=httpx.Limits(max_keepalive_connections=0)) as client,
    ):
        try:
            yield Serving(process, _address(process, log), log, token, client)
        finally:
            process.kill()


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + STARTING_SECONDS
    while (found := re.search(r"listening on (http://\S+)\n", log.read_text(encoding="utf-8"))) is None:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found[1]
