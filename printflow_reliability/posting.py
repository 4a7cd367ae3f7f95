"""One request, a POST as a rule, bounded in all: a server that hangs, or answers a byte at a time, is left in time."""

import json
import logging
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from printflow_reliability.addresses import is_loopback
from printflow_reliability.alarm import Alarm

CONNECT_SECONDS = 5.0
MOST_BYTES = 65_536
"""Of an answer: whoever did what was asked says so in less."""
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.InvalidURL, httpx.UnsupportedProtocol)
NO_PROXY = "cannot be reached: the proxy that the environment names (HTTPS_PROXY, ALL_PROXY, NO_PROXY) cannot be used"
PAGE = re.compile(r"\s*(<\?xml[^>]*>\s*)?(<!doctype|<html|<head|<body)", re.IGNORECASE)

# Their messages hold addresses and headers, and with them secrets.
for library in ("httpx", "httpcore"):
    logging.getLogger(library).setLevel(logging.WARNING)


@dataclass(frozen=True)
class Post:
    """What is sent where, by POST unless said otherwise."""

    url: str
    content: bytes
    headers: Mapping[str, str]
    method: str = "POST"


@dataclass(frozen=True)
class Reply:
    """An answer over HTTP: its status, its headers with names in small letters, and the beginning of its body."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def is_page(self) -> bool:
        """Whether this is a page for a browser, such as that of a login or of a proxy."""
        # A plain "ok" often comes as text/html: Slack's does, and that of many a small framework.
        html = "html" in self.headers.get("content-type", "").lower()
        return PAGE.match(self.body) is not None or (html and self.body.lstrip().startswith("<"))

    def document(self) -> Any:
        """The body as JSON; None where it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class NotAnswered(Exception):
    """There was no answer.

    Attributes:
        reason: how it went, to be said of the server, in words that hold neither address nor token.
        sent: whether the request may have arrived all the same.
        speakable: whether the address and the headers can be sent at all.
        untrusted: whether the server's certificate is why.
        late: whether the time was over.
    """

    def __init__(
        self, reason: str, *, sent: bool = True, speakable: bool = True, untrusted: bool = False, late: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason, self.sent, self.speakable, self.untrusted, self.late = reason, sent, speakable, untrusted, late


class Poster(Protocol):
    """Posts, and gives up after so many seconds.

    Raises:
        NotAnswered: there was no answer.
    """

    def __call__(self, post: Post, seconds: float) -> Reply: ...


@contextmanager
def posting(ca_file: Path | None) -> Iterator[Poster]:
    """What posts; connections are kept open for the block.

    Args:
        ca_file: the authority that is trusted; None for the system's.

    Raises:
        OSError: the file cannot be read.
    """
    trust = httpx.create_ssl_context() if ca_file is None else ssl.create_default_context(cafile=ca_file)
    alarm = Alarm()

    def send(post: Post, seconds: float) -> Reply:
        too_late = f"did not answer within {round(seconds, 1):g} s"
        client = client_for(post.url)
        try:
            with alarm.set_to(seconds):
                reply = _post(client, post, seconds, alarm)
        except (OSError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            if alarm.over.is_set() or isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
                raise NotAnswered(too_late, late=True) from None
            raise _unreached(error) from None
        except UnicodeError:
            raise NotAnswered("cannot be spoken to", sent=False, speakable=False) from None
        if alarm.over.is_set():  # what does not tell its length seems to end where its connection was cut
            raise NotAnswered(too_late, late=True)
        return reply

    with ExitStack() as clients:
        client_for = _clients(clients, trust)
        try:
            yield send
        finally:
            alarm.forget()


def _clients(opened: ExitStack, trust: ssl.SSLContext) -> Callable[[str], httpx.Client]:
    """What gives the client for an address: a proxy of the environment is never shown what stays on this machine."""
    known: dict[bool, httpx.Client] = {}

    def client_for(url: str) -> httpx.Client:
        local = is_loopback(_host(url))
        if local not in known:
            try:
                client = httpx.Client(verify=trust, follow_redirects=False, trust_env=not local)
            except (ImportError, ValueError, httpx.InvalidURL):
                raise NotAnswered(NO_PROXY, sent=False) from None
            known[local] = opened.enter_context(client)
        return known[local]

    return client_for


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _post(client: httpx.Client, post: Post, seconds: float, alarm: Alarm) -> Reply:
    def connected(event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            alarm.show(info["return_value"].get_extra_info("socket"))

    # Not encoded: a few bytes could become very many.
    headers = {"Accept-Encoding": "identity", "Content-Type": "application/json", **post.headers}
    limits = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
    body = b""
    with client.stream(
        post.method, post.url, content=post.content, headers=headers, timeout=limits, extensions={"trace": connected}
    ) as answer:
        for part in answer.iter_raw():
            body += part
            if len(body) >= MOST_BYTES:
                break
        heard = {name.lower(): value for name, value in answer.headers.items()}
    return Reply(answer.status_code, heard, body[:MOST_BYTES].decode("utf-8", "replace"))


def _unreached(error: Exception) -> NotAnswered:
    if _caused_by(error, ssl.SSLCertVerificationError):
        return NotAnswered("cannot be reached: its certificate is not trusted", sent=False, untrusted=True)
    said = f"cannot be reached ({type(error).__name__})"
    return NotAnswered(said, sent=not isinstance(error, NEVER_SENT))


def _caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False
