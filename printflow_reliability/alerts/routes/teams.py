"""Microsoft Teams: a workflow that starts when a webhook request is received, and posts the card."""

import json

from printflow_reliability.alerts.message import Message
from printflow_reliability.alerts.routes.answer import denies
from printflow_reliability.posting import Post, Reply
from printflow_reliability.settings import AlertRouteSettings

LONGEST = 12_000
"""Characters; Teams refuses a message of more than 28 KB."""
COLORS = {"info": "Default", "warning": "Warning", "error": "Attention", "critical": "Attention"}


def request(route: AlertRouteSettings, message: Message) -> Post:
    """The alert as an adaptive card."""
    color = "Good" if message.event == "resolve" else COLORS.get(message.severity, "Attention")
    lines = message.text[:LONGEST].split("\n")
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": message.headline, "weight": "Bolder", "color": color, "wrap": True},
            *({"type": "TextBlock", "text": line, "wrap": True} for line in lines if line),
        ],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    document = {"type": "message", "attachments": [attachment]}
    return Post(route.url or "", json.dumps(document).encode(), {})


def took(_route: AlertRouteSettings, reply: Reply) -> bool:
    """202 or 200; some answer 200 with the text of an error."""
    return reply.status in (200, 202) and not denies(reply)
