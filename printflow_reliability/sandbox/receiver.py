"""A webhook receiver that keeps what arrives: it stands in for the pager of the people on call.

`GET /received` lists what arrived. `POST /behave` with `{"status": 500, "times": 3}` makes the next three alerts fail.
Run as `python -m printflow_reliability.sandbox.receiver HOME`.
"""

import hmac
import json
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.services import Server


class Receiver(ThreadingHTTPServer):
    """Keeps every accepted alert as one line of JSON in a file."""

    daemon_threads = True

    def __init__(self, port: int, file: Path, token: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.file = file
        self.token = token
        self.guard = threading.Lock()
        self.failures: tuple[int, int] = (500, 0)
        """The status to answer with, and how many more times."""

    def accept(self, body: Any, headers: dict[str, str]) -> int:
        """Keep an alert, unless told to fail; says the status to answer with."""
        with self.guard:
            status, times = self.failures
            if times > 0:
                self.failures = (status, times - 1)
                return status
            line = {"at": datetime.now(UTC).isoformat(), "body": body, "headers": headers}
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            return 202

    def received(self) -> list[Any]:
        """Everything that was kept, oldest first."""
        with self.guard:
            if not self.file.exists():
                return []
            return [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines()]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Receiver
    timeout = 10

    def do_GET(self) -> None:
        """List what arrived."""
        if self.path == "/received":
            self._answer(200, {"received": self.server.received()})
        else:
            self._answer(404, {"error": "try /received"})

    def do_POST(self) -> None:
        """Take an alert, or an order to misbehave."""
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        except ValueError:
            self._answer(400, {"error": "the body is not JSON"})
            return
        if self.path == "/behave":
            with self.server.guard:
                self.server.failures = (int(body["status"]), int(body["times"]))
            self._answer(200, {"status": body["status"], "times": body["times"]})
        elif not hmac.compare_digest(self.headers.get("Authorization", ""), f"Bearer {self.server.token}"):
            self._answer(401, {"error": "wrong token"})
        else:
            shown = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
            status = self.server.accept(body, shown)
            self._answer(status, {"status": status})

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what arrived is in the file."""

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def server(home: SandboxHome) -> Server:
    """How it is run."""
    endpoint = f"http://127.0.0.1:{home.port('receiver')}"

    def ready() -> None:
        httpx.get(f"{endpoint}/received", timeout=2, trust_env=False).raise_for_status()

    return Server(
        name="receiver",
        endpoint=endpoint,
        argv=(sys.executable, "-m", "printflow_reliability.sandbox.receiver", str(home.root)),
        ready=ready,
        own_code=True,
    )


def main() -> None:
    """Serve until told to stop."""
    home = SandboxHome.at(Path(sys.argv[1]))
    Receiver(home.port("receiver"), home.path("received.jsonl"), home.secret("receiver.token")).serve_forever()


if __name__ == "__main__":
    main()
