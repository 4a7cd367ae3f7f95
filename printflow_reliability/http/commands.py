"""`printflow serve`: what the platform asks before it goes on, over HTTP."""

import ipaddress
import logging

import typer

from printflow_reliability.console import invocation
from printflow_reliability.errors import ConfigError
from printflow_reliability.http.server import listening, serve
from printflow_reliability.service import NewestSettings, log_to_stderr
from printflow_reliability.settings import notify_socket

log = logging.getLogger(__name__)


def serve_command(ctx: typer.Context) -> None:
    """Answer the platform over HTTP: may this order be printed, is this file accepted?

    GET /orders/{order}/artwork and POST /print-files; GET /livez, /readyz and /metrics for probes and Prometheus.
    /openapi.json describes them. It listens where the section http of printflow.toml says, until SIGTERM or Ctrl-C ends
    it in good order, and logs on stderr.
    """
    given = invocation(ctx)
    settings = given.settings()
    if not settings.http.token:
        raise ConfigError(
            "http.token: there is none, so nobody may ask anything",
            'add to printflow.toml: [[http.token]] with name, token = "file:PATH" and scopes',
        )
    log_to_stderr()
    with listening(settings.http) as sock:
        if not _is_this_machines_own(sock.getsockname()[0]):
            log.warning("others than this machine can reach it, and it speaks no TLS: put a proxy that does before it")
        try:
            serve(settings, NewestSettings(given.settings, settings), sock, notify_socket())
        except KeyboardInterrupt:
            log.info("ended in good order")


def _is_this_machines_own(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
