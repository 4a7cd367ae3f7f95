"""Whatever answers in place of an S3 server, with 200 and a page, leads to "could not tell" and to no verdict."""

import pytest

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.pdf.inspection import Inspection
from printflow_reliability.pdf.ledger import MemoryLedger
from printflow_reliability.pdf.verify import PdfVerifier
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.settings import PdfSettings
from printflow_reliability.storage.lookup import By, look_up
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability_tests.storage.odd_server import server

PAGE = b"<!doctype html><html><body><p>Log in<br></body>"
DATED = b"Last-Modified: Sat, 28 Nov 2026 20:00:00 GMT\r\n"
SIZE = 4711


def http(headers: bytes, body: bytes = b"", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("status", [b"200 OK", b"203 Non-Authoritative Information"])
@pytest.mark.parametrize("page", [PAGE, b"", b"\x00\xff", b'{"login": true}', b"<html>login</html>"])
def test_a_page_is_no_object(page: bytes, status: bytes) -> None:
    def says(request: bytes) -> bytes:
        return http(b"Content-Type: text/html\r\n", b"" if request.startswith(b"HEAD") else page, status)

    with server(says) as bucket, pytest.raises(CouldNotTell, match="files"):
        look_up(bucket, ["t/a.pdf"], By.HEAD)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"", PAGE),
        (b'ETag: "another"\r\n', PAGE),
        (b'ETag: "aa"\r\n', PAGE),
        (b'ETag: "another"\r\n', PAGE.ljust(SIZE)),
    ],
)
def test_a_page_in_place_of_a_files_bytes_is_no_verdict_on_the_file(headers: bytes, body: bytes) -> None:
    def says(request: bytes) -> bytes:
        if request.startswith(b"HEAD"):
            return b'HTTP/1.1 200 OK\r\nETag: "aa"\r\n' + DATED + b"Content-Length: %d\r\n\r\n" % SIZE
        return http(headers + DATED, body)

    class Ledger(MemoryLedger):
        def remember(self, key: str, head: ObjectHead, inspection: Inspection) -> None:
            raise AssertionError(f"{key} {head} was judged by a page: {inspection}")

    with server(says) as bucket, InspectionWorker(PdfSettings()) as worker:
        (judged,) = PdfVerifier(bucket, Ledger(), worker).verify(["t/a.pdf"])
    assert judged.inspection is None
    assert judged.refused == "the store sends something else than it tells of"
