"""The pdf-service's answers: only a key is one, and whatever else it does is told without its token or address."""

import json
from collections.abc import Sequence

import pytest

from printflow_reliability.errors import ConfigError, CouldNotTell, PrintflowError
from printflow_reliability.orders.repair.pdf_service import FileRequest, generate
from printflow_reliability_tests.alerts.service import LOGIN_PAGE, TOKEN, Answer, Service, answering
from printflow_reliability_tests.minimal_settings import minimal_settings

REQUEST = FileRequest("7", "3", "9f3a", "0123-0")
MADE = Answer(201, json.dumps({"key": "tenants/9f3a/orders/7/1/print-ready.pdf"}))
SECTION = '\n[pdf_service]\nurl = "{url}"\ntoken = "{token}"\ntimeout_seconds = {seconds}\n'


def asked(service: Service, seconds: float = 5) -> str:
    url = f"http://127.0.0.1:{service.server_port}/print-files?secret={TOKEN}"
    settings = minimal_settings(SECTION.format(url=url, token=TOKEN, seconds=seconds))
    return generate(settings, REQUEST, sleep=lambda _: None)


def refused(*answers: Answer, seconds: float = 5) -> str:
    """What is said where the service answers so."""
    with answering(*answers) as service, pytest.raises(PrintflowError) as failed:
        asked(service, seconds)
    assert TOKEN not in repr(failed.value) + failed.value.sentence
    assert "127.0.0.1" not in failed.value.sentence
    assert failed.value.next_step
    return failed.value.what


def test_a_file_is_asked_for_by_a_key_that_stays_the_same() -> None:
    with answering(Answer(202, "{}"), Answer(503), MADE) as service:
        assert asked(service) == "tenants/9f3a/orders/7/1/print-ready.pdf"
        got = service.got
    assert [request.document for request in got] == [
        {"order": "7", "item": "3", "tenant": "9f3a", "version": "0123-0"}
    ] * 3
    assert {request.headers["idempotency-key"] for request in got} == {"printflow-0123-0"}
    assert {request.headers["authorization"] for request in got} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([Answer(200, LOGIN_PAGE)], "a web page, and no file"),
        ([Answer(200, "<p>soon</p>", {"Content-Type": "text/html"})], "a web page, and no file"),
        ([Answer(200, "ok")], "without the key of a file"),
        ([Answer(200, "{}")], "without the key of a file"),
        ([Answer(200, '{"key": ""}')], "without the key of a file"),
        ([Answer(200, '{"key": 7}')], "without the key of a file"),
        ([Answer(200, '["key"]')], "without the key of a file"),
        ([Answer(200, json.dumps({"key": "a" * 5000}))], "without the key of a file"),
        ([Answer(200, "[" * 100_000)], "without the key of a file"),
        ([Answer(401, "{}")], "it answered 401"),
        ([Answer(302, "", {"Location": "http://127.0.0.1/"})], "it answered 302"),
        (
            [Answer(403, json.dumps({"error": f"Bearer {TOKEN} is not known"}))],
            "it answered 403 (Bearer [secret] is not",
        ),
        ([Answer(422, '{"error": "no\\u001b[2J such item"}')], "it answered 422 (no\\x1b[2J such item)"),
    ],
)
def test_what_is_no_key_is_a_refusal_with_its_reason(answers: Sequence[Answer], says: str) -> None:
    assert says in refused(*answers)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(fault="hang"), "did not answer within"),
        (Answer(fault="drip"), "did not answer within"),
        (Answer(fault="drip body"), "did not answer within"),
        (Answer(202, "{}"), "did not make the file within"),
        (Answer(503, '{"error": "the queue is full"}'), "answered 503 (the queue is full)"),
        (Answer(fault="cut"), "cannot be reached"),
    ],
)
def test_a_service_that_does_not_come_to_an_end_is_left(answer: Answer, says: str) -> None:
    assert says in refused(answer, seconds=0.5)


def test_a_service_that_is_away_or_not_there_at_all_is_told() -> None:
    with answering(MADE) as service:
        port = service.server_port
    settings = minimal_settings(SECTION.format(url=f"http://127.0.0.1:{port}/", token=TOKEN, seconds=0.5))
    with pytest.raises(CouldNotTell, match="cannot be reached"):
        generate(settings, REQUEST, sleep=lambda _: None)
    with pytest.raises(ConfigError, match=r"\[pdf_service\] is missing"):
        generate(minimal_settings(), REQUEST)


def test_a_token_that_cannot_be_sent_and_a_lost_certificate_name_their_keys() -> None:
    for more, says in (
        (SECTION.format(url="http://127.0.0.1:9/", token="töken", seconds=1), "its url or token cannot be sent"),
        (SECTION.format(url="https://127.0.0.1:9/", token="t", seconds=1) + 'ca_file = "none.pem"\n', "ca_file"),
    ):
        with pytest.raises(ConfigError, match=says):
            generate(minimal_settings(more), REQUEST, sleep=lambda _: None)
