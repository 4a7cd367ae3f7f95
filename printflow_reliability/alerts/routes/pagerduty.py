"""PagerDuty's Events API v2: one incident a `dedup_key`, triggered and resolved."""

import hashlib
import json
from typing import Any

from printflow_reliability.alerts.message import Message
from printflow_reliability.posting import Post, Reply
from printflow_reliability.settings import AlertRouteSettings

EVENTS = "https://events.pagerduty.com/v2/enqueue"
LONGEST_KEY = 255
LONGEST_SUMMARY = 1024
SEVERITIES = {"info": "info", "warning": "warning", "error": "error", "critical": "critical"}
"""PagerDuty has the same four; an unknown one is rather too loud than lost."""


def request(route: AlertRouteSettings, message: Message) -> Post:
    """The event of an alert."""
    document: dict[str, Any] = {
        "routing_key": route.token,
        "event_action": message.event,
        "dedup_key": dedup_key(message.dedup_key),
    }
    if message.event == "trigger":
        document["client"] = message.source
        document["payload"] = {
            "summary": message.headline[:LONGEST_SUMMARY],
            "source": f"{message.source} ({message.environment})",
            "severity": SEVERITIES.get(message.severity, "critical"),
            "timestamp": message.raised_at.isoformat(),
            "custom_details": {"text": message.text, **message.as_json()},
        }
    return Post(route.url or EVENTS, json.dumps(document).encode(), {})


def dedup_key(key: str) -> str:
    """The alert's own key; of one that is too long for PagerDuty, its beginning and a digest of the whole."""
    if len(key) <= LONGEST_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{key[: LONGEST_KEY - len(digest) - 1]}:{digest}"


def took(_route: AlertRouteSettings, reply: Reply) -> bool:
    """202, and a body that says "success"."""
    found = reply.document()
    return reply.status == 202 and isinstance(found, dict) and found.get("status") == "success"
