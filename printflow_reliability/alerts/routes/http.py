"""Posting to a route: where there is no answer, the route has refused, and it is told why."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from printflow_reliability import posting as bounded
from printflow_reliability.alerts.routes.answer import Refusal, unspeakable
from printflow_reliability.posting import NotAnswered, Post, Reply
from printflow_reliability.settings import AlertRouteSettings


class Poster(Protocol):
    """Posts, and gives up after so many seconds."""

    def __call__(self, post: Post, seconds: float) -> Reply | Refusal: ...


@contextmanager
def posting(route: AlertRouteSettings) -> Iterator[Poster]:
    """What posts to a route; connections are kept open for the block.

    Raises:
        OSError: the route's ca_file cannot be read.
    """
    with bounded.posting(route.ca_file) as send:

        def refused_or_sent(post: Post, seconds: float) -> Reply | Refusal:
            try:
                return send(post, seconds)
            except NotAnswered as silent:
                return _refusal(route.name, silent)

        yield refused_or_sent


def trusting(route: AlertRouteSettings) -> ssl.SSLContext:
    """What a TLS client of the route trusts.

    Raises:
        OSError: its ca_file cannot be read.
    """
    return ssl.create_default_context(cafile=route.ca_file)


def _refusal(name: str, silent: NotAnswered) -> Refusal:
    if not silent.speakable:
        return unspeakable(name, "url or token")
    return Refusal(f"route {name} {silent.reason}", stops=True, blames=silent.sent and not silent.untrusted)
