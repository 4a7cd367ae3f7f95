"""The restore_command of a restored server: our own, so that it works with whatever archiving production has.

pgBackRest writes the options of the restore into it, and there `--spool-path` is refused (exit code 31) unless the
configuration turns asynchronous archiving on. The server fetches asynchronously, into a spool of its own.
"""

import shlex
from collections.abc import Sequence


def restore_command(pgbackrest: Sequence[str]) -> str:
    """The command that fetches one WAL file.

    Args:
        pgbackrest: the program and the options of `archive-get`; each may hold any character.
    """
    # The server replaces %f and %p, and takes %% for a percent sign.
    options = " ".join(shlex.quote(argument) for argument in pgbackrest).replace("%", "%%")
    return f'{options} archive-get %f "%p"'


def as_setting(value: str) -> str:
    """What stands between the quotes of a setting in a configuration file; pgBackRest escapes nothing itself."""
    return value.replace("\\", "\\\\").replace("'", "''")
