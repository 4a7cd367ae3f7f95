"""Sending one message to one route of whatever kind."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from printflow_reliability.alerts.message import Message, showable
from printflow_reliability.alerts.routes import alertmanager, mail, pagerduty, slack, teams, webhook
from printflow_reliability.alerts.routes.answer import Refusal, not_taken, refused
from printflow_reliability.alerts.routes.http import posting
from printflow_reliability.alerts.sentry.reports import report_error
from printflow_reliability.posting import Post, Reply
from printflow_reliability.settings import AlertRouteSettings

TIMEOUT_SECONDS = 10.0
"""How long a route may take for one alert, from the look-up of its name to the end of its answer."""


@dataclass(frozen=True)
class _Service:
    """What an alert is for a service that speaks HTTP, and whether an answer means that the service took it."""

    request: Callable[[AlertRouteSettings, Message], Post]
    took: Callable[[AlertRouteSettings, Reply], bool]


SERVICES: Mapping[str, _Service] = {
    "webhook": _Service(webhook.request, webhook.took),
    "pagerduty": _Service(pagerduty.request, pagerduty.took),
    "slack": _Service(slack.request, slack.took),
    "teams": _Service(teams.request, teams.took),
    "alertmanager": _Service(alertmanager.request, alertmanager.took),
}


class Sender(Protocol):
    """Sends one message now; None if the route took it."""

    def __call__(self, message: Message) -> Refusal | None: ...


@contextmanager
def sending(route: AlertRouteSettings) -> Iterator[Sender]:
    """What sends to a route, with one connection for the block where the route keeps it open."""
    if route.kind == "email":
        yield lambda message: mail.send(route, showable(message), TIMEOUT_SECONDS, datetime.now(UTC))
        return
    service = SERVICES[route.kind]
    with ExitStack() as session:
        try:
            post = session.enter_context(posting(route))
        except Exception as unusable:  # whatever it is, no other route is to hear of less
            reason = _unusable(route, unusable)
            yield lambda _message: Refusal(reason, stops=True, blames=False)
            return

        def send_over_http(message: Message) -> Refusal | None:
            answer = post(service.request(route, showable(message)), TIMEOUT_SECONDS)
            if isinstance(answer, Refusal):
                return answer
            refusal = refused(route.name, answer, datetime.now(UTC))
            if refusal is None and not service.took(route, answer):
                return not_taken(route.name, answer)
            return refusal

        yield send_over_http


def _unusable(route: AlertRouteSettings, error: Exception) -> str:
    """Why nothing can be sent to a route at all."""
    if not isinstance(error, OSError):
        report_error(error)
        return f"route {route.name} cannot be spoken to ({type(error).__name__})"
    whose = f"the ca_file of route {route.name}" if route.ca_file else f"what the system trusts for route {route.name}"
    return f"{whose} cannot be used ({type(error).__name__})"


def send(route: AlertRouteSettings, message: Message) -> Refusal | None:
    """Send one message to a route now; None if it took it."""
    with sending(route) as send_now:
        return send_now(message)


def attempt(route: AlertRouteSettings, send_now: Sender, message: Message) -> Refusal | None:
    """What the route answers; a defect of ours is that route's trouble, and not that of the others."""
    try:
        return send_now(message)
    except Exception as defect:
        report_error(defect)
        return Refusal(f"route {route.name} cannot be spoken to ({type(defect).__name__})", stops=True)
