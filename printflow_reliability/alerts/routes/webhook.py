"""The plain webhook: JSON in, with a bearer token and a signature where they are configured."""

import hashlib
import hmac
import json

from printflow_reliability.alerts.message import Message
from printflow_reliability.alerts.routes.answer import denies
from printflow_reliability.posting import Post, Reply
from printflow_reliability.settings import AlertRouteSettings

SIGNATURE = "X-Printflow-Signature"
"""`sha256=` and the HMAC-SHA256 of the body's bytes with the route's secret, in hexadecimal."""


def request(route: AlertRouteSettings, message: Message) -> Post:
    """The alert as JSON."""
    content = json.dumps(message.as_json()).encode()
    headers = {"Authorization": f"Bearer {route.token}"} if route.token else {}
    if route.secret:
        headers[SIGNATURE] = f"sha256={signature(route.secret, content)}"
    return Post(route.url or "", content, headers)


def signature(secret: str, content: bytes) -> str:
    """What the receiver computes too, and compares."""
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def took(route: AlertRouteSettings, reply: Reply) -> bool:
    """Any success whose body does not speak of an error; with `expect`, only one that holds that text."""
    if route.expect is not None:
        return route.expect in reply.body and not reply.is_page
    return not denies(reply)
