"""A listing keeps every key as the bucket has it, and an incomplete one is never taken for the whole."""

from datetime import UTC, datetime

import pytest

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.pages import TornPage, list_pages, parse_page
from printflow_reliability_tests.storage.list_server import page, serving

HOSTILE = [
    "/a",
    "a//b",
    "a/../b",
    "dir/",
    "new\nline",
    "cr\rq",
    "a%2Fb",
    "a b",
    "a+b",
    "é",
    "e\u0301",
    "a&<>\"'b",
    "\x01",
]


def listed(bucket: BucketSettings) -> list[str]:
    return [item.key for objects in list_pages(bucket) for item in objects]


def test_every_key_comes_as_the_bucket_has_it() -> None:
    parsed = parse_page(page(HOSTILE))
    assert [item.key for item in parsed.objects] == HOSTILE
    assert parsed.token is None
    first = parsed.objects[0]
    assert (first.size, first.etag) == (12, "abc-2")
    assert first.modified_at == datetime(2026, 11, 2, 3, 0, 11, 250_000, UTC)


@pytest.mark.parametrize(
    "body",
    [
        page(["a", "b"])[:-30],
        b"<Error><Code>InternalError</Code></Error>",
        b"",
        page(["a"], "t").replace(b"<NextContinuationToken>t</NextContinuationToken>", b""),
        page(["a"]).replace(b"<Size>12</Size>", b""),
    ],
    ids=["cut short", "an error with status 200", "empty", "more without a token", "no size"],
)
def test_what_is_not_a_whole_page_is_torn(body: bytes) -> None:
    with pytest.raises(TornPage):
        parse_page(body)


def test_pages_follow_their_tokens() -> None:
    pages = {None: page(["a", "b"], "one"), "one": page(["c"], "two"), "two": page(["d"])}
    with serving(lambda token: (200, pages[token])) as bucket:
        assert listed(bucket) == ["a", "b", "c", "d"]


def test_tokens_that_lead_in_a_circle_are_an_incomplete_listing() -> None:
    pages = {None: page(["a"], "one"), "one": page(["b"], "two"), "two": page(["c"], "one")}
    with serving(lambda token: (200, pages[token])) as bucket, pytest.raises(CouldNotTell, match="circle"):
        listed(bucket)


def test_a_server_that_fails_once_is_asked_again() -> None:
    answers = iter([(503, b"slow down"), (200, page(["a"]))])
    with serving(lambda _: next(answers)) as bucket:
        assert listed(bucket) == ["a"]


def test_a_page_torn_once_is_fetched_again_and_one_torn_for_good_is_unknown() -> None:
    answers = iter([(200, page(["a"])[:-9]), (200, page(["a"]))])
    with serving(lambda _: next(answers)) as bucket:
        assert listed(bucket) == ["a"]
    with serving(lambda _: (200, page(["a"])[:-9])) as bucket, pytest.raises(CouldNotTell, match="incomplete"):
        listed(bucket)


def test_a_refusal_is_unknown_and_names_the_key_of_the_file() -> None:
    refusal = b"<Error><Code>AccessDenied</Code></Error>"
    with serving(lambda _: (403, refusal)) as bucket, pytest.raises(CouldNotTell) as raised:
        listed(bucket)
    assert "print-files (b) answered AccessDenied" in raised.value.what
    assert "access key" in raised.value.next_step


def test_a_server_that_is_away_is_unknown_and_no_signature_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("printflow_reliability.storage.clients.ATTEMPTS", 2)
    with serving(lambda _: (200, page([]))) as bucket:
        pass
    with pytest.raises(CouldNotTell) as raised:
        listed(bucket)
    assert "Signature" not in str(raised.value)
