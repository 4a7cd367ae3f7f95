"""`printflow`: puts the capabilities' commands together and keeps their promises about exit codes.

0 healthy or done, 1 something needs a person, 2 could not tell or could not do it. Never a traceback.
"""

import errno
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from printflow_reliability.alerts.sentry import client as sentry
from printflow_reliability.alerts.sentry.reports import report_error
from printflow_reliability.commands_on_demand import commands_at
from printflow_reliability.console import Invocation, print_json
from printflow_reliability.defects import described
from printflow_reliability.errors import PrintflowError
from printflow_reliability.logs import log_to_stderr
from printflow_reliability.settings import Settings
from printflow_reliability.text import readable

log = logging.getLogger(__name__)

NEXT = {
    errno.ENOSPC: "free space on that file system (df -h), then run the command again",
    errno.EDQUOT: "free space within the quota of this user, then run the command again",
    errno.EROFS: "name a place that can be written",
    errno.EACCES: "give this user that permission, or run the command as another",
    errno.EPERM: "give this user that permission, or run the command as another",
    errno.EMFILE: "raise the limit of open files: ulimit -n",
}
"""What to do about what the operating system refuses."""
CTRL_C = 130
"""What typer makes of a KeyboardInterrupt; no command of ours ends with it."""

PLACES = {
    "status": "printflow_reliability.status.commands:status_command",
    "ready": "printflow_reliability.readiness.commands:ready_command",
    "backup": "printflow_reliability.backups.commands:backup_app",
    "backup before-migrate": "printflow_reliability.drills.before_migration_command:before_migrate_command",
    "wal": "printflow_reliability.backups.commands:wal_app",
    "dump": "printflow_reliability.dumps.commands:app",
    "copies": "printflow_reliability.copies.commands:copies_command",
    "drill": "printflow_reliability.drills.commands:app",
    "recover": "printflow_reliability.recovery.recover_command:recover_command",
    "tenant": "printflow_reliability.recovery.tenant_command:app",
    "runbook": "printflow_reliability.runbook.commands:runbook_command",
    "files": "printflow_reliability.files.commands:app",
    "files rollback": "printflow_reliability.recovery.rollback_command:rollback_command",
    "pdf": "printflow_reliability.pdf.commands:app",
    "pdf accept": "printflow_reliability.orders.acceptance.command:accept_command",
    "orders": "printflow_reliability.orders.commands:app",
    "queues": "printflow_reliability.queues.commands:queues_command",
    "checkout": "printflow_reliability.checkout.commands:checkout_command",
    "posture": "printflow_reliability.posture.commands:posture_command",
    "watch": "printflow_reliability.watch.commands:watch_command",
    "serve": "printflow_reliability.http.commands:serve_command",
    "alerts": "printflow_reliability.alerts.commands:app",
    "records": "printflow_reliability.records.commands:app",
    "config": "printflow_reliability.config_commands:app",
    "config backup": "printflow_reliability.config_backup.commands:backup_command",
    "config list": "printflow_reliability.config_backup.commands:list_command",
    "config verify": "printflow_reliability.config_backup.commands:verify_command",
    "config expire": "printflow_reliability.config_backup.commands:expire_command",
    "config restore": "printflow_reliability.config_backup.commands:restore_command",
}
"""Every command, noun with commands below it, and verb that another capability has for a noun: where it is defined."""

app = typer.Typer(
    name="printflow",
    cls=commands_at(PLACES),
    help="Reliability for Print-Flow-360: backups proven by restoring them, print files reconciled, paid orders "
    "guarded.\n\nExit codes: 0 healthy or done; 1 something needs a person; 2 could not tell or could not do it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def options(
    ctx: typer.Context,
    config: Path | None = typer.Option(
        None,
        "--config",
        metavar="FILE",
        help="printflow.toml; default: $PRINTFLOW_CONFIG, then the running sandbox's.",
    ),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Log what is done, on stderr."),
) -> None:
    """Set up what every command needs."""
    formatter = log_to_stderr(logging.INFO if verbose else logging.WARNING)
    process = "watch" if ctx.invoked_subcommand == "watch" else "command"

    def prepare(settings: Settings) -> None:
        formatter.secrets = settings.secrets
        sentry.start(settings, process)

    ctx.obj = Invocation(config, prepare)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses, and those of routes are secrets


def main() -> None:
    """The program's entry point."""
    add_installed_commands()
    sys.exit(run(sys.argv[1:]))


def add_installed_commands() -> None:
    """Take in the commands of what is no part of the product: the sandbox."""
    for entry in entry_points(group="printflow.commands"):
        PLACES[entry.name] = entry.value
    _commands.cache_clear()


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; every failure is said in a sentence or two on stderr."""
    with _ended_as_by_ctrl_c():
        try:
            return _run(arguments)
        finally:
            sentry.stop()


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command, and the programs that it started, as Ctrl-C does.

    Those that somebody else handles, or that are ignored as under nohup, stay as they are. Python's own handler is
    what a drill's `Interrupts` takes over from.
    """
    taken = []
    if threading.current_thread() is threading.main_thread():  # nobody else may
        taken = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _run(arguments: Sequence[str]) -> int:
    try:
        code = _commands().main(list(arguments), prog_name="printflow", standalone_mode=False)
        sys.stdout.flush()  # a disk that is full is noticed here, not after the exit code is given
    except PrintflowError as error:
        return _fail(arguments, error.what, error.next_step)
    except TyperException as error:  # bad arguments
        message = error.format_message()
        if not message:  # a noun without its verb: its help has been shown
            return 2
        return _fail(arguments, message, "the command with --help shows what it takes")
    except (typer.Abort, KeyboardInterrupt):
        return _fail(arguments, "interrupted", "")
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        _drop_output()
        return 2
    except OSError as error:  # of this machine, not of us: no space, no permission, too many open files
        log.info("refused by the operating system", exc_info=True)
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        place = f"{error.filename}: " if error.filename else ""
        return _fail(arguments, f"{place}{error.strerror or error}", NEXT.get(error.errno or 0, ""))
    except UnicodeEncodeError as error:
        if (odd := next((word for word in arguments if not _is_text(word)), None)) is None:
            return _defect(arguments, error)
        return _fail(arguments, f"{odd} is no text in UTF-8, as every name and key is", "give it in UTF-8")
    except Exception as error:
        return _defect(arguments, error)
    if code == CTRL_C:
        return _fail(arguments, "interrupted", "")
    return code if isinstance(code, int) else 0


@cache
def _commands() -> TyperGroup:
    """All commands as they are parsed, put together once."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)  # noqa: S101 - there is more than one
    return group


def _is_text(word: str) -> bool:
    """Whether an argument was given in UTF-8; Python keeps the bytes of any other as halves of characters."""
    return not any("\udc80" <= character <= "\udcff" for character in word)


def _defect(arguments: Sequence[str], error: Exception) -> int:
    log.info("unexpected error", exc_info=error)
    if (settings := _settings(arguments)) is not None:  # the command may not have come so far
        sentry.start(settings, "command")
    report_error(error)
    said = described(error, settings.redact) if settings else described(error)
    return _fail(arguments, f"unexpected {said}", "this is a defect; run again with --verbose to see where")


def _drop_output() -> None:
    """Send what is still to be written nowhere: at its end the program would fail for it once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _settings(arguments: Sequence[str]) -> Settings | None:
    """The configuration that a command was given, where it can be read at all."""
    given = next((Path(value) for option, value in pairwise(arguments) if option == "--config"), None)
    with suppress(PrintflowError):
        return Invocation(given).settings()
    return None


def _fail(arguments: Sequence[str], what: str, next_step: str) -> int:
    if "--json" in arguments:
        print_json({"error": {"what": what, "next": next_step}})
    print(readable(f"printflow: {what}"), file=sys.stderr)
    if next_step:
        print(readable(f"next: {next_step}"), file=sys.stderr)
    return 2
