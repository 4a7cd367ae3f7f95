"""Slack's incoming webhook: one message an alert."""

import json

from printflow_reliability.alerts.message import Message
from printflow_reliability.posting import Post, Reply
from printflow_reliability.settings import AlertRouteSettings


def request(route: AlertRouteSettings, message: Message) -> Post:
    """The alert as a message."""
    document = {
        "text": escaped(f"{message.headline}\n{message.text}"),
        # As it is: Slack would take underscores and asterisks out of a command, and fetch what a row links to.
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }
    return Post(route.url or "", json.dumps(document).encode(), {})


def escaped(text: str) -> str:
    """Text in which nothing is a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def took(_route: AlertRouteSettings, reply: Reply) -> bool:
    """200, and the body "ok"."""
    return reply.status == 200 and reply.body.strip() == "ok"
