"""No line of the log holds a secret or anybody's data, whoever logs it and with whatever error."""

import logging
import sys

import pytest
from hypothesis import given

from printflow_reliability.logs import SafeFormatter
from printflow_reliability_tests.alerts.planted import NAMES, PARTS, TENANT, everything, leaks, texts
from printflow_reliability_tests.alerts.sentry.configured import SECRETS

OF_NAMES = [part for name in NAMES for part in PARTS if part in name]


def line(text: str, *, error: bool) -> str:
    formatter = SafeFormatter()
    formatter.secrets = tuple(sorted(SECRETS, key=len, reverse=True))
    caught = None
    try:
        try:
            int(text)
        except ValueError as wrong:
            raise KeyError(text) from wrong
    except KeyError:
        caught = sys.exc_info() if error else None
    message = "unexpected error" if error else f"the row of {text} is wrong"
    record = logging.LogRecord("httpx", logging.INFO, __file__, 1, message, None, caught)
    record.exc_text = text if error else None  # what another handler has made of it
    written = formatter.format(record)
    assert record.exc_text is None
    return written


@given(text=texts(SECRETS))
def test_a_line_with_an_error_holds_nothing_of_it_but_our_own_words(text: str) -> None:
    written = line(text, error=True)
    assert leaks(written, SECRETS) == []
    assert "KeyError" in written


@given(text=texts(SECRETS))
def test_a_line_without_one_holds_no_secret_and_no_personal_data_that_can_be_known(text: str) -> None:
    parts = [part for part in PARTS if part not in OF_NAMES]
    assert leaks(line(text, error=False), SECRETS, parts=parts) == []


@pytest.mark.parametrize("odd", ["\n", "\r\n", "\x1b[2J", "\x85", "\u2028", "\u202e", "\0", "\udcff"])
def test_text_from_outside_begins_no_line_and_moves_no_terminal(odd: str) -> None:
    written = line(f"7{odd}2026-11-28 12:00:00,000 INFO all is well", error=False)
    assert odd not in written
    assert len(written.splitlines()) == 1
    assert "\n" in line("no number", error=True), "a traceback has lines of its own"


def test_what_a_person_needs_stays() -> None:
    written = line(everything(SECRETS), error=True)
    assert "in line" in written
    assert "invalid literal for int() with base 10" in written
    assert TENANT in written
