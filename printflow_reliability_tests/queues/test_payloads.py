"""Payloads and fields of jobs as anybody may have written them: none breaks a look, and no junk tells a time."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.queues.bullmq_jobs import since
from printflow_reliability.queues.laravel_payload import payload_of

JOB = r"Illuminate\Queue\CallQueuedHandler@call"


@pytest.mark.parametrize("at", [10**400, "9" * 400, "nan", [1], None, 1_795_956_778_000, -5, {}])
def test_a_payload_with_a_number_of_any_size_tells_no_time(at: object) -> None:
    payload = payload_of(json.dumps({"job": JOB, "uuid": "u", "pushedAt": at}))
    assert payload.document is not None
    assert payload.pushed_at is None


@given(st.binary())
def test_no_bytes_whatever_break_the_reader_of_payloads(content: bytes) -> None:
    payload = payload_of(content)
    assert payload.turn
    assert payload.pushed_at is None or payload.document is not None


@pytest.mark.parametrize(
    "fields", [[b"9" * 400, b"0"], [b"1", b"9" * 400], [b"1.7e12", b"0"], [b"\xff\x00", b"0"], [b"nan", b""]]
)
def test_fields_of_bullmq_that_are_no_time_tell_none(fields: Sequence[bytes]) -> None:
    assert since([*fields, None, None, None]) is None


def test_a_fresh_job_of_bullmq_waits_from_its_time_and_delay_on() -> None:
    assert since([b"1795956778000", b"5000", None, None, None]) == 1_795_956_783.0
    assert since([b"1795956778000", b"0", b"1", None, None]) is None
