"""`[http]`: what `printflow serve` listens on, and who may ask it what."""

import re
from enum import StrEnum
from typing import Self

from pydantic import Field, field_validator, model_validator

from printflow_reliability.settings.section import SECRET, Section

LEAST_CHARACTERS = 32
BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750: what a bearer token is made of."""


class Scope(StrEnum):
    """What a token allows."""

    ORDERS_READ = "orders:read"
    FILES_ACCEPT = "files:accept"
    HEALTH_READ = "health:read"


class HttpTokenSettings(Section):
    """A bearer token: one for each program that asks, with no more scopes than that needs.

    A new token, and one that is removed, counts within ten seconds, without a restart.
    """

    name: str = Field(min_length=1, description="Who asks, as the log says; unique.")
    token: str = Field(
        json_schema_extra=SECRET,
        description=f'The token, of at least {LEAST_CHARACTERS} characters: write "env:NAME" or "file:PATH". Make it '
        "with: openssl rand -hex 32.",
    )
    scopes: tuple[Scope, ...] = Field(
        min_length=1,
        description='What it allows: "orders:read" is GET /orders/{order}/artwork, "files:accept" is POST '
        '/print-files, "health:read" is GET /readyz and GET /metrics.',
    )
    requests_per_minute: int = Field(
        default=600,
        ge=1,
        description="How many requests the token has in a minute, also all at once; more are answered with 429.",
    )

    @field_validator("token")
    @classmethod
    def _hard_to_guess(cls, token: str) -> str:
        if len(token) < LEAST_CHARACTERS:
            raise ValueError(f"has fewer than {LEAST_CHARACTERS} characters; make one with: openssl rand -hex 32")
        if not BEARER.fullmatch(token):
            raise ValueError("is made of letters, digits and . _ ~ + / - alone, as no other can be sent as a bearer")
        return token


class HttpSettings(Section):
    """What the platform asks before it goes on (`printflow serve`): may this order be printed, is this file accepted?

    Nothing but this machine can reach it by default. Elsewhere a proxy in front of it must speak TLS: the tokens would
    be read on the way otherwise. Another `host`, `port` or `concurrency` counts after a restart.
    """

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(default=8377, ge=0, le=65535, description="Port to listen on; 0 takes any that is free.")
    concurrency: int = Field(
        default=4,
        ge=1,
        le=64,
        description="How many requests are worked on at a time. Each takes one connection to the cluster of `orders` "
        "and one to the records; eight times as many requests wait, and more are answered with 503.",
    )
    token: tuple[HttpTokenSettings, ...] = Field(default=(), description="Without a token nobody may ask.")

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        for what, values in (
            ("name", [token.name for token in self.token]),
            ("token", [token.token for token in self.token]),
        ):
            if len(set(values)) < len(values):
                raise ValueError(f"token: two have the same {what}; each program has its own")
        return self
