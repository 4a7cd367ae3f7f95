"""One POST, bounded in all: a server that hangs, or answers a byte at a time, is left at the end of its time."""

import logging
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from printflow_reliability.alerts.routes.alarm import Alarm
from printflow_reliability.alerts.routes.answer import Refusal, Reply, unspeakable
from printflow_reliability.settings import AlertRouteSettings

CONNECT_SECONDS = 5.0
MOST_BYTES = 65_536
"""Of an answer: whoever took an alert says so in less."""
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.InvalidURL, httpx.UnsupportedProtocol)

# Their messages hold addresses and headers, and with them the secrets of a route.
for library in ("httpx", "httpcore"):
    logging.getLogger(library).setLevel(logging.WARNING)


@dataclass(frozen=True)
class Post:
    """What is posted where."""

    url: str
    content: bytes
    headers: Mapping[str, str]


class Poster(Protocol):
    """Posts, and gives up after so many seconds."""

    def __call__(self, post: Post, seconds: float) -> Reply | Refusal: ...


@contextmanager
def posting(route: AlertRouteSettings) -> Iterator[Poster]:
    """What posts to a route; connections are kept open for the block.

    Raises:
        OSError: the route's ca_file cannot be read.
    """
    trust = httpx.create_ssl_context() if route.ca_file is None else trusting(route)
    alarm = Alarm()

    def send(post: Post, seconds: float) -> Reply | Refusal:
        try:
            with alarm.set_to(seconds):
                reply = _post(client, post, seconds, alarm)
        except (OSError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            if alarm.over.is_set() or isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
                return _too_late(route.name, seconds)
            return _unreached(route.name, error)
        except UnicodeError:
            return unspeakable(route.name, "url or token")
        # An answer that does not tell its length seems to end where its connection was cut.
        return _too_late(route.name, seconds) if alarm.over.is_set() else reply

    with httpx.Client(verify=trust, follow_redirects=False) as client:
        try:
            yield send
        finally:
            alarm.forget()


def trusting(route: AlertRouteSettings) -> ssl.SSLContext:
    """What a TLS client of the route trusts.

    Raises:
        OSError: its ca_file cannot be read.
    """
    return ssl.create_default_context(cafile=route.ca_file)


def _post(client: httpx.Client, post: Post, seconds: float, alarm: Alarm) -> Reply:
    def connected(event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            alarm.show(info["return_value"].get_extra_info("socket"))

    # Not encoded: a few bytes could become very many.
    headers = {"Accept-Encoding": "identity", "Content-Type": "application/json", **post.headers}
    limits = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
    body = b""
    with client.stream(
        "POST", post.url, content=post.content, headers=headers, timeout=limits, extensions={"trace": connected}
    ) as answer:
        for part in answer.iter_raw():
            body += part
            if len(body) >= MOST_BYTES:
                break
        heard = {name.lower(): value for name, value in answer.headers.items()}
    return Reply(answer.status_code, heard, body[:MOST_BYTES].decode("utf-8", "replace"))


def _too_late(name: str, seconds: float) -> Refusal:
    return Refusal(f"route {name} did not answer within {seconds:.0f} s", stops=True)


def _unreached(name: str, error: Exception) -> Refusal:
    if _caused_by(error, ssl.SSLCertVerificationError):
        return Refusal(f"route {name} cannot be reached: its certificate is not trusted", stops=True, blames=False)
    said = f"route {name} cannot be reached ({type(error).__name__})"
    return Refusal(said, stops=True, blames=not isinstance(error, NEVER_SENT))


def _caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False
