"""Systemd hears that a service is alive, where it wants to; elsewhere nobody is told and nothing is harmed."""

import logging
import socket
from pathlib import Path

import pytest

from printflow_reliability.service import ALIVE, notify
from printflow_reliability.settings import notify_socket


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_on_its_socket(tmp_path: Path, abstract: bool) -> None:
    name = f"printflow-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name}" if abstract else name)
        systemd.settimeout(60)
        notify(notify_socket({"NOTIFY_SOCKET": f"@{name}" if abstract else name}), ALIVE)
        assert systemd.recv(100) == b"WATCHDOG=1"


def test_without_systemd_nobody_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        notify(notify_socket({}), ALIVE)
    assert caplog.text == ""


def test_a_systemd_that_is_gone_costs_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notify(str(tmp_path / "gone"), ALIVE)
    assert "systemd cannot be told" in caplog.text
