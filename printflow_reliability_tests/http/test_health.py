"""/readyz and /metrics: told to tokens that allow it, and one answer for some seconds however many ask."""

import asyncio
import time

import httpx
import jsonschema
import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.http.health import KEPT_SECONDS, Kept
from printflow_reliability.settings import Settings
from printflow_reliability_tests.http.conftest import PROBE, SHOP, Site, bearer
from printflow_reliability_tests.minimal_settings import minimal_settings

SETTINGS = minimal_settings()


@pytest.mark.parametrize(("outcome", "status"), [(Outcome.PASS, 200), (Outcome.FAIL, 503), (Outcome.UNKNOWN, 503)])
def test_readiness_is_told_with_latency_and_without_secrets(site: Site, outcome: Outcome, status: int) -> None:
    site.health.outcome = outcome
    answer = site.get("/readyz", PROBE)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/health+json"
    (check,) = answer.json()["checks"]["ready.databases"]
    assert (check["status"], check["outcome"]) == ("pass" if status == 200 else "fail", outcome)
    assert (check["observedValue"], check["observedUnit"]) == (12.3, "ms")
    assert check["output"] == "the token is [secret]"
    document = site.get("/openapi.json").json()
    schema = document["paths"]["/readyz"]["get"]["responses"][str(status)]["content"]["application/health+json"]
    whole = {**schema["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(answer.json())


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
@pytest.mark.parametrize(("token", "status"), [(None, 401), ("x" * 40, 401), (SHOP, 403)])
def test_nobody_else_is_told(site: Site, path: str, token: str | None, status: int) -> None:
    assert site.get(path, token).status_code == status
    assert site.health.asked == 0


def test_metrics_are_text_for_prometheus(site: Site) -> None:
    answer = site.get("/metrics", PROBE)

    assert (answer.status_code, answer.text) == (200, "printflow_records_up 1\n")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_however_many_ask_at_the_same_time_every_system_is_asked_once(site: Site) -> None:
    site.health.before = lambda: time.sleep(0.1)

    async def many() -> list[int]:
        transport = httpx.ASGITransport(site.app, client=("192.0.2.7", 123))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answers = await asyncio.gather(*(client.get("/readyz", headers=bearer(PROBE)) for _ in range(100)))
        return [answer.status_code for answer in answers]

    assert asyncio.run(many()) == [200] * 100
    assert site.health.asked == 1


def test_an_answer_is_given_again_for_some_seconds_and_a_defect_is_not() -> None:
    now, made = [0.0], list[int]()

    def make(_settings: Settings) -> int:
        made.append(1)
        if len(made) == 1:
            raise RuntimeError
        return len(made)

    async def ask() -> list[int]:
        kept = Kept(make, lambda: now[0])
        with pytest.raises(RuntimeError):
            await kept.get(SETTINGS)
        found = [await kept.get(SETTINGS), await kept.get(SETTINGS)]
        now[0] += KEPT_SECONDS
        return [*found, await kept.get(SETTINGS)]

    assert asyncio.run(ask()) == [2, 2, 3]


def test_a_defect_that_has_come_is_not_given_to_who_asks_later() -> None:
    async def ask() -> int:
        kept = Kept(lambda _settings: 7)
        kept._coming = asyncio.get_running_loop().create_future()  # its caller heard of it first, and asks again
        kept._coming.set_exception(RuntimeError())
        return await kept.get(SETTINGS)

    assert asyncio.run(ask()) == 7


def test_whoever_gives_up_leaves_the_answer_to_the_others() -> None:
    def make(_settings: Settings) -> int:
        time.sleep(0.1)
        return 7

    async def ask() -> int:
        kept = Kept(make)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(kept.get(SETTINGS), 0.01)
        return await kept.get(SETTINGS)

    assert asyncio.run(ask()) == 7
