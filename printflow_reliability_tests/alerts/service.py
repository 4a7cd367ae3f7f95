"""A small server that plays the services that alerts go to, with the faults that such services have."""

import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Literal

from printflow_reliability.settings import AlertRouteSettings

TOKEN = "a-token-nobody-may-see"
LOGIN_PAGE = "<!DOCTYPE html>\n<html><body><form>Password</form></body></html>"


@dataclass(frozen=True)
class Answer:
    """How a request is answered; `fault` instead of the rest, or with it."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Literal["none", "hang", "drip", "drip body", "drip body without its length", "cut"] = "none"


TAKEN: Mapping[str, Answer] = {
    "webhook": Answer(202, '{"status": 202}'),
    "pagerduty": Answer(202, '{"status": "success", "message": "Event processed", "dedup_key": "k"}'),
    "slack": Answer(200, "ok"),
    "teams": Answer(202),
    "alertmanager": Answer(200),
}
"""What each service says when it took an alert."""


@dataclass(frozen=True)
class Request:
    """What arrived."""

    path: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def document(self) -> Any:
        """Its body."""
        return json.loads(self.content)


class Service(ThreadingHTTPServer):
    """Answers in turn, the last one for ever, and keeps what arrives."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answers: Sequence[Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.got: list[Request] = []
        self.over = Event()
        """Set at the end: whoever hangs, hangs until then."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that give up are what is tested."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Service
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The same without a body."""
        self.do_POST()

    def do_POST(self) -> None:
        """Keep the request, and answer as told."""
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.got.append(Request(self.path, headers, content))
        answer = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        match answer.fault:
            case "hang":
                self.server.over.wait()
            case "drip":
                self._drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 10_000)
            case "drip body":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
                self._drip(b"o" * 10_000)
            case "drip body without its length":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                self._drip(b" " * 10_000)
            case "cut":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok")
            case "none":
                self._answer(answer)
                return
        self.close_connection = True

    def _drip(self, content: bytes) -> None:
        for number in range(len(content)):
            if self.server.over.wait(0.05):
                return
            self.wfile.write(content[number : number + 1])
            self.wfile.flush()

    def _answer(self, answer: Answer) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def answering(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Service]:
    """A service that answers so, one after another."""
    with Service(answers) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()


def route_to(service: Service, kind: str = "webhook", scheme: str = "http", **more: Any) -> AlertRouteSettings:
    """A route of that kind that leads there, with a secret in its address and a token where it may have one."""
    url = f"{scheme}://127.0.0.1:{service.server_port}/hook?secret={TOKEN}"
    if kind in ("webhook", "pagerduty", "alertmanager"):
        more = {"token": TOKEN, **more}
    return AlertRouteSettings(**{"name": "pager", "kind": kind, "url": url, **more})
