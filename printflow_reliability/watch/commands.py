"""`printflow watch`: the guard and the outbox in one process, for a server that is watched without Dagster too."""

import logging
import time

import typer

from printflow_reliability.alerts.sentry.reports import report_error
from printflow_reliability.checks import exit_code
from printflow_reliability.console import JSON_OPTION, finish, invocation, say
from printflow_reliability.errors import ConfigError, LockHeld
from printflow_reliability.records.spool import Spool
from printflow_reliability.service import (
    ALIVE,
    ENDING,
    READY,
    NewestSettings,
    log_to_stderr,
    notify,
)
from printflow_reliability.settings import Settings, notify_socket
from printflow_reliability.watch.away import StandIn
from printflow_reliability.watch.loop import ended_by_signals, keep_watch
from printflow_reliability.watch.round import INTERVAL_SECONDS, holder, stand_down
from printflow_reliability.watch.watch import Watch

log = logging.getLogger(__name__)


def watch_command(
    ctx: typer.Context,
    once: bool = typer.Option(False, "--once", help="Go one round, say what it found, and end."),
    json: bool = JSON_OPTION,
) -> None:
    """Judge paid orders and deliver alerts, without Dagster.

    It looks every seven seconds, until SIGTERM or Ctrl-C ends it in good order, and logs on stderr. Dagster's own guard
    and this one share a lease in the records: one works, the other stands by and takes over within 30 s of the first
    one's death.
    """
    if json and not once:
        raise ConfigError("--json prints one document, and the watch does not end", "printflow watch --once --json")
    given = invocation(ctx)
    settings = given.settings()
    if once:
        watch = Watch(holder(once=True), _stand_in_unless_taken(settings), once=True)
        try:
            gone = watch.go_round(settings)
        finally:
            watch.kept.close()
            if watch.stand_in is not None:
                watch.stand_in.spool.close()
        stand_down(settings, watch.holder)
        finish(lambda: gone.document, as_json=json, show=lambda: say(gone.said), code=exit_code([gone.outcome]))
    log_to_stderr()
    watch = Watch(holder(), _stand_in(settings))
    newest = NewestSettings(given.settings, settings)
    log.info("%s looks every %.0f s", watch.holder, INTERVAL_SECONDS)
    systemd = notify_socket()
    with ended_by_signals():
        try:
            notify(systemd, READY)
            keep_watch(
                lambda: watch.go_round(newest()),
                defect=report_error,
                clock=time.monotonic,
                pause=time.sleep,
                alive=lambda: notify(systemd, ALIVE),
            )
        except KeyboardInterrupt:
            notify(systemd, ENDING)
            watch.kept.close()
            watch.queue_looks.end()
            stand_down(newest(), watch.holder)
            log.info("%s has ended and given back what it had", watch.holder)


def _stand_in(settings: Settings) -> StandIn:
    return StandIn.of(Spool(settings.watch.spool_directory, settings.watch.spool_bytes))


def _stand_in_unless_taken(settings: Settings) -> StandIn | None:
    """One round beside a watch that runs leaves the spool to that."""
    try:
        return _stand_in(settings)
    except LockHeld as taken:
        log.info("%s", taken.what)
        return None
