"""The OpenAPI document: what there is to ask, and what each answer means for who asks."""

from collections.abc import Iterable, Mapping
from typing import Any

from printflow_reliability.http.answers import JSON
from printflow_reliability.http.endpoint import Endpoint
from printflow_reliability.http.health import HEALTH_JSON
from printflow_reliability.orders.acceptance.accept import LONGEST_VERSION

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER_OR_TEXT = [{"type": "integer", "minimum": 0, "exclusiveMaximum": 2**63}, {"type": "string", "minLength": 1}]
TENANT = "Whose order the caller means. Another tenant's order is unknown to it (404)."
MEANINGS = {
    400: "The request cannot be read.",
    401: "It brings no valid token.",
    403: "The token does not allow this.",
    404: "There is no such paid order, or none of that tenant. The caller must not go on.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    422: "The body is not what is asked for.",
    429: "Too many requests in a minute; Retry-After says when the next one is answered.",
    500: "A defect of this program. The caller must not go on.",
    503: "Nothing could be told, or too many requests wait. The caller must not go on, and may ask again.",
}
PROTECTED = (401, 403, 404, 500, 503)


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "required": [*required],
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }


HEALTH_OF_A_CHECK: Schema = _object(
    {
        "status": {"enum": ["pass", "fail"], "description": "What could not be told has failed."},
        "outcome": {"enum": ["pass", "warn", "fail", "unknown"]},
        "observedValue": {"type": "number", "description": "How long the slowest of its systems took to answer."},
        "observedUnit": {"const": "ms"},
        "time": {"type": "string", "format": "date-time"},
        "output": TEXT,
    }
)
SCHEMAS: dict[str, Schema] = {
    "Alive": _object({"alive": {"const": True}}),
    "Health": _object(
        {
            "status": {"enum": ["pass", "fail"]},
            "description": TEXT,
            "checks": {"type": "object", "additionalProperties": {"type": "array", "items": HEALTH_OF_A_CHECK}},
        }
    ),
    "Error": _object(
        {
            "error": _object({"what": TEXT, "next": {**TEXT, "description": "What to do about it; may be empty."}}),
            "request_id": {**TEXT, "description": "The X-Request-ID of the answer, under which the log has it."},
        }
    ),
    "Artwork": _object(
        {
            "order": TEXT,
            "ready": {"type": "boolean", "description": "Whether the order may go to print."},
            "waiting": {"type": "boolean", "description": "Not ready, and paid so recently that it is not held yet."},
            "reasons": {"type": "array", "items": TEXT, "description": "What is wrong with its files."},
        },
        {
            "override": {
                **_object({"person": TEXT, "reason": TEXT, "until": {"type": "string", "format": "date-time"}}),
                "description": "Who lets the order go although something is wrong with its files.",
            }
        },
    ),
    "PrintFile": _object(
        {
            "order": {"anyOf": NUMBER_OR_TEXT},
            "version": {
                "anyOf": [NUMBER_OR_TEXT[0], {**NUMBER_OR_TEXT[1], "maxLength": LONGEST_VERSION}],
                "description": "Of the order's file, as the platform counts them.",
            },
            "key": {
                **NUMBER_OR_TEXT[1],
                "description": "Of the object, exactly, in the bucket of print-ready files.",
            },
        },
        {"tenant": {"type": ["string", "null"], "description": TENANT}},
    ),
    "Acceptance": _object(
        {
            "order": TEXT,
            "version": TEXT,
            "key": {**TEXT, "description": "The file that counts for the version: print this one."},
            "verdict": {
                "enum": ["good", "repairable", "unprintable", "unusable", "missing", "misplaced"],
                "description": "Of the inspection; missing: there is no such object; misplaced: it is not this "
                "order's to print.",
            },
            "accepted": {"type": "boolean"},
            "new": {"type": "boolean", "description": "Whether this very request completed the version."},
            "reason": {**TEXT, "description": "Why not, or which lost file this one takes the place of."},
            "sha256": {"type": ["string", "null"]},
            "version_id": {"type": ["string", "null"], "description": "Of the object that was inspected."},
            "accepted_at": {"type": ["string", "null"], "format": "date-time"},
        }
    ),
}


def _responses(told: Mapping[int, tuple[str, str]], refusals: Iterable[int]) -> Schema:
    """The answers of an operation: by status what each means and its schema, and the refusals in common."""
    every = {**told, **{status: (MEANINGS[status], "Error") for status in refusals}}
    return {str(status): _response(*every[status]) for status in sorted(every)}


def _response(means: str, schema: str, media_type: str = JSON) -> Schema:
    return {
        "description": means,
        "content": {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


LIVEZ: Schema = {
    "summary": "Whether this process answers. Nothing else is looked at.",
    "responses": _responses({200: ("It does.", "Alive")}, ()),
}
READYZ: Schema = {
    "summary": "Whether everything answers that the platform's safety depends on. Answers are kept for some seconds.",
    "responses": {
        **_responses({}, (401, 403, 429, 500)),
        "200": _response("Everything does, and is well.", "Health", HEALTH_JSON),
        "503": _response("Something does not, or is not well.", "Health", HEALTH_JSON),
    },
}
METRICS: Schema = {
    "summary": "What is known of everything, for Prometheus. Answers are kept for some seconds.",
    "responses": {
        **_responses({}, (401, 403, 429, 500)),
        "200": {"description": "The text format, version 0.0.4.", "content": {"text/plain": {"schema": TEXT}}},
    },
}
DOCUMENT: Schema = {
    "summary": "This document.",
    "responses": {
        "200": {"description": "OpenAPI.", "content": {"application/json": {"schema": {"type": "object"}}}},
        "429": _response(MEANINGS[429], "Error"),
    },
}
ARTWORK: Schema = {
    "summary": "May this paid order go to print? Ask before fulfilment, and go on only with 200.",
    "parameters": [
        {"name": "order", "in": "path", "required": True, "schema": TEXT, "description": "Percent-encoded."},
        {"name": "tenant", "in": "query", "required": False, "schema": TEXT, "description": TENANT},
    ],
    "responses": _responses(
        {200: ("It may.", "Artwork"), 409: ("It must not, and why.", "Artwork")}, (400, *PROTECTED, 429)
    ),
}
PRINT_FILES: Schema = {
    "summary": 'Is this print file accepted? Ask before saying "complete", and say so only with 200 or 201.',
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PrintFile"}}},
    },
    "responses": _responses(
        {
            200: ("A file was accepted before; `key` is the one that counts.", "Acceptance"),
            201: ("Accepted now: this completes the version.", "Acceptance"),
            409: ("Not accepted, and why.", "Acceptance"),
        },
        (400, *PROTECTED, 408, 413, 422, 429),
    ),
}


def document(endpoints: "Iterable[Endpoint]") -> Schema:
    """The whole document."""
    paths: dict[str, Schema] = {}
    for endpoint in endpoints:
        secured = {"security": [{"token": [str(endpoint.scope)]}]} if endpoint.scope is not None else {"security": []}
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = {**endpoint.document, **secured}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "printflow_reliability",
            "version": "1",
            "description": "What the platform asks before it goes on. Whatever is not answered with the status that "
            "allows it, also no answer at all, means: do not go on.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": SCHEMAS,
        },
    }
