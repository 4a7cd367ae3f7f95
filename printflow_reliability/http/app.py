"""The application: routes for the endpoints, and around them who asks, how often, and what every request gets."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from printflow_reliability.http.answers import Refusal
from printflow_reliability.http.callers import Callers, require
from printflow_reliability.http.endpoint import Asked, Endpoint
from printflow_reliability.http.endpoints import ENDPOINTS
from printflow_reliability.http.envelope import Envelope
from printflow_reliability.http.limits import RequestRates

ORDER = "order"
"""The part of a path that is an order's number."""
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


class OrderConvertor(PathConvertor):
    """Whatever stands there: slashes, as in any path, and line breaks too."""

    regex = "(?s:.*)"


register_url_convertor(ORDER, OrderConvertor())


def application(asked: Asked, defect: Callable[[Exception], None], lifespan: Lifespan | None = None) -> Starlette:
    """The application.

    Args:
        asked: what the endpoints work with.
        defect: told of errors that nobody expected.
        lifespan: what goes on while it serves.
    """
    app = Starlette(
        routes=[
            Route(
                endpoint.path.replace("{order}", f"{{order:{ORDER}}}"),
                _handler(endpoint, asked),
                methods=[endpoint.method],
            )
            for endpoint in ENDPOINTS
        ],
        middleware=[
            Middleware(Envelope, defect=defect),
            Middleware(Callers, http=lambda: asked.settings().http, rates=RequestRates(time.monotonic)),
        ],
        exception_handlers={HTTPException: _not_routed},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def _handler(endpoint: Endpoint, asked: Asked) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        request.state.endpoint = endpoint.path
        if endpoint.scope is not None:
            require(request, endpoint.scope)
        return await endpoint.handle(request, asked)

    return handle


async def _not_routed(_request: Request, error: Exception) -> Response:
    """Raises:
    Refusal: there is no such endpoint (404), or it has no such method (405).
    """
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    what = "there is no such method here" if status == 405 else "there is no such endpoint"
    raise Refusal(status, what, "see /openapi.json", headers=headers)
