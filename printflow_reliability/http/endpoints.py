"""The endpoints: which there are, what a token must allow for each, and what each answers."""

import json
from typing import Annotated
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from printflow_reliability.http import openapi
from printflow_reliability.http.answers import BUSY_SECONDS, Refusal, answer
from printflow_reliability.http.bodies import body_of
from printflow_reliability.http.endpoint import Asked, Endpoint
from printflow_reliability.http.health import HEALTH_JSON, health_document
from printflow_reliability.orders.acceptance.accept import LONGEST_VERSION
from printflow_reliability.overview.exposition import CONTENT_TYPE
from printflow_reliability.settings import Scope
from printflow_reliability.text import UNSTORABLE, printable

MOST_REPORTED = 5
"""Mistakes of a body that are named."""
SHOWN = 100
"""Characters of an order's number in the log."""


class PrintFile(BaseModel):
    """The body of POST /print-files; numbers may be numbers or text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    order: Annotated[int, Field(ge=0, lt=2**63)] | Annotated[str, Field(min_length=1)]
    version: Annotated[int, Field(ge=0, lt=2**63)] | Annotated[str, Field(min_length=1, max_length=LONGEST_VERSION)]
    key: str = Field(min_length=1)
    tenant: str | None = None


async def livez(_request: Request, _asked: Asked) -> Response:
    """Whether this process answers; nothing else is looked at."""
    return answer(200, {"alive": True})


async def readyz(_request: Request, asked: Asked) -> Response:
    """Whether everything answers that the platform's safety depends on."""
    settings = asked.settings()
    report = await asked.health.readiness.get(settings)
    headers = {} if report.ready else {"Retry-After": str(BUSY_SECONDS)}
    status = 200 if report.ready else 503
    return answer(status, health_document(settings, report), headers, media_type=HEALTH_JSON)


async def metrics(_request: Request, asked: Asked) -> Response:
    """What the records know, for Prometheus; that they are away is a metric too."""
    text = await asked.health.metrics.get(asked.settings())
    return Response(text.encode(), media_type=CONTENT_TYPE)


async def document(_request: Request, _asked: Asked) -> Response:
    """What there is to ask."""
    return answer(200, openapi.document(ENDPOINTS))


async def artwork(request: Request, asked: Asked) -> Response:
    """Whether an order may go to print."""
    order, tenant = _order_of(request), _tenant_of(request)
    found = await asked.of_judgement(lambda settings: asked.judgement.artwork(settings, order, tenant))
    request.state.subject = f"/orders/{printable(order[:SHOWN])}/artwork"
    return answer(200 if found.ready else 409, {**found.as_json(), "waiting": found.waiting and not found.ready})


async def print_files(request: Request, asked: Asked) -> Response:
    """Whether a file is accepted for a version of an order."""
    file = _file_of(await body_of(request))
    order, version = str(file.order), str(file.version)
    found = await asked.of_judgement(
        lambda settings: asked.judgement.accept(settings, order, version, file.key, file.tenant)
    )
    request.state.subject = f"/print-files for order {printable(order[:SHOWN])}"
    return answer(409 if not found.accepted else 201 if found.new else 200, found.as_json())


ENDPOINTS = (
    Endpoint("GET", "/livez", None, livez, openapi.LIVEZ),
    Endpoint("GET", "/readyz", Scope.HEALTH_READ, readyz, openapi.READYZ),
    Endpoint("GET", "/metrics", Scope.HEALTH_READ, metrics, openapi.METRICS),
    Endpoint("GET", "/openapi.json", None, document, openapi.DOCUMENT),
    Endpoint("GET", "/orders/{order}/artwork", Scope.ORDERS_READ, artwork, openapi.ARTWORK),
    Endpoint("POST", "/print-files", Scope.FILES_ACCEPT, print_files, openapi.PRINT_FILES),
)


def _order_of(request: Request) -> str:
    """The order's number, which may hold slashes and whatever else a path can be made to hold.

    Raises:
        Refusal: it is no text.
    """
    _require_utf8("path", request.scope["raw_path"])
    order: str = request.path_params["order"]
    _require_text("order", order)
    return order


def _tenant_of(request: Request) -> str | None:
    _require_utf8("query", request.scope["query_string"])
    given = request.query_params.getlist("tenant")
    if len(given) > 1 or set(request.query_params) - {"tenant"}:
        raise Refusal(400, "the query may hold one tenant, and nothing else", "?tenant=ID")
    if given:
        _require_text("tenant", given[0])
    return given[0] if given else None


def _file_of(body: bytes) -> PrintFile:
    """Raises:
    Refusal: the body is no JSON (400), or not what is asked for (422).
    """
    try:
        file = PrintFile.model_validate_json(body)
    except ValidationError as wrong:
        errors = wrong.errors(include_url=False, include_input=False, include_context=False)
        if errors[0]["type"] == "json_invalid":
            raise Refusal(400, "the body is no JSON", '{"order": "10482", "version": 3, "key": "..."}') from None
        told = {f"{error['loc'][0] if error['loc'] else 'body'}: {error['msg']}": None for error in errors}
        raise Refusal(422, "; ".join([*told][:MOST_REPORTED]), "see /openapi.json") from None
    # Readers of JSON differ in which of two counts: a proxy or a log before us may have seen the other.
    names = json.loads(body, object_pairs_hook=lambda pairs: [name for name, _ in pairs])
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Refusal(422, f"{twice[0]}: is given twice", "give it once")
    for name in ("order", "version", "key", "tenant"):
        _require_text(name, str(getattr(file, name)), status=422)
    return file


def _require_utf8(name: str, raw: bytes) -> None:
    try:
        unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:  # else numbers of other orders, and other tenants, would read the same
        raise Refusal(400, f"the {name} is not UTF-8", "percent-encode it as UTF-8") from None


def _require_text(name: str, value: str, status: int = 400) -> None:
    if not value.strip() or UNSTORABLE.search(value):
        raise Refusal(status, f"{name}: is empty, or holds characters that are no text", f"name the {name}")
