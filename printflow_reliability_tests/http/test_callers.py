"""Who may ask, and how often."""

import asyncio
import logging
import threading
import time

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.http import envelope
from printflow_reliability.http.answers import Refusal
from printflow_reliability.http.callers import UNKNOWN_PER_MINUTE
from printflow_reliability.http.limits import CALLERS, WAITING, RequestRates, Threads
from printflow_reliability.orders.judgement import OrderAnswer
from printflow_reliability.storage.workers import Workers
from printflow_reliability_tests.http.conftest import READER, SHOP, SLOW, TOKENS, Site
from printflow_reliability_tests.minimal_settings import minimal_settings

ARTWORK = "/orders/7/artwork"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {SHOP}",
        SHOP,
        f"Bearer {SHOP}x",
        f"Bearer {SHOP[:-1]}",
        f"Bearer {SHOP.upper()}",
        f"Bearer {SHOP} {SHOP}",
        "Bearer é",
        f"Bearer {'x' * 10_000}",
    ],
)
def test_without_a_valid_token_nobody_is_answered(
    site: Site, header: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {} if header is None else {b"authorization": header.encode()}
    with caplog.at_level(logging.DEBUG, "printflow_reliability"):
        answers = [
            site.request("GET", ARTWORK, headers=headers),
            site.request("POST", "/print-files", headers=headers, json={"order": 7, "version": 1, "key": "k"}),
        ]

    for answer in answers:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert SHOP not in answer.text + caplog.text
    assert site.judgement.asked == []


def test_two_tokens_at_once_are_none(site: Site) -> None:
    headers = [("Authorization", f"Bearer {SHOP}"), ("Authorization", f"Bearer {READER}")]
    assert site.request("GET", ARTWORK, headers=headers).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_valid_token_is_answered_and_logged_by_its_name_alone(
    site: Site, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "printflow_reliability"):
        answer = site.request("GET", ARTWORK, headers={"Authorization": f"{scheme} {READER}"})

    assert answer.status_code == 200
    assert "token reader" in caplog.text
    assert "/orders/7/artwork 200" in caplog.text
    assert READER not in caplog.text


def test_a_token_without_the_scope_is_refused(site: Site) -> None:
    answer = site.post({"order": 7, "version": 1, "key": "k"}, token=READER)

    assert answer.status_code == 403
    assert "files:accept" in answer.json()["error"]["next"]
    assert site.judgement.asked == []


def test_a_token_has_its_own_rate_and_others_are_not_kept_waiting(site: Site) -> None:
    slow = [site.get(ARTWORK, token=SLOW) for _ in range(4)]

    assert [answer.status_code for answer in slow] == [200, 200, 429, 429]
    assert 1 <= int(slow[-1].headers["retry-after"]) <= 30
    assert site.get(ARTWORK).status_code == 200


def test_whoever_guesses_tokens_is_slowed_down_and_callers_with_one_are_not(site: Site) -> None:
    guesses = [site.get(ARTWORK, token=f"{SHOP}{number}").status_code for number in range(UNKNOWN_PER_MINUTE + 2)]

    assert guesses == [401] * UNKNOWN_PER_MINUTE + [429] * 2
    assert site.get(ARTWORK).status_code == 200
    assert site.get("/livez", token=None).status_code == 200
    assert site.get("/openapi.json", token=None).status_code == 429


def test_a_bucket_fills_again_and_never_beyond_its_minute() -> None:
    now = [0.0]
    rates = RequestRates(lambda: now[0])
    for _ in range(60):
        rates.take("a", 60)
    with pytest.raises(Refusal) as refused:
        rates.take("a", 60)
    assert refused.value.headers == {"Retry-After": "1"}
    now[0] += 1.0
    rates.take("a", 60)
    now[0] += 1_000_000.0
    for _ in range(60):
        rates.take("a", 60)
    with pytest.raises(Refusal):
        rates.take("a", 60)


def test_callers_without_number_take_no_memory_without_limit() -> None:
    rates = RequestRates(lambda: 0.0)
    for number in range(CALLERS + 100):
        rates.take(f"address {number}", 1)
    assert len(rates._left) == CALLERS


def blocked(site: Site) -> threading.Event:
    """A judgement that waits until it is let go."""
    let_go = threading.Event()

    def answer() -> OrderAnswer:
        let_go.wait(60)
        return OrderAnswer("7", "t", None)

    site.judgement.answer = answer
    return let_go


def test_more_requests_than_may_wait_are_refused_and_those_that_wait_are_answered() -> None:
    async def many() -> list[object]:
        threads, let_go = Threads(Workers(2), 2), threading.Event()
        asked = [asyncio.create_task(threads.run(lambda: let_go.wait(60))) for _ in range(2 * (1 + WAITING) + 3)]
        await asyncio.sleep(0.1)
        let_go.set()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert await threads.run(lambda: "free again") == "free again"
        return list(answers)

    answers = asyncio.run(many())
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert (len(refused), answers.count(True)) == (3, 2 * (1 + WAITING))
    assert {(refusal.status, refusal.headers["Retry-After"]) for refusal in refused} == {(503, "5")}


def test_a_thread_that_hangs_is_counted_until_it_ends_and_what_nobody_waits_for_is_not_begun() -> None:
    begun: list[str] = []

    def work(name: str, let_go: threading.Event) -> None:
        begun.append(name)
        let_go.wait(60)

    async def given_up() -> int:
        threads, let_go = Threads(Workers(1), 1), threading.Event()
        for name in ("hangs", "waits"):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await threads.run(lambda name=name: work(name, let_go))  # type: ignore[misc]
        in_hand = threads._in_hand
        let_go.set()
        await threads.run(lambda: None)
        return in_hand

    assert asyncio.run(given_up()) == 1
    assert begun == ["hangs"]


def test_a_request_ends_in_time_whatever_it_waits_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "SECONDS", 0.2)
    let_go = blocked(site)
    began = time.monotonic()
    answer = site.get(ARTWORK)
    let_go.set()

    assert time.monotonic() - began < 30
    assert answer.status_code == 503
    assert "within 0.2 s" in answer.json()["error"]["what"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (SHOP, "short", "fewer than 32 characters"),
        (SHOP, "with a space " * 4, "letters, digits"),
        (SHOP, READER, "two have the same token"),
        ('"reader"', '"shop"', "two have the same name"),
        ('["orders:read"]', "[]", "scopes"),
        ('["orders:read"]', '["everything"]', "orders:read"),
        ("requests_per_minute = 2", "requests_per_minute = 0", "requests_per_minute"),
    ],
)
def test_a_token_that_is_no_use_is_an_error_that_does_not_show_it(old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        minimal_settings(TOKENS.replace(old, new))

    assert said in wrong.value.what
    assert "http.token" in wrong.value.what or "http:" in wrong.value.what
    for secret in (SHOP, READER, SLOW, "short", "with a space"):
        assert secret not in wrong.value.what


def test_a_token_that_is_written_into_the_file_is_a_secret_too() -> None:
    assert minimal_settings(TOKENS).redact(f"Bearer {SHOP}") == "Bearer [secret]"
