"""Bodies of requests, read within limits: one of a gigabyte is refused before it is read, a slow one after a while."""

import asyncio

from starlette.requests import Request

from printflow_reliability.http.answers import Refusal

MOST_BYTES = 16 * 1024
"""A key of S3 has 1,024 bytes at most."""
SECONDS = 10.0
"""How long a body may take to come."""


async def body_of(request: Request) -> bytes:
    """The body of a request.

    Raises:
        Refusal: it is too large (413) or too slow (408).
        ClientDisconnect: who sends it went away.
    """
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length[:20]) > MOST_BYTES:
        raise _too_large()
    body = b""
    try:
        async with asyncio.timeout(SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MOST_BYTES:
                    raise _too_large()
    except TimeoutError:
        raise Refusal(408, f"the body did not come within {SECONDS:g} s", "send it at once") from None
    return body


def _too_large() -> Refusal:
    return Refusal(413, f"the body has more than {MOST_BYTES:,} bytes", "send the file's key, not the file")
