"""Answers in JSON, and refusals: what was wrong and what to do, never a traceback, a secret or what was sent."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.responses import Response

JSON = "application/json"
BUSY_SECONDS = 5
"""When to ask again where nothing could be told, or too much was asked."""


class Refusal(Exception):
    """A request that is not answered as it wishes; `headers` go with the answer."""

    def __init__(
        self, status: int, what: str, next_step: str = "", *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(what)
        self.status = status
        self.what = what
        self.next_step = next_step
        self.headers = dict(headers or {})

    def response(self, request_id: str) -> Response:
        """The answer."""
        document = {"error": {"what": self.what, "next": self.next_step}, "request_id": request_id}
        return answer(self.status, document, self.headers)


def could_not_tell(what: str, next_step: str = "") -> Refusal:
    """A refusal for whom nothing is known of their order: they must not go on, and may ask again soon."""
    return Refusal(503, what, next_step, headers={"Retry-After": str(BUSY_SECONDS)})


def answer(
    status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None, *, media_type: str = JSON
) -> Response:
    """One JSON document, in ASCII, as the command line prints it; times are UTC ISO 8601."""
    body = json.dumps(document, default=_plain).encode()
    return Response(body, status, dict(headers or {}), media_type=media_type)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
