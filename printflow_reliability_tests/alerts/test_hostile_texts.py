"""A text of any size and any characters reaches people as it is, on every service, with what to do about it."""

import pytest

from printflow_reliability.alerts.routes import sending
from printflow_reliability.alerts.routes.sending import send
from printflow_reliability_tests.alerts.messages import message
from printflow_reliability_tests.alerts.service import TAKEN, answering, route_to

OVER_HTTP = tuple(TAKEN)
HOSTILE = {
    "long": "x" * 1_000_000,
    "of three bytes": "\u4e00" * 50_000,
    "of pairs": "\U0001f600" * 50_000,
    "quotes": '"' * 100_000,
    "entities": "<&>" * 50_000,
    "control characters": "\x1b[2J\x00\x07\x9b" * 20_000,
    "half a pair": "\udcff" * 20_000,
    "lines": "\n" * 100_000,
}
LARGEST = {"teams": 28_000, "slack": 100_000, "pagerduty": 512_000, "webhook": 64_000, "alertmanager": 64_000}
"""Bytes that a service takes, or that nobody would miss more of."""


HIDING = ["\u202e", "\u2066", "\u200b", "\x1b", "\x00", "\r", "\u2028"]


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_text_of_any_size_is_one_that_the_service_takes_with_what_to_do(kind: str) -> None:
    given = [(where, name) for where in ("title", "body") for name in HOSTILE]
    with answering(TAKEN[kind]) as service, sending.sending(route_to(service, kind)) as send_now:
        for where, name in given:
            assert send_now(message(**{where: f"begins {HOSTILE[name]}"})) is None
    for (where, _), request in zip(given, service.got, strict=True):
        said = request.content.decode()
        assert len(request.content) <= LARGEST[kind]
        assert "begins " in said
        assert kind == "webhook" or "printflow alerts ack order:10482" in said  # a webhook gets fields, and no words
        assert where == "title" or "printflow alerts list --json" in said


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_no_text_turns_or_hides_another(kind: str) -> None:
    with answering(TAKEN[kind]) as service, sending.sending(route_to(service, kind)) as send_now:
        for hidden in HIDING:
            for where in ("title", "body"):
                send_now(message(**{where: f"order 17{hidden}fdp.exe"}))
    assert len(service.got) == 2 * len(HIDING)
    assert not [hidden for request in service.got for hidden in HIDING if hidden in _texts(request.document)]


def _texts(document: object) -> str:
    """Every text of a document, as people see it."""
    if isinstance(document, dict):
        return "|".join(map(_texts, document.values()))
    return "|".join(map(_texts, document)) if isinstance(document, list) else str(document)


@pytest.mark.parametrize("kind", ["slack", "teams"])
def test_a_command_is_shown_as_it_is_and_nothing_is_a_link_that_says_otherwise(kind: str) -> None:
    body = "see [the order](http://evil.example)\nNext: printflow orders repair _10_*2*"
    with answering(TAKEN[kind]) as service:
        send(route_to(service, kind), message(body=body))
    document = service.got[0].document
    if kind == "slack":
        assert (document["mrkdwn"], document["unfurl_links"], document["unfurl_media"]) == (False, False, False)
        assert body in document["text"]
    else:
        blocks = document["attachments"][0]["content"]["body"]
        assert {block["type"] for block in blocks} == {"RichTextBlock"}  # which knows no Markdown
        assert [block["inlines"][0]["text"] for block in blocks][1:3] == body.split("\n")
