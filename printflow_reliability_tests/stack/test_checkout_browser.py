"""A real Chromium between two requests, and the downloads of a page that leads elsewhere or makes a file by itself."""

import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from printflow_reliability.checkout.session import NAMES, BrowserProcess, opened
from printflow_reliability.checkout.steps import Step
from printflow_reliability_tests.checkout.configured import checkout_settings

BROWSER = any(os.access(Path(folder) / name, os.X_OK) for folder in os.get_exec_path() for name in NAMES)
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not BROWSER, reason="no Chromium is installed: make setup"),
]
PAGE = b"""<!DOCTYPE html><html><head><link rel="icon" href="data:,"></head><body>
<a id="file" href="/file">File</a> <a id="inner" href="http://localhost:1/admin">Inner</a>
<a id="blob" href="#" onclick="const made = document.createElement('a'); made.download = 'a.pdf';
made.href = window.URL.createObjectURL(new Blob(['%PDF-blob'])); made.click(); return false">Blob</a>
<script>setTimeout(async () => { await fetch('/first'); await fetch('/second'); await fetch('/third'); }, 300);</script>
</body></html>"""


class Page(BaseHTTPRequestHandler):
    """A page that asks for three things, each after the other has come."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path == "/" else "application/pdf")
        self.end_headers()
        self.wfile.write(PAGE if self.path == "/" else b"%PDF-file")

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def page() -> Iterator[tuple[BrowserProcess, str, list[str]]]:
    """A browser, the address of a page, and what was asked for there."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("AskedPage", (Page,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    settings, checkout = checkout_settings(("https://synthetic.example/shop", address))
    with opened(settings, checkout) as browser:
        yield browser, address, asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_a_page_does_goes_on_while_nothing_is_asked_of_it(page: tuple[BrowserProcess, str, list[str]]) -> None:
    browser, address, asked = page
    assert browser.carry_out(Step("page", "open", address=f"{address}/", limit_seconds=60)).ok
    deadline = time.monotonic() + 60
    while "/third" not in asked and time.monotonic() < deadline:
        time.sleep(0.1)
    assert asked[-3:] == ["/first", "/second", "/third"]


def test_a_download_is_fetched_or_clicked_and_never_from_an_inner_address(
    page: tuple[BrowserProcess, str, list[str]],
) -> None:
    browser, address, _ = page
    browser.carry_out(Step("page", "open", address=f"{address}/", limit_seconds=60))
    for selector, content in (("#file", b"%PDF-file"), ("#blob", b"%PDF-blob")):
        carried = browser.carry_out(Step("download", "download", selector=selector, limit_seconds=60))
        assert carried.ok, carried.why
        assert carried.download is not None
        assert carried.download.read_bytes() == content
    refused = browser.carry_out(Step("download", "download", selector="#inner", limit_seconds=60))
    assert not refused.ok
    assert not refused.download
