"""Sentry hears of unexpected errors, and of nobody's secrets."""

import json
from pathlib import Path
from typing import Any

import pytest
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from printflow_reliability.alerts.sentry import report_error, report_message
from printflow_reliability.settings import Settings, load
from printflow_reliability_tests.settings.good_configuration import ENVIRON, GOOD

SECRET = ENVIRON["RECORDS_URL"]
SENTRY = """
[sentry]
dsn = "env:SENTRY_DSN"
"""


class RecordingTransport(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep it."""
        self.events += [item.payload.json for item in envelope.items]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/live_db").write_text("postgresql://printflow:s3cret@localhost/live_db")
    return tmp_path


def configured(folder: Path, sentry: str = "") -> Settings:
    (folder / "printflow.toml").write_text(GOOD + sentry)
    return load(folder / "printflow.toml", {**ENVIRON, "SENTRY_DSN": "https://key@sentry.invalid/1"})


def failure() -> Exception:
    row = {"customer": "Ada Lovelace", "url": SECRET}
    try:
        raise RuntimeError(f"cannot use {row['url']}")
    except RuntimeError as error:
        return error


def test_an_unexpected_error_is_sent_without_secrets_and_without_local_variables(folder: Path) -> None:
    kept = RecordingTransport()

    assert report_error(configured(folder, SENTRY), failure(), transport=kept)

    sent = json.dumps(kept.events)
    assert "cannot use [secret]" in sent
    assert SECRET not in sent
    assert "Ada" not in sent


def test_a_message_is_sent_too(folder: Path) -> None:
    kept = RecordingTransport()

    assert report_message(configured(folder, SENTRY), f"a run failed on {SECRET}", transport=kept)

    assert [event["message"] for event in kept.events] == ["a run failed on [secret]"]
    assert kept.events[0]["environment"] == "production"


def test_without_a_section_nothing_is_sent(folder: Path) -> None:
    kept = RecordingTransport()

    assert not report_error(configured(folder), failure(), transport=kept)
    assert kept.events == []
