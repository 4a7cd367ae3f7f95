"""What stands around a route, a proxy or what the system trusts, is that route's trouble, and nobody's on loopback."""

from pathlib import Path

import pytest

from printflow_reliability.alerts.routes import sending
from printflow_reliability.alerts.routes.sending import send
from printflow_reliability_tests.alerts.messages import message
from printflow_reliability_tests.alerts.service import TAKEN, TOKEN, answering, route_to


def test_a_system_that_trusts_nobody_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with answering(TAKEN["slack"]) as service:
        refusal = send(route_to(service, "slack"), message())
    assert refusal is not None
    assert refusal.reason == "what the system trusts for route pager cannot be used (FileNotFoundError)"


PROXIES = ["http://127.0.0.1:9", "ftp://proxy.example", "socks5://127.0.0.1:9", "garbage::x", "http://[::1"]


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_stays_on_this_machine_is_shown_to_no_proxy(
    host: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    with answering(TAKEN["webhook"]) as service:
        url = f"http://{host}:{service.server_port}/{TOKEN}"
        assert send(route_to(service).model_copy(update={"url": url}), message()) is None


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_that_cannot_be_is_the_trouble_of_the_route_that_needs_it(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "")
    with answering(TAKEN["webhook"]) as service:
        refusal = send(route_to(service).model_copy(update={"url": f"http://pager.invalid/{TOKEN}"}), message())
    assert refusal is not None
    assert "cannot be reached" in refusal.reason
    assert (refusal.stops, refusal.blames) == (True, False)


def test_a_route_that_cannot_even_be_begun_is_its_own_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_route: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sending, "posting", broken)
    with answering(TAKEN["webhook"]) as service:
        refusal = send(route_to(service), message())
    assert refusal is not None
    assert refusal.reason == "route pager cannot be spoken to (ZeroDivisionError)"
