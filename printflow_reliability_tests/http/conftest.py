"""The application with a judgement that answers as a test says, asked without a network."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.http.app import application
from printflow_reliability.http.endpoint import Asked
from printflow_reliability.http.health import Health
from printflow_reliability.http.limits import Threads
from printflow_reliability.orders.acceptance.accept import Acceptance
from printflow_reliability.orders.judgement import OrderAnswer
from printflow_reliability.readiness.readiness import ReadinessReport
from printflow_reliability.settings import Settings
from printflow_reliability.storage.workers import Workers
from printflow_reliability_tests.minimal_settings import minimal_settings

SHOP, READER, SLOW = "shop-" + "a" * 40, "reader-" + "b" * 40, "slow-" + "c" * 40
PROBE = "probe-" + "d" * 40
TOKENS = f"""
[[http.token]]
name = "shop"
token = "{SHOP}"
scopes = ["orders:read", "files:accept"]
requests_per_minute = 1000
[[http.token]]
name = "reader"
token = "{READER}"
scopes = ["orders:read"]
[[http.token]]
name = "slow"
token = "{SLOW}"
scopes = ["orders:read"]
requests_per_minute = 2
[[http.token]]
name = "probe"
token = "{PROBE}"
scopes = ["health:read"]
"""


@dataclass
class FakeJudgement:
    """Answers with what a test puts here, be it an error; keeps what it was asked."""

    answer: Callable[[], OrderAnswer | Acceptance] = lambda: OrderAnswer("7", "t", None)
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def artwork(self, _settings: Settings, *question: object) -> OrderAnswer:
        self.asked.append(question)
        found = self.answer()
        assert isinstance(found, OrderAnswer)
        return found

    def accept(self, _settings: Settings, *question: object) -> Acceptance:
        self.asked.append(question)
        found = self.answer()
        assert isinstance(found, Acceptance)
        return found


@dataclass
class FakeHealth:
    """Answers readiness with what a test puts here; counts how often it was asked."""

    outcome: Outcome = Outcome.PASS
    asked: int = 0
    before: Callable[[], object] = lambda: None

    def readiness(self, _settings: Settings) -> ReadinessReport:
        self.asked += 1
        self.before()
        checks = (CheckResult("ready.databases", self.outcome, f"the token is {SHOP}"),)
        return ReadinessReport(checks, {"ready.databases": 0.0123}, {})

    def metrics(self, _settings: Settings) -> str:
        self.asked += 1
        return "printflow_records_up 1\n"


@dataclass
class Site:
    """The application, who answers behind it, what was reported; asked with the shop's token unless told otherwise."""

    app: Starlette
    judgement: FakeJudgement
    defects: list[Exception]
    health: FakeHealth

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Send a request as it is given."""

        async def answered() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=("192.0.2.7", 123))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **given)

        return asyncio.run(answered())

    def get(self, path: str, token: str | None = SHOP) -> httpx.Response:
        """GET with a token."""
        return self.request("GET", path, headers=bearer(token))

    def post(self, body: object, token: str | None = SHOP) -> httpx.Response:
        """POST a print file, as JSON or as these very bytes."""
        if isinstance(body, str | bytes):
            return self.request("POST", "/print-files", headers=bearer(token), content=body)
        return self.request("POST", "/print-files", headers=bearer(token), json=body)


def bearer(token: str | None) -> dict[str, str]:
    """The header that brings a token."""
    return {"Authorization": f"Bearer {token}"} if token else {}


@pytest.fixture
def site() -> Site:
    """The application with a fake judgement."""
    judgement, settings, defects = FakeJudgement(), minimal_settings(TOKENS), list[Exception]()
    fake = FakeHealth()
    asked = Asked(lambda: settings, judgement, Threads(Workers(2), 2), Health(fake.readiness, fake.metrics))
    return Site(application(asked, defects.append), judgement, defects, fake)
