"""An S3 server in this process, without signatures, that does to single keys whatever a test says."""

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from printflow_reliability.settings import BucketSettings

MODIFIED = "2026-11-02T03:00:11.000Z"
MODIFIED_HEADER = "Mon, 02 Nov 2026 03:00:11 GMT"
HANGS_UP = 0
"""Instead of a status: the connection is closed without an answer."""


@dataclass
class FakeBucket:
    """Its objects with their sizes, and the status with which it answers for single keys instead of telling of them.

    Attributes:
        fails: status by key, for HEAD; `lists` and `heads` fail all requests of that kind.
        same_as: keys that a HEAD takes for others, as SeaweedFS takes `a//b` for `a/b`.
        requests: how many of each kind were made; LIST also by its prefix.
    """

    objects: dict[str, int] = field(default_factory=dict)
    fails: dict[str, int] = field(default_factory=dict)
    same_as: dict[str, str] = field(default_factory=dict)
    lists: int | None = None
    heads: int | None = None
    requests: Counter[str] = field(default_factory=Counter)

    def status_of(self, key: str) -> int:
        """What HEAD answers."""
        self.requests["HEAD"] += 1
        key = self.same_as.get(key, key)
        if key in self.fails:
            return self.fails[key]
        if key not in self.objects:
            return 404
        return self.heads if self.heads is not None else 200

    def listing(self, query: dict[str, list[str]]) -> bytes:
        """What LIST answers."""
        prefix, after = query.get("prefix", [""])[0], query.get("start-after", [""])[0]
        self.requests["LIST"] += 1
        self.requests[f"LIST {prefix}"] += 1
        encoded = quote if "encoding-type" in query else str
        contents, folders = [], []
        for key in sorted(self.objects):
            if not key.startswith(prefix) or key <= after:
                continue
            name, slash, _ = key[len(prefix) :].partition("/")
            if "delimiter" in query and slash:
                folders.append(f"{prefix}{name}/")
            else:
                contents.append(key)
        entries = "".join(
            f"<Contents><Key>{escape(encoded(key))}</Key><LastModified>{MODIFIED}</LastModified>"
            f"<ETag>&quot;e&quot;</ETag><Size>{self.objects[key]}</Size></Contents>"
            for key in contents[: int(query.get("max-keys", ["1000"])[0])]
        ) + "".join(
            f"<CommonPrefixes><Prefix>{escape(encoded(folder))}</Prefix></CommonPrefixes>"
            for folder in dict.fromkeys(folders)
        )
        coding = "<EncodingType>url</EncodingType>" if "encoding-type" in query else ""
        return (
            f'<?xml version="1.0"?><ListBucketResult>{coding}<IsTruncated>false</IsTruncated>{entries}'
            "</ListBucketResult>"
        ).encode()


@contextmanager
def serving(bucket: FakeBucket) -> Iterator[BucketSettings]:
    """Serve the bucket."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            key = unquote(urlsplit(self.path).path.removeprefix("/b").removeprefix("/"))
            self._answer(bucket.status_of(key) if key else 200, b"", bucket.objects.get(key, 0))

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            if bucket.lists is not None:
                self._answer(bucket.lists, b"")
            else:
                self._answer(200, bucket.listing(query))

        def _answer(self, status: int, body: bytes, size: int | None = None) -> None:
            if status == HANGS_UP:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if size is None else size))
            self.send_header("ETag", '"e"')
            self.send_header("Last-Modified", MODIFIED_HEADER)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield BucketSettings(
            name="files",
            bucket="b",
            endpoint_url=f"http://127.0.0.1:{server.server_port}",
            access_key_id="key",
            secret_access_key="secret",
        )
        server.shutdown()
        thread.join()
