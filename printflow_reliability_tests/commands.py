"""Every command that there is, and what it needs to be called at all."""

from collections.abc import Iterator

import typer
from typer.core import TyperGroup

from printflow_reliability.cli import app

ARGUMENTS = {
    "backup before-migrate": ("--name", "a-migration"),
    "recover": ("--to", "latest", "--into", "recovered"),
    "wal acknowledge": ("live_db", "0" * 23 + "1", "0" * 23 + "1", "--reason", "known"),
    "dump restore": ("--into", "postgresql://localhost/elsewhere"),
    "config restore": ("--into", "restored-configuration"),
    "tenant restore": ("6f2b1c52-8f0e-4c3a-9d59-0d1e6b7f4a11", "--to", "2026-11-02T14:05:00Z"),
    "drill show": ("1",),
    "drill report": ("1",),
    "pdf inspect": ("s3://print-files/a.pdf",),
    "pdf accept": ("1", "1", "s3://print-files/a.pdf"),
    "orders check": ("1",),
    "watch": ("--once",),
    "alerts ack": ("check:wal.lag",),
    "alerts silence": ("check:files.orphans", "--for", "1m", "--reason", "known"),
    "orders repair": ("1",),
    "backup undelete": ("--before", "2026-11-02T14:05:00Z"),
    "files erasure record": ("tenants/a.pdf", "--reason", "asked for", "--by", "ada"),
    "files erasure withdraw": ("1", "--by", "ada"),
    "files rollback": ("--to", "2026-11-02T14:05:00Z"),
    "files release": ("tenants/a.pdf",),
    "files acknowledge": ("1", "--reason", "known"),
    "orders override": ("1", "--reason", "approved", "--until", "2999-11-02T14:05:00Z"),
}
"""What a command needs to be called at all."""


def leaves(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command that does something."""
    if isinstance(command, TyperGroup):
        for name, below in command.commands.items():
            yield from leaves(below, (*path, name))
    else:
        yield path


NEEDS_NO_CONFIGURATION = {"config reference"}
COMMANDS = [
    command for path in leaves(typer.main.get_command(app)) if (command := " ".join(path)) not in NEEDS_NO_CONFIGURATION
]
"""Every command that reads printflow.toml."""
