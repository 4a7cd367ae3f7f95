"""How the command line speaks: the one table printer, the one JSON printer, numbers with units, progress on stderr.

People get short plain sentences, worst first; programs get one JSON document on stdout and nothing else there.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from printflow_reliability.settings import Settings, find_config, load

JSON_OPTION = typer.Option(False, "--json", help="Print one JSON document on stdout, for programs.")
APPLY_OPTION = typer.Option(False, "--apply", help="Do it. Without this, only the plan is printed.")


@dataclass(frozen=True)
class Invocation:
    """What the top-level options said; each command gets it as `ctx.obj`."""

    config: Path | None

    def settings(self) -> Settings:
        """The configuration this command runs with.

        Raises:
            ConfigError: there is none, or it is wrong.
        """
        return load(find_config(self.config))


class Advance(Protocol):
    """Tells a progress display how far work is; `total` may become known later."""

    def __call__(self, done: int, total: int | None = None) -> None: ...


def invocation(ctx: typer.Context) -> Invocation:
    """The invocation of this command."""
    found = ctx.find_object(Invocation)
    return found if found is not None else Invocation(None)


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on stdout; times become UTC ISO 8601."""
    print(json.dumps(document, indent=2, default=_plain, ensure_ascii=False))


def say(text: str = "") -> None:
    """A line for people on stdout, as it is; nothing in it is taken for markup."""
    Console(highlight=False, soft_wrap=True).print(escape(printable(text)))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None) -> None:
    """A table for people on stdout; cells are shown as they are, with control characters escaped."""
    grid = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        grid.add_row(*(escape(printable(cell)) for cell in row))
    Console(highlight=False).print(grid)


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


def printable(text: str) -> str:
    """Text from outside with its control characters escaped, so that a key with a newline stays one line."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def seconds(value: float) -> str:
    """A duration as a person says it: 0.4 s, 38 s, 2 min 11 s, 3 h 5 min, 8 days."""
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    if whole < 2 * 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min" if whole % 3600 >= 60 else f"{whole // 3600} h"
    return f"{whole // 86400} days"


def size(count: float) -> str:
    """Bytes as a person says them, in decimal units: 812 B, 1.2 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def moment(value: datetime) -> str:
    """A time of day with its date, in UTC: 2026-11-02 03:00:11 UTC."""
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
