"""docs/commands.md: what every command's --help says, in one page. `make docs` writes it.

Run as a program of its own, since it adds the sandbox's commands to the application, as `printflow` does.
"""

from collections.abc import Iterator

import typer
from typer import Context
from typer.core import TyperCommand, TyperGroup

from printflow_reliability.cli import add_installed_commands, app

WIDTH = 110
INTRODUCTION = """\
# Commands

<!-- Written by `make docs` from the commands' own --help. -->

A command that changes something prints its plan and does nothing unless `--apply` is given. With `--json` it prints one
JSON document on stdout, and nothing else there: times are UTC in ISO 8601, durations are in seconds, sizes in bytes.
"""


def pages(command: TyperCommand | TyperGroup, context: Context) -> Iterator[tuple[str, str]]:
    """The words of a command and of every one below it, each with its help."""
    command.rich_markup_mode = None  # text rather than boxes
    yield context.command_path, command.get_help(context)
    if isinstance(command, TyperGroup):
        for name, below in command.commands.items():
            assert isinstance(below, TyperCommand | TyperGroup)
            yield from pages(below, Context(below, info_name=name, parent=context, terminal_width=WIDTH))


def as_markdown() -> str:
    """The whole page."""
    add_installed_commands()
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    parts = [INTRODUCTION]
    for words, text in pages(root, Context(root, info_name="printflow", terminal_width=WIDTH)):
        level = "#" * min(len(words.split()) + 1, 3)
        parts.append(f"{level} {words}\n\n```text\n{text.rstrip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(as_markdown(), end="")
