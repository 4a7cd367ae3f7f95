"""WAL is read for CREATE TABLESPACE before a clone may replay it: its path is literal and leads out of the clone.

Each segment is read by pg_waldump as PostgreSQL asks for it, so nothing is staged and every recovery is covered, with
or without production. The work is done by a shell script, since the clone's user may not reach our Python.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from printflow_reliability.errors import ConfigError
from printflow_reliability.programs import Programs

SCRIPT = "restore_wal.sh"
REFUSED = "wal_refused"
"""What the script leaves in the clone's directory when it ends a recovery."""
IN_PLACE = '""'
"""pg_waldump's word for a tablespace that lies inside the data directory."""
PLACEHOLDERS = {"%f": "$1", "%p": "$2", "%%": "%"}


@dataclass(frozen=True)
class RefusedWal:
    """WAL that PostgreSQL was not given.

    Attributes:
        tablespace: the path of a tablespace that it makes; None if the segment could not be read.
        where: the record's LSN, or the segment's name.
        detail: why it could not be read.
    """

    tablespace: str | None
    where: str
    detail: str = ""


def inspecting(
    fetch: str, place: Path, programs: Programs, *, floor: int, until: datetime | None, allowed: Sequence[Path]
) -> str:
    """The restore_command that reads what another one fetched; its script is written into the clone's directory.

    Args:
        fetch: the restore_command that fetches, with PostgreSQL's placeholders.
        place: the clone's directory.
        programs: whose pg_waldump reads, and who runs the command.
        floor: the LSN (bytes) that replay begins at; what lies before it is not replayed.
        until: the moment that replay ends at; a tablespace that was made later does not matter.
        allowed: paths of tablespaces that may be made.

    Raises:
        ConfigError: there is no pg_waldump.
    """
    waldump = programs.postgres("pg_waldump")
    if not Path(waldump).exists():
        raise ConfigError(
            f"{waldump} is not installed, and WAL cannot be read for tablespaces before it is replayed",
            "install the package of the PostgreSQL server that it belongs to",
        )
    shell = re.sub("%[fp%]", lambda found: PLACEHOLDERS[found[0]], fetch)
    paths = "\n".join([IN_PLACE, *(f'"{path}"' for path in allowed)])
    values = {
        "place": str(place),
        "waldump": waldump,
        "floor": str(floor),
        "until": f"{until.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}" if until else "",
        "allowed": f"\n{paths}\n",
    }
    head = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    body = files(__package__).joinpath(SCRIPT).read_text(encoding="utf-8")
    script = place / SCRIPT
    script.write_text(f"{head}fetch() {{\n{shell}\n}}\n\n{body}", encoding="utf-8", errors="surrogateescape")
    script.chmod(0o600)
    programs.own(script)
    return f'/bin/sh {shlex.quote(str(script)).replace("%", "%%")} %f "%p"'


def refused_wal(place: Path) -> RefusedWal | None:
    """The WAL for which a clone's recovery was ended; None if there was none."""
    try:
        said = (place / REFUSED).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    reason, where, detail = said.rstrip("\n").split("\n", 2)
    if reason == "tablespace":
        return RefusedWal(detail.removeprefix('"').removesuffix('"'), where)
    return RefusedWal(None, where, detail)
