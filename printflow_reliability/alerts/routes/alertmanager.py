"""Prometheus Alertmanager: an alert with its labels, which begins and ends."""

import json
from datetime import timedelta

from printflow_reliability.alerts.message import Message
from printflow_reliability.findings import Severity
from printflow_reliability.posting import Post, Reply
from printflow_reliability.settings import AlertRouteSettings

PATH = "/api/v2/alerts"
OPEN_FOR = timedelta(days=365)
"""Without an end, Alertmanager resolves an alert by itself a few minutes after it last heard of it."""


def request(route: AlertRouteSettings, message: Message) -> Post:
    """The alert under its labels, from its beginning to its end.

    The severity is a label, since Alertmanager routes by it, and labels are what tells alerts apart. So an end is sent
    for every severity that the alert may have had: it can only rise.
    """
    ends = message.resolved_at or message.raised_at
    if message.event == "resolve":
        severities = [severity for severity in Severity if severity.rank <= Severity(message.severity).rank]
    else:
        severities, ends = [Severity(message.severity)], message.raised_at + OPEN_FOR
    document = [
        {
            "labels": {
                "alertname": "printflow",
                "dedup_key": message.dedup_key,
                "severity": severity.value,
                "source": message.source,
                "environment": message.environment,
            },
            "annotations": {"summary": message.headline, "description": message.text},
            "startsAt": message.raised_at.isoformat(),
            "endsAt": ends.isoformat(),
        }
        for severity in severities
    ]
    headers = {"Authorization": f"Bearer {route.token}"} if route.token else {}
    return Post(address(route.url or ""), json.dumps(document).encode(), headers)


def address(url: str) -> str:
    """Where alerts are posted to, below the address of the server."""
    url = url.rstrip("/")
    return url if url.endswith(PATH) else url + PATH


def took(_route: AlertRouteSettings, reply: Reply) -> bool:
    """200 with an empty body; some compatible servers say "success" in it."""
    if reply.status != 200:
        return False
    found = reply.document()
    return not reply.body.strip() or found == {} or (isinstance(found, dict) and found.get("status") == "success")
