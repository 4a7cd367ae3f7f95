"""An S3 server that answers LIST with whatever a test says, and pages to answer with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from printflow_reliability.settings import BucketSettings

Answer = Callable[[str | None], tuple[int, bytes]]


def page(keys: list[str], token: str | None = None) -> bytes:
    entries = "".join(
        f"<Contents><Key>{escape(key, {chr(10): '&#xA;', chr(13): '&#xD;', chr(1): '&#x1;'})}</Key>"
        "<LastModified>2026-11-02T03:00:11.250Z</LastModified><ETag>&quot;abc-2&quot;</ETag><Size>12</Size></Contents>"
        for key in keys
    )
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
    return (
        f'<?xml version="1.0"?><ListBucketResult><Name>b</Name>{more if token else "<IsTruncated>false</IsTruncated>"}'
        f"{entries}</ListBucketResult>"
    ).encode()


@contextmanager
def serving(answer: Answer) -> Iterator[BucketSettings]:
    """An S3 server that answers LIST with whatever the test says."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = parse_qs(urlsplit(self.path).query).get("continuation-token", [None])[0]
            status, body = answer(token)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield BucketSettings(
            name="print-files",
            bucket="b",
            endpoint_url=f"http://127.0.0.1:{server.server_port}",
            access_key_id="key",
            secret_access_key="s3cret",
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
