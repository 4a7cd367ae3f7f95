"""What every request has around it: an id, a time limit, one line of the log, and an answer whatever happens."""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from printflow_reliability.http.answers import Refusal, could_not_tell

log = logging.getLogger(__name__)

SECONDS = 30.0
"""How long a request may take, whatever it waits for."""
ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


@dataclass
class _Exchange:
    """One request and what has been answered so far."""

    request_id: str
    body_left: bool
    status: int = 0
    began: float = field(default_factory=time.monotonic)


class Envelope:
    """Answers in JSON also where something fails; what is unexpected is reported, and not shown."""

    def __init__(self, app: ASGIApp, defect: Callable[[Exception], None]) -> None:
        """Args: what answers, and who is told of errors that nobody expected."""
        self._app = app
        self._defect = defect

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _exchange(scope)
        scope.setdefault("state", {})["request_id"] = exchange.request_id

        async def received() -> Message:
            message = await receive()
            if message["type"] != "http.request" or not message.get("more_body", False):
                exchange.body_left = False
            return message

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update({**HEADERS, "x-request-id": exchange.request_id})
                if exchange.body_left:  # it is not read to its end, and what follows it would be taken for a request
                    headers["connection"] = "close"
            await send(message)

        refusal = _smuggled(scope) or await self._refusal(scope, received, sent)
        if refusal is not None and not exchange.status:
            await refusal.response(exchange.request_id)(scope, received, sent)
        _tell(scope, exchange, refusal)

    async def _refusal(self, scope: Connection, receive: Receive, send: Send) -> Refusal | None:
        """Have it answered; what is to be answered instead, where it was not."""
        limit = asyncio.timeout(SECONDS)
        try:
            async with limit:
                await self._app(scope, receive, send)
        except Refusal as refusal:
            return refusal
        except ClientDisconnect:
            return Refusal(400, "the caller went away")
        except asyncio.CancelledError:  # by the server, which ends whatever lasts beyond its own end
            return could_not_tell("this server is ending", "ask again")
        except Exception as error:
            if limit.expired():
                return could_not_tell(f"this could not be told within {SECONDS:g} s", "ask again")
            log.debug("unexpected error", exc_info=True)
            self._defect(error)
            return Refusal(500, "a defect of this program; it was reported", "look for the request id in its log")
        return None


def _exchange(scope: Connection) -> _Exchange:
    headers = Headers(scope=scope)
    given = headers.get("x-request-id", "")
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return _Exchange(given if ID.fullmatch(given) else uuid4().hex, has_body)


def _smuggled(scope: Connection) -> Refusal | None:
    """A request whose end a proxy before us may see elsewhere: what follows could be taken for another caller's."""
    headers = Headers(scope=scope)
    if "content-length" in headers and "transfer-encoding" in headers:
        what = "a request has either Content-Length or Transfer-Encoding"
        return Refusal(400, what, "send one of them", headers={"Connection": "close"})
    return None


def _tell(scope: Connection, exchange: _Exchange, refusal: Refusal | None) -> None:
    """One line: never the query, a header, or a path that is none of ours, which may hold anything."""
    caller = scope["state"].get("caller")
    level = logging.ERROR if exchange.status == 500 else logging.WARNING if exchange.status > 500 else logging.INFO
    if caller is None and exchange.status == 429:  # else whoever can reach the port could fill the log
        level = logging.DEBUG
    log.log(
        level,
        "%s %s %d in %.0f ms, token %s, request %s%s",
        scope["method"] if scope["method"].isalpha() else "?",
        scope["state"].get("subject") or scope["state"].get("endpoint") or "(no endpoint)",
        exchange.status,
        (time.monotonic() - exchange.began) * 1000,
        "-" if caller is None else caller.name,
        exchange.request_id,
        "" if refusal is None else f": {refusal.what}",
    )
