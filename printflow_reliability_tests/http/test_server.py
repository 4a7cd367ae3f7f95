"""The server process: where it listens, and the settings that it reads anew."""

import asyncio
import logging
from contextlib import suppress
from pathlib import Path

import pytest

from printflow_reliability.cli import run
from printflow_reliability.errors import ConfigError
from printflow_reliability.http import server
from printflow_reliability.http.server import Current, listening
from printflow_reliability.service import NewestSettings
from printflow_reliability.settings import HttpSettings, Settings
from printflow_reliability_tests.http.conftest import TOKENS
from printflow_reliability_tests.minimal_settings import minimal_settings
from printflow_reliability_tests.platform_elsewhere import configured
from printflow_reliability_tests.ports import closed_port


def test_nothing_but_this_machine_can_reach_it_by_default() -> None:
    with listening(HttpSettings(port=0)) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_any_free_port_may_be_taken(host: str) -> None:
    try:
        with listening(HttpSettings(host=host, port=0)) as sock:
            assert sock.getsockname()[1] > 0
    except ConfigError:
        if host == "127.0.0.1":
            raise
        pytest.skip("this machine has no IPv6")


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "host.invalid"])
def test_an_address_that_is_not_this_machines_is_said(host: str) -> None:
    with pytest.raises(ConfigError, match=r"http\.host"):
        listening(HttpSettings(host=host, port=0))


def test_a_port_that_is_taken_is_said() -> None:
    with closed_port() as port, pytest.raises(ConfigError, match="Address already in use"):
        listening(HttpSettings(port=port))


def test_without_a_token_it_does_not_begin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--config", str(configured(tmp_path)), "serve"]) == 2
    assert "http.token: there is none" in capsys.readouterr().err


def test_settings_are_read_anew_and_those_known_go_on_while_they_are_wrong(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "REREAD_SECONDS", 0.01)
    first, later = minimal_settings(), minimal_settings(TOKENS)
    read: list[Settings | Exception] = [ConfigError("platform: is missing"), MemoryError(), later]
    alive: list[None] = []

    def load() -> Settings:
        found = read.pop(0) if read else later
        if isinstance(found, Exception):
            raise found
        return found

    async def kept() -> list[int]:
        current = Current(NewestSettings(load, first), first)
        keeping = asyncio.create_task(current.keep(lambda: alive.append(None)))
        tokens = [len(current().http.token)]
        while len(current().http.token) == 0:
            await asyncio.sleep(0.01)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        return [*tokens, len(current().http.token)]

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(kept()) == [0, len(later.http.token)]
    assert len(alive) >= 3
    assert "platform: is missing" in caplog.text
    assert "MemoryError" in caplog.text
