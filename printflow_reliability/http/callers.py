"""Who asks: bearer tokens, compared in constant time, and how often each caller may ask."""

import hashlib
import hmac
from collections.abc import Callable

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from printflow_reliability.http.answers import Refusal
from printflow_reliability.http.limits import RequestRates
from printflow_reliability.settings import HttpSettings, HttpTokenSettings, Scope

UNKNOWN_PER_MINUTE = 60
"""Requests without a valid token that one address has in a minute: an honest mistake, and no guessing."""
UNCOUNTED = "/livez"
"""Probes ask it every second or so, and it costs nothing."""


class Callers:
    """Finds out who asks, and refuses whoever asks too often, before anything else is done for them."""

    def __init__(self, app: ASGIApp, http: Callable[[], HttpSettings], rates: RequestRates) -> None:
        """Args: what answers, the newest settings, and how often callers may ask."""
        self._app = app
        self._http = http
        self._rates = rates

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Answer a request.

        Raises:
            Refusal: too many requests (429).
        """
        if scope["type"] == "http":
            connection = HTTPConnection(scope)
            caller = caller_of(connection.headers.getlist("authorization"), self._http().token)
            connection.state.caller = caller
            if caller is not None:
                self._rates.take(f"token {caller.name}", caller.requests_per_minute)
            elif scope["path"] != UNCOUNTED:
                address = connection.client.host if connection.client else ""
                self._rates.take(f"address {address}", UNKNOWN_PER_MINUTE)
        await self._app(scope, receive, send)


def caller_of(authorization: list[str], tokens: tuple[HttpTokenSettings, ...]) -> HttpTokenSettings | None:
    """Whose token a request brings; None where it brings none that is known, or several headers.

    Every token is compared, and each by its digest: how long that takes tells nothing of any of them.
    """
    scheme, _, given = authorization[0].partition(" ") if len(authorization) == 1 else ("", "", "")
    if scheme.lower() != "bearer":
        return None
    digest = _digest(given.strip())
    matches = [hmac.compare_digest(digest, _digest(known.token)) for known in tokens]
    return next((known for known, matched in zip(tokens, matches, strict=True) if matched), None)


def require(connection: HTTPConnection, scope: Scope) -> None:
    """Make sure that the caller may ask this.

    Raises:
        Refusal: it brings no valid token (401), or one without that scope (403).
    """
    caller: HttpTokenSettings | None = connection.state.caller
    if caller is None:
        raise Refusal(
            401,
            "this needs a valid token",
            "Authorization: Bearer TOKEN, with a token of [[http.token]] in printflow.toml",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if scope not in caller.scopes:
        raise Refusal(
            403,
            f'the token "{caller.name}" does not allow this',
            f'add "{scope}" to the scopes of that token in printflow.toml, or use another token',
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
        )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
