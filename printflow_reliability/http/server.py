"""The server process: its socket, what goes on while it serves, and its end in good order."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import uvicorn
from starlette.applications import Starlette

from printflow_reliability.alerts.sentry.reports import report_error
from printflow_reliability.errors import ConfigError
from printflow_reliability.http.app import application
from printflow_reliability.http.endpoint import Asked
from printflow_reliability.http.health import Health
from printflow_reliability.http.judging import GuardJudgement
from printflow_reliability.http.limits import Threads
from printflow_reliability.http.protocol import BoundedProtocol
from printflow_reliability.service import ALIVE, ENDING, READY, NewestSettings, notify
from printflow_reliability.settings import HttpSettings, Settings
from printflow_reliability.storage.workers import Workers

log = logging.getLogger(__name__)

REREAD_SECONDS = 10.0
"""How often printflow.toml is read anew: a token that was changed there counts from then on."""
GRACEFUL_SECONDS = 5
"""How long requests may still take when the process is to end."""
IDLE_SECONDS = 5
CONNECTIONS = 500
"""Connections at a time; more are answered with 503 by the server itself."""
BACKLOG = 128

# Whoever can reach the port could fill the log with what is no HTTP.
logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


class Current:
    """The settings that requests are answered by."""

    def __init__(self, newest: Callable[[], Settings], first: Settings) -> None:
        self._newest = newest
        self._settings = first

    def __call__(self) -> Settings:
        """The settings as they were last read."""
        return self._settings

    async def keep(self, alive: Callable[[], None]) -> None:
        """Read them anew again and again, for ever, and say that this process is alive."""
        while True:
            alive()
            await asyncio.sleep(REREAD_SECONDS)
            try:
                self._settings = await asyncio.to_thread(self._newest)
            except Exception as error:  # whatever it is, the settings that are known go on
                log.warning("printflow.toml is not read anew: %s", type(error).__name__)


def listening(http: HttpSettings) -> socket.socket:
    """The socket that requests come to.

    Raises:
        ConfigError: it cannot be had, such as for a port that is taken.
    """
    family = socket.AF_INET6 if ":" in http.host else socket.AF_INET
    try:
        return socket.create_server((http.host, http.port), family=family, backlog=BACKLOG)
    except OSError as refused:
        code = refused.errno or 0  # a name that cannot be resolved has a number of its own, below zero
        why = os.strerror(code) if code > 0 else refused.strerror or "it is no address"
        raise ConfigError(
            f"http.host, http.port: {http.host} port {http.port} cannot be listened on: {why}",
            "end what listens there, or name another http.port in printflow.toml",
        ) from None


def serve(settings: Settings, newest: NewestSettings, sock: socket.socket, systemd: str | None) -> None:
    """Serve until a signal ends it.

    Args:
        settings: as they are now.
        newest: reads them anew.
        sock: where requests come to.
        systemd: the socket on which it wants to hear that this process is alive, if any.

    Raises:
        KeyboardInterrupt: a signal has ended it, in good order.
    """
    current, judgement = Current(newest, settings), GuardJudgement()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        kept = asyncio.create_task(current.keep(lambda: notify(systemd, ALIVE)))
        notify(systemd, READY)
        yield
        notify(systemd, ENDING)
        kept.cancel()
        with suppress(asyncio.CancelledError):
            await kept

    threads, telling = settings.http.concurrency, Workers(1)

    def defect(error: Exception) -> None:
        telling.submit(partial(report_error, error))  # others are answered meanwhile

    asked = Asked(current, judgement, Threads(Workers(threads), threads), Health())
    config = uvicorn.Config(
        application(asked, defect, lifespan),
        lifespan="on",
        log_config=None,
        access_log=False,  # it would log queries
        server_header=False,
        proxy_headers=False,  # whom a request comes from is not for its sender to say
        http=BoundedProtocol,
        ws="none",
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    host, port = sock.getsockname()[:2]
    log.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)
    try:
        uvicorn.Server(config).run(sockets=[sock])
    finally:
        judgement.close()
