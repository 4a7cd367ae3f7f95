"""Heartbeats: what a watcher hears and when, and that neither it nor its address ever harms anybody."""

import logging
import threading
import tracemalloc
from typing import Any

import pytest
from pydantic import ValidationError

from printflow_reliability.alerts import heartbeats as module
from printflow_reliability.alerts.heartbeats import AGAIN_AFTER_SECONDS, LONGEST_BODY, Heartbeats, post
from printflow_reliability.settings import HeartbeatSettings
from printflow_reliability_tests.alerts.service import LOGIN_PAGE, Answer
from printflow_reliability_tests.alerts.service import answering as service_answering
from printflow_reliability_tests.alerts.watcher import SECRET, answering
from printflow_reliability_tests.minimal_settings import minimal_settings
from printflow_reliability_tests.ports import closed_port

URL = f"https://watcher.example/{SECRET}"
SETTINGS = minimal_settings(
    f'[[heartbeat]]\nof = "guard"\nurl = "{URL}"\n[[heartbeat]]\nof = "outbox"\nurl = "{URL}-2/"\n'
)


class Watcher:
    """Keeps what it hears; the time is the test's."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.refusal = ""
        self.now = 1_000.0
        self.heartbeats = Heartbeats(self.send, lambda: self.now)

    def send(self, address: str, body: str) -> str:
        self.heard.append((address, body))
        return self.refusal

    def addresses(self) -> list[str]:
        """What came after the address of the heartbeat."""
        heard, self.heard = self.heard, []
        return [address.removeprefix(URL) for address, _ in heard]


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


def test_start_success_and_failure_go_to_their_addresses(watcher: Watcher) -> None:
    watcher.heartbeats.started(SETTINGS, "guard")
    watcher.heartbeats.done(SETTINGS, "guard", "12 paid orders have their artwork")
    watcher.heartbeats.failed(SETTINGS, "guard", "S3 does not answer")

    assert watcher.heard == [
        (f"{URL}/start", ""),
        (URL, "12 paid orders have their artwork"),
        (f"{URL}/fail", "S3 does not answer"),
    ]


def test_a_part_without_a_heartbeat_tells_nobody(watcher: Watcher) -> None:
    watcher.heartbeats.done(SETTINGS, "nightly_sweep", "fine")
    assert watcher.heard == []


def test_an_address_that_ends_in_a_slash_is_the_same(watcher: Watcher) -> None:
    watcher.heartbeats.failed(SETTINGS, "outbox", "")
    assert watcher.addresses() == ["-2/fail"]


def test_the_same_is_said_again_only_after_a_while_and_a_change_at_once(watcher: Watcher) -> None:
    def look(*, well: bool) -> list[str]:
        watcher.heartbeats.started(SETTINGS, "guard")
        (watcher.heartbeats.done if well else watcher.heartbeats.failed)(SETTINGS, "guard", "")
        watcher.now += 10
        return watcher.addresses()

    assert look(well=True) == ["/start", ""]
    assert look(well=True) == look(well=True) == []
    assert look(well=True) == ["/start", ""]
    assert "/fail" in look(well=False)
    assert "/fail" not in look(well=False)
    assert look(well=True)[-1] == ""


def test_each_part_has_its_own_rhythm(watcher: Watcher) -> None:
    watcher.heartbeats.done(SETTINGS, "guard", "")
    watcher.heartbeats.done(SETTINGS, "outbox", "")
    assert watcher.addresses() == ["", "-2"]


def test_what_was_not_heard_is_said_again_at_once(watcher: Watcher) -> None:
    watcher.refusal = "it answered 503"
    watcher.heartbeats.done(SETTINGS, "guard", "")
    watcher.heartbeats.done(SETTINGS, "guard", "")
    assert watcher.addresses() == ["", ""]


def test_the_body_is_bounded_and_holds_no_secret(watcher: Watcher) -> None:
    watcher.heartbeats.failed(SETTINGS, "guard", f"\x1b[2J {URL} {'x' * 100_000}")
    ((_, body),) = watcher.heard
    assert SECRET not in body
    assert "\x1b" not in body
    assert len(body) == LONGEST_BODY


def test_a_watcher_whose_client_fails_is_nobodys_failure_and_its_address_is_not_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(address: str, _body: str) -> str:
        raise RuntimeError(f"no route to {address}")

    with caplog.at_level(logging.DEBUG):
        Heartbeats(fail).done(SETTINGS, "guard", "")
    assert "heartbeat guard did not take it: RuntimeError" in caplog.text
    assert SECRET not in caplog.text


def test_a_defect_of_ours_is_reported_and_what_a_watcher_does_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[BaseException] = []
    monkeypatch.setattr(module, "report_error", reported.append)

    def broken(_address: str, _body: str) -> str:
        raise ZeroDivisionError

    with closed_port() as port:
        away = minimal_settings(f'[[heartbeat]]\nof = "guard"\nurl = "http://127.0.0.1:{port}/{SECRET}"\n')
        Heartbeats().done(away, "guard", "")
    assert reported == []
    Heartbeats(broken).done(SETTINGS, "guard", "")
    assert [type(error) for error in reported] == [ZeroDivisionError]


def test_a_watcher_that_hangs_keeps_nobody_and_is_not_asked_again_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)
    answer, asked = threading.Event(), []

    def hang(address: str, _body: str) -> str:
        asked.append(address)
        answer.wait(60)
        return ""

    beats = Heartbeats(hang)
    for _ in range(3):
        beats.failed(SETTINGS, "guard", "")
        beats.done(SETTINGS, "guard", "")
    assert len(asked) == 1
    answer.set()


@pytest.mark.parametrize(
    ("status", "text", "refused"),
    [
        (200, "OK", ""),
        (200, "OK (not found)", "it knows no such heartbeat"),
        (200, "OK (rate limited)", "it was told too often"),
        (202, "Got it, thanks!", ""),
        (200, '{"ok":true,"msg":"OK"}', ""),
        (200, "", ""),
        (200, '{"ok":false,"msg":"Monitor is not active."}', "it answered 200, but does not say that it heard"),
        (200, LOGIN_PAGE, "it answered 200, but does not say that it heard"),
        (200, "Unauthorized", "it answered 200, but does not say that it heard"),
        (302, "", "it answered 302"),
        (404, "not found", "it answered 404"),
        (503, "", "it answered 503"),
    ],
)
def test_a_success_is_what_the_watcher_calls_so(status: int, text: str, refused: str) -> None:
    with answering(status, text) as (address, got):
        assert post(address, "12 paid orders") == refused
    assert got == [(f"/{SECRET}", b"12 paid orders")]


def test_a_watcher_that_is_away_is_said_without_its_address(caplog: pytest.LogCaptureFixture) -> None:
    with answering(200, "OK") as (address, _):
        pass
    with caplog.at_level(logging.WARNING):
        assert post(address, "") == "it cannot be reached (ConnectError)"
    assert SECRET not in caplog.text


@pytest.mark.parametrize("fault", ["hang", "drip", "drip body", "drip body without its length"])
def test_a_watcher_that_never_comes_to_an_end_is_left_and_told_again(
    fault: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.3)
    with service_answering(Answer(fault=fault)) as service:
        settings = minimal_settings(
            f'[[heartbeat]]\nof = "guard"\nurl = "http://127.0.0.1:{service.server_port}/{SECRET}"\n'
        )
        beats = Heartbeats()
        beats.done(settings, "guard", "")
        beats._sending["guard"].join(10)
        beats.done(settings, "guard", "")
        beats._sending["guard"].join(10)
        assert len(service.got) == 2
    assert "did not answer within" in caplog.text


def test_an_answer_without_an_end_is_read_in_part() -> None:
    with service_answering(Answer(200, "0" * 20_000_000)) as service:
        tracemalloc.start()
        post(f"http://127.0.0.1:{service.server_port}/{SECRET}", "")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 2 * 20_000_000  # the server's own copies


@pytest.mark.parametrize(
    "url",
    ["https://hc-ping.com/abc", "http://127.0.0.1:8000/ping/abc", "http://[::1]/a", "http://localhost/a"],
)
def test_addresses_over_tls_or_loopback_are_taken(url: str) -> None:
    assert HeartbeatSettings(of="guard", url=url).url == url


@pytest.mark.parametrize(
    "url",
    ["http://hc-ping.com/abc", "http://10.0.0.7/a", "ftp://hc-ping.com/a", "https://u:p@h/a", "https://h/a?create=1"],
)
def test_addresses_that_would_show_the_secret_are_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        HeartbeatSettings(of="guard", url=url)
    assert "write https://HOST" in refused.value.errors()[0]["msg"]


def test_two_heartbeats_of_one_part_are_refused() -> None:
    with pytest.raises(Exception, match='"guard" has two'):
        minimal_settings(2 * f'[[heartbeat]]\nof = "guard"\nurl = "{URL}"\n')


def test_the_same_is_not_said_for_less_than_a_watcher_takes() -> None:
    """Healthchecks.io takes five words a minute of one heartbeat; a success has two, its start and its end."""
    assert 2 * 60 / AGAIN_AFTER_SECONDS <= 5
