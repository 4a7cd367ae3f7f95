"""A download is the platform's own or lies in public, and is bounded: what a page says is not trusted."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from printflow_reliability.checkout.downloads import NotDone, Reach, begin, fetch
from printflow_reliability.checkout.session import reach_of
from printflow_reliability_tests.checkout.configured import checkout_settings
from printflow_reliability_tests.ports import closed_port

COOKIE = {"name": "session", "value": "a1", "domain": "127.0.0.1", "path": "/", "secure": False}
PDF = b"%PDF-1.7 of this customer"


class Shop(BaseHTTPRequestHandler):
    """Gives the file to whoever has the session, leads elsewhere, or never ends."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.send_header("Set-Cookie", "signed=b2; Path=/")
            self.end_headers()
            return
        cookies = self.headers.get("Cookie", "")
        self.send_response(200 if "session=a1" in cookies else 403)
        self.end_headers()
        if self.path == "/signed" and "signed=b2" not in cookies:
            return
        self.wfile.write(PDF)
        while self.path == "/endless":
            try:
                self.wfile.write(bytes(65536))
            except OSError:
                return

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def shop() -> Iterator[tuple[str, list[str]]]:
    """The address of a shop, and the paths that it was asked for."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("AskedShop", (Shop,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


OURS = Reach(("127.0.0.1",), 1024 * 1024, ("pk_live_",))


def got(address: str, target: Path, reach: Reach = OURS) -> bytes:
    fetch(address, [COOKIE], "Chromium", target, time.monotonic() + 20, reach)
    return target.read_bytes()


def test_the_customers_own_file_comes_with_its_session_and_over_redirects(
    shop: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, _ = shop
    assert got(f"{address}/file", tmp_path / "a") == PDF
    assert got(f"{address}/to//signed", tmp_path / "b") == PDF, "with the cookie that came on the way"
    begin(f"{address}/file", [COOKIE], "Chromium", tmp_path / "c", time.monotonic() + 20, OURS).result(20)
    assert (tmp_path / "c").read_bytes() == PDF


def test_an_inner_address_is_not_asked_for_anything(shop: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = shop
    elsewhere = Reach(("shop.example",), 1024)
    with pytest.raises(NotDone, match=r'leads to "127\.0\.0\.1", an address of an inner network'):
        got(f"{address}/latest/meta-data", tmp_path / "a", elsewhere)
    assert asked == []
    with pytest.raises(NotDone, match='leads to "localhost"'):  # by a name, and after a redirect
        got(f"{address}/to/{address.replace('127.0.0.1', 'localhost')}/admin", tmp_path / "b")
    assert [path for path in asked if path == "/admin"] == []


@pytest.mark.parametrize(
    "inner", ["169.254.169.254", "10.0.0.5", "::1", "fe80::1%eth0", "::ffff:127.0.0.1", "100.100.100.200", "fd00::1"]
)
def test_inner_addresses_are_the_platforms_own_only_by_its_hosts(inner: str) -> None:
    reach = Reach(("shop.example",), 1024)
    with pytest.raises(NotDone, match="inner network"):
        reach.require("rebound.example", inner)
    with pytest.raises(NotDone, match="inner network"):
        reach.require("notshop.example", inner)
    reach.require("Shop.example", inner)
    reach.require("files.shop.example.", inner)
    reach.require("cdn.example", "93.184.215.14")


def test_a_download_without_an_end_is_cut_and_a_refused_one_is_told(
    shop: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, _ = shop
    with pytest.raises(NotDone, match=r"larger than pdf\.max_bytes"):
        got(f"{address}/endless", tmp_path / "a")
    assert (tmp_path / "a").stat().st_size <= OURS.max_bytes
    with pytest.raises(NotDone, match="did not come in time"):
        fetch(f"{address}/endless", [COOKIE], "", tmp_path / "b", time.monotonic(), Reach(OURS.hosts, 10**12))
    with pytest.raises(NotDone, match="HTTP 403"):
        fetch(f"{address}/file", [], "", tmp_path / "c", time.monotonic() + 20, OURS)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}/?key=pk_live_1",
        "ftp://127.0.0.1:{port}/",
        "file:///etc/hostname",
    ],
)
def test_what_cannot_be_had_is_told(address: str, tmp_path: Path) -> None:
    with pytest.raises(NotDone) as told:
        got(address.format(port=closed_port()), tmp_path / "a")
    assert not told.value.unreached
    assert not (tmp_path / "a").exists()


def test_the_hosts_of_the_shop_and_of_the_buckets_are_the_platforms() -> None:
    settings, checkout = checkout_settings()
    reach = reach_of(settings, checkout)
    assert "synthetic.example" in reach["hosts"]
    assert len(reach["hosts"]) == 1 + len(settings.bucket)
    assert reach["max_bytes"] == settings.pdf.max_bytes


def test_a_name_that_nobody_knows_is_no_fault_of_the_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NotDone) as told:
        got("http://nowhere.invalid/", tmp_path / "a")
    assert told.value.unreached
