"""How the command line speaks: the one table printer, the one JSON printer, numbers with units, progress on stderr.

People get short plain sentences, worst first; programs get one JSON document on stdout and nothing else there.
"""

import getpass
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from printflow_reliability.errors import ConfigError
from printflow_reliability.progress import Advance
from printflow_reliability.settings import Settings, find_config, load
from printflow_reliability.text import printable, readable

JSON_OPTION = typer.Option(False, "--json", help="Print one JSON document on stdout, for programs.")
APPLY_OPTION = typer.Option(False, "--apply", help="Do it. Without this, only the plan is printed.")


@dataclass(frozen=True)
class Invocation:
    """What the top-level options said; each command gets it as `ctx.obj`.

    Attributes:
        config: the file that `--config` names.
        prepare: called with the configuration whenever it was read, before anything is done with it.
    """

    config: Path | None
    prepare: Callable[[Settings], None] = lambda _settings: None

    def settings(self) -> Settings:
        """The configuration this command runs with.

        Raises:
            ConfigError: there is none, or it is wrong.
        """
        settings = load(find_config(self.config))
        self.prepare(settings)
        return settings


def invocation(ctx: typer.Context) -> Invocation:
    """The invocation of this command."""
    found = ctx.find_object(Invocation)
    return found if found is not None else Invocation(None)


def person_named(by: str | None) -> str:
    """Who decides: whom `--by` names, or else the user who runs the command.

    Raises:
        ConfigError: neither is known: many containers know no name of the user.
    """
    if by is not None:
        return by
    if name := user_name():
        return name
    raise ConfigError("this needs a person, and this system does not say who you are", "--by NAME")


def user_name() -> str:
    """The user who runs the command; empty where this system does not say who that is."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on stdout, in ASCII, so that no character of it moves a terminal; times become UTC ISO 8601."""
    print(json.dumps(document, indent=2, default=_plain))


def finish(
    document: Callable[[], Mapping[str, Any]], *, as_json: bool, show: Callable[[], None], code: int
) -> NoReturn:
    """End a command: its one JSON document, or what `show` says to a person; then the exit code."""
    if as_json:
        print_json(document())
    else:
        show()
    raise typer.Exit(code)


def say(text: str = "", *, err: bool = False) -> None:
    """Text for people on stdout (or stderr). Its lines stay lines; nothing in it is markup or a control character."""
    _print(Text(readable(text)), err=err)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None) -> None:
    """A table for people on stdout, a line a row: cells are never cut or wrapped, their control characters escaped."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    if title:
        _print(Text(title, style="italic"))
    for number, row in enumerate([columns, *cells]):
        line = "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        _print(Text(line.rstrip(), style="bold" if number == 0 else ""))


def clear() -> None:
    """Empty the terminal for what is shown anew; where stdout is none, what follows simply follows."""
    Console().clear()


@contextmanager
def progress(what: str) -> Iterator[Advance]:
    """A progress bar on stderr while the block runs, if stderr is a terminal; otherwise nothing is shown."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task(escape(what), total=None)

        def advance(done: int, total: int | None = None) -> None:
            bar.update(task, completed=done, total=total)

        yield advance


def _print(text: Text, *, err: bool = False) -> None:
    Console(highlight=False, soft_wrap=True, stderr=err).print(text)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
