"""No alert that leaves for a route holds a secret of printflow.toml or personal data that can be known."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from printflow_reliability.alerts.outbox import Alert
from printflow_reliability.alerts.spooled import SpooledAlerts
from printflow_reliability.findings import Severity
from printflow_reliability.records.spool import Spool
from printflow_reliability.settings import Settings
from printflow_reliability_tests.alerts.planted import NAMES, PARTS, TENANT, everything, leaks, texts
from printflow_reliability_tests.alerts.sentry.configured import ROUTES, SECRETS
from printflow_reliability_tests.alerts.service import TAKEN, Service, answering, route_to
from printflow_reliability_tests.minimal_settings import minimal_settings

SETTINGS = minimal_settings(ROUTES)
KNOWABLE = [part for part in PARTS if not any(part in name for name in NAMES)]
QUOTED = f"DETAIL:  Failing row contains (7, {', '.join(NAMES)}, {TENANT})."
KINDS = ("webhook", "slack", "teams", "alertmanager", "pagerduty")


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spool]:
    found = Spool(tmp_path_factory.mktemp("spool"), 10_000_000)
    yield found
    found.close()


def delivered(spool: Spool, settings: Settings, text: str, service: Service) -> str:
    """All that a route gets of an alert, and what the spool on disk holds of it."""
    alerts = SpooledAlerts(spool)
    alerts.keep(alerts.raised(settings, Alert(f"test:{len(service.got)}:{id(text)}", Severity.CRITICAL, text, text)))
    alerts.deliver(settings)
    kept = "".join(str(entry) for entry in spool.read())
    spool.clear()
    return "".join(request.content.decode() for request in service.got) + kept


@pytest.mark.parametrize("kind", KINDS)
def test_no_route_is_told_what_was_planted(spool: Spool, kind: str) -> None:
    with answering(TAKEN[kind]) as service:
        settings = SETTINGS.model_copy(update={"alert_route": (route_to(service, kind),)}).with_secrets(SECRETS)
        told = delivered(spool, settings, f"{everything(SECRETS)} {QUOTED}", service)
    assert service.got
    assert leaks(told, SECRETS, parts=KNOWABLE) == []
    assert TENANT in told


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts(SECRETS))
def test_no_alert_holds_a_secret_in_any_form(spool: Spool, text: str) -> None:
    with answering(TAKEN["webhook"]) as service:
        settings = SETTINGS.model_copy(update={"alert_route": (route_to(service),)}).with_secrets(SECRETS)
        told = delivered(spool, settings, text, service)
    assert leaks(told, SECRETS, parts=KNOWABLE) == []


def test_values_that_the_server_quotes_are_no_part_of_an_alert() -> None:
    assert leaks(SETTINGS.redact(QUOTED), ()) == []
