"""Slack's incoming webhook: one message an alert."""

import json

from printflow_reliability.alerts.message import Message
from printflow_reliability.posting import Post, Reply
from printflow_reliability.settings import AlertRouteSettings

LONGEST = 12_000
"""Characters; Slack cuts a message itself after 40,000, and one character may become five below."""


def request(route: AlertRouteSettings, message: Message) -> Post:
    """The alert as a message."""
    text = f"*{escaped(message.headline)}*\n{escaped(message.text[:LONGEST])}"
    return Post(route.url or "", json.dumps({"text": text}).encode(), {})


def escaped(text: str) -> str:
    """Text in which nothing is a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def took(_route: AlertRouteSettings, reply: Reply) -> bool:
    """200, and the body "ok"."""
    return reply.status == 200 and reply.body.strip() == "ok"
