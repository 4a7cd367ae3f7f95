"""Microsoft Teams: a workflow that starts when a webhook request is received, and posts the card."""

import json
from typing import Any

from printflow_reliability.alerts.message import Message
from printflow_reliability.alerts.routes.answer import denies
from printflow_reliability.posting import Post, Reply
from printflow_reliability.settings import AlertRouteSettings

COLORS = {"info": "Default", "warning": "Warning", "error": "Attention", "critical": "Attention"}


def request(route: AlertRouteSettings, message: Message) -> Post:
    """The alert as an adaptive card."""
    color = "Good" if message.event == "resolve" else COLORS.get(message.severity, "Attention")
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": [
            _line(message.headline, weight="Bolder", color=color),
            *(_line(line) for line in message.text.split("\n") if line),
        ],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    document = {"type": "message", "attachments": [attachment]}
    return Post(route.url or "", json.dumps(document).encode(), {})


def _line(text: str, **style: str) -> dict[str, Any]:
    """A line as it is: in a TextBlock, Teams would read Markdown, and take underscores out of a command."""
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def took(_route: AlertRouteSettings, reply: Reply) -> bool:
    """202 or 200; some answer 200 with the text of an error."""
    return reply.status in (200, 202) and not denies(reply)
