"""The platform asks about an order of the synthetic checkout, and hears 409 whatever there is of it."""

from printflow_reliability.http.app import application
from printflow_reliability.http.endpoint import Asked
from printflow_reliability.http.health import Health
from printflow_reliability.http.judging import GuardJudgement
from printflow_reliability.http.limits import Threads
from printflow_reliability.storage.workers import Workers
from printflow_reliability_tests.checkout.configured import CHECKOUT, TENANT
from printflow_reliability_tests.http.conftest import TOKENS, FakeHealth, FakeJudgement, Site
from printflow_reliability_tests.minimal_settings import minimal_settings


def test_the_guard_answers_409_for_the_synthetic_tenant_without_any_server() -> None:
    settings, judgement, health = minimal_settings(TOKENS + CHECKOUT), GuardJudgement(), FakeHealth()
    asked = Asked(lambda: settings, judgement, Threads(Workers(1), 1), Health(health.readiness, health.metrics))
    defects: list[Exception] = []
    site = Site(application(asked, defects.append), FakeJudgement(), defects, health)
    answer = site.get(f"/orders/7/artwork?tenant={TENANT}")
    judgement.close()

    assert answer.status_code == 409
    assert answer.json()["ready"] is False
    assert answer.json()["reasons"] == ["it is an order of the synthetic checkout, and is never printed"]
