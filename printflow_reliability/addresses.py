"""Addresses in printflow.toml, looked at before anybody uses them: an error about a broken one would show its password.

No message here contains any part of an address.
"""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator

NO_CONNECTION_STRING = "is not a PostgreSQL connection string; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
UNESCAPED = "has a character in its user or password that must be percent-encoded: write %40 for @ and %2F for /"
NO_HTTP = "is not an address; write https://HOST or https://HOST:PORT/PATH"
NO_HEARTBEAT = (
    "is not https (or http on a loopback address), or has a user, a query or a fragment; write https://HOST/PATH"
)
NO_ENDPOINT = "is not the address of a server alone; write https://HOST or https://HOST:PORT, without user or query"
LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
LONGEST_HOST = 253
"""Bytes of a name in DNS."""


def postgres_url(text: str) -> str:
    """The text, if it is a connection string that libpq understands as it was meant.

    Raises:
        ValueError: it is not.
    """
    try:
        parts = conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        raise ValueError(NO_CONNECTION_STRING) from None
    # An @ or / in a password ends it early; what follows is taken for the host, the port or the database.
    authority, _, path = text.partition("://")[2].partition("?")[0].partition("/")
    ports = str(parts.get("port") or "0").split(",")
    torn = authority.count("@") > 1 or "@" in path or not all(port.isdigit() for port in ports if port)
    if "://" in text and torn:
        raise ValueError(UNESCAPED)
    return text


def http_url(text: str) -> str:
    """The text, if it is an address of a server that speaks HTTP.

    Raises:
        ValueError: it is not.
    """
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound or not text.isprintable() or " " in text:
        raise ValueError(NO_HTTP)
    return text


def endpoint_url(text: str) -> str:
    """The text, if it is the address of a server that speaks S3: errors show it, so that no secret may be in it.

    Raises:
        ValueError: it is not.
    """
    parts = urlsplit(http_url(text))
    host = parts.hostname or ""
    labels = host.rstrip(".").split(".")
    named = ":" in host or all(LABEL.fullmatch(label) for label in labels)
    if parts.username is not None or parts.query or parts.fragment or not named or len(host) > LONGEST_HOST:
        raise ValueError(NO_ENDPOINT)
    return text


def heartbeat_url(text: str) -> str:
    """The text, if it is the address of a heartbeat: a secret that goes over no wire in the open.

    Raises:
        ValueError: it is not.
    """
    parts = urlsplit(http_url(text))
    open_wire = parts.scheme != "https" and not is_loopback(parts.hostname or "")
    if open_wire or parts.username is not None or parts.query or parts.fragment:
        raise ValueError(NO_HEARTBEAT)
    return text


def is_loopback(host: str) -> bool:
    """Whether this is a name or number of this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


PostgresUrl = Annotated[str, AfterValidator(postgres_url)]
HttpUrl = Annotated[str, AfterValidator(http_url)]
EndpointUrl = Annotated[str, AfterValidator(endpoint_url)]
HeartbeatUrl = Annotated[str, AfterValidator(heartbeat_url)]
ShopUrl = Annotated[str, AfterValidator(heartbeat_url)]
"""Of a shop that people open too: what is typed into its forms goes over no wire in the open."""
