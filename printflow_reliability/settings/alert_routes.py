"""`[[alert_route]]` and `[alerts]`: who is told of what is wrong, how, and when it is said again."""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from printflow_reliability.addresses import HttpUrl
from printflow_reliability.findings import Severity
from printflow_reliability.settings.section import SECRET, Section

MAILBOX = re.compile(r"[^\s<>,;:\"@]+@[^\s<>,;:\"@]+")
OF_EVERY_KIND = frozenset({"name", "kind", "min_severity", "ca_file"})
KEYS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "webhook": (frozenset({"url"}), frozenset({"token", "secret", "expect"})),
    "pagerduty": (frozenset({"token"}), frozenset({"url"})),
    "slack": (frozenset({"url"}), frozenset()),
    "teams": (frozenset({"url"}), frozenset()),
    "alertmanager": (frozenset({"url"}), frozenset({"token"})),
    "email": (frozenset({"host", "sender", "recipients"}), frozenset({"port", "tls", "user", "password"})),
}
"""Of each kind, the keys that it needs, and those that it may have besides."""


def mailbox(text: str) -> str:
    """The text, if it is one e-mail address without a name.

    Raises:
        ValueError: it is not; the message does not show it.
    """
    if not MAILBOX.fullmatch(text) or not text.isprintable() or not text.isascii():
        raise ValueError("is not an e-mail address; write user@example.org, without a name")
    return text


Mailbox = Annotated[str, AfterValidator(mailbox)]


class AlertRouteSettings(Section):
    """Where alerts go. Configure two: a route that refuses does not keep the other from being told.

    Every alert is delivered at least once, in order, with a stable `dedup_key`; a route that fails is left alone for a
    while, and the routes that work are told of it. No redirect is followed, and an answer counts only if it is the one
    that the service gives when it took the alert. `printflow alerts test` tries every route.

    `webhook` gets a POST of JSON. It takes an alert by answering 2xx; a page of HTML, or an answer that speaks of an
    error, is a refusal. `pagerduty` speaks Events API v2, with the routing key as `token`. `slack` is an incoming
    webhook, and `teams` a workflow that starts when a webhook request is received. `alertmanager` gets the alert at
    /api/v2/alerts below its `url`. `email` is sent through a mail server.
    """

    name: str = Field(description="What `printflow alerts list` calls the route; unique.")
    kind: Literal["webhook", "pagerduty", "slack", "teams", "alertmanager", "email"] = Field(
        default="webhook", description="How the route is spoken to."
    )
    url: HttpUrl | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="Address that alerts are posted to. For `alertmanager`, that of the server. `pagerduty` needs it "
        "only for another region than the US. Those of `slack` and `teams` are secrets: write "
        '"env:NAME" or "file:PATH".',
    )
    token: str | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="`webhook` and `alertmanager`: sent as a bearer token in the Authorization header. "
        "`pagerduty`: the integration's routing key.",
    )
    secret: str | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="`webhook`: signs each request. Its header X-Printflow-Signature is then `sha256=` and the "
        "HMAC-SHA256 of the body's bytes with this secret, in hexadecimal. The receiver computes the same and "
        "compares.",
    )
    expect: str | None = Field(
        default=None,
        min_length=1,
        description="`webhook`: a text that the answer holds if the alert was taken. Any other answer is then a "
        "refusal.",
    )
    host: str | None = Field(default=None, min_length=1, description="`email`: the mail server.")
    port: int | None = Field(
        default=None, gt=0, le=65535, description="`email`: its port. Without it, 587; 465 for `tls`, 25 for `none`."
    )
    tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="`email`: how the connection is encrypted: upgraded by STARTTLS, from its start, or not at all. "
        "The last is only allowed for a mail server on this machine.",
    )
    user: str | None = Field(default=None, description="`email`: the user to log in as; without it, nobody logs in.")
    password: str | None = Field(json_schema_extra=SECRET, default=None, description="`email`: the user's password.")
    sender: Mailbox | None = Field(default=None, description="`email`: the address that alerts come from.")
    recipients: tuple[Mailbox, ...] = Field(default=(), description="`email`: the addresses of who is told.")
    ca_file: Path | None = Field(
        default=None,
        description="Certificates of the authorities that vouch for the route's server, instead of the public ones.",
    )
    min_severity: Severity = Field(
        default=Severity.WARNING, description="The route is told of alerts of this severity and worse."
    )

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        needed, besides = KEYS[self.kind]
        for key in sorted(needed):
            if not getattr(self, key):
                raise ValueError(f'a route of kind "{self.kind}" needs the key {key}')
        for key in sorted(self.model_fields_set - needed - besides - OF_EVERY_KIND):
            raise ValueError(f'a route of kind "{self.kind}" has no key {key}')
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together: give both or none")
        if self.tls == "none" and not _is_this_machine(self.host or ""):
            raise ValueError('tls = "none" is only for a mail server on this machine, such as host = "127.0.0.1"')
        return self


class AlertsSettings(Section):
    """What becomes of an alert that is open."""

    escalate_minutes: float = Field(
        default=15,
        gt=0,
        description="How long after it was raised a critical alert that nobody acknowledged (printflow alerts ack) and "
        "that is still open is sent once more, to every route whatever its `min_severity`. Set it to the time in which "
        "a person on call must react.",
    )


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
