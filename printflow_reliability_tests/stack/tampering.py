"""A proxy in front of the real S3 server that answers for single keys with whatever status a test says."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

from printflow_reliability.settings import BucketSettings

OF_THE_CONNECTION = ("connection", "transfer-encoding", "keep-alive", "content-length")
"""Headers that are not passed on."""


Rewrite = Callable[[bytes], bytes]


def as_it_is(body: bytes) -> bytes:
    """Change nothing."""
    return body


@contextmanager
def tampering(bucket: BucketSettings, fails: dict[str, int], listed: Rewrite = as_it_is) -> Iterator[str]:
    """The proxy's endpoint; `fails` may change as it runs, and has a key alone or with the method before it.

    `listed` gets every page of a listing, and answers with what the client sees of it. Signatures stay valid, since the
    server verifies them with the host that the client named.
    """
    server = urlsplit(bucket.endpoint_url or "")
    trusted = ssl.create_default_context(cafile=str(bucket.ca_file)) if bucket.ca_file else None

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            host = server.hostname or ""
            self.upstream = (
                HTTPSConnection(host, server.port, context=trusted, timeout=60)
                if trusted
                else HTTPConnection(host, server.port, timeout=60)
            )

        def finish(self) -> None:
            self.upstream.close()
            super().finish()

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("content-length") or 0)) or None
            key = unquote(address.path.removeprefix(f"/{bucket.bucket}").removeprefix("/"))
            asked = key or parse_qs(address.query, keep_blank_values=True).get("prefix", [""])[0]
            status = fails.get(asked, fails.get(f"{self.command} {asked}"))
            if status is not None:
                self._answer(status, [], b"")
                return
            self.upstream.request(self.command, self.path, body=sent, headers=dict(self.headers.items()))
            answer = self.upstream.getresponse()
            body = answer.read()
            if "list-type" in parse_qs(address.query):
                body = listed(body)
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in OF_THE_CONNECTION]
            length = answer.getheader("content-length") if self.command == "HEAD" else None
            self._answer(answer.status, kept, body, length)

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, length: str | None = None) -> None:
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", length or str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """A client that went away."""

    with Server(("127.0.0.1", 0), Handler) as proxy:
        thread = Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
            thread.join()
