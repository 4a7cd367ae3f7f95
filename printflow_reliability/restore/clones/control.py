"""What the control file of a restored cluster says of it: its WAL segments have a size of their own, 1 MB to 1 GB."""

import re
from pathlib import Path

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.programs import Programs

SEGMENT_BYTES = re.compile(r"^Bytes per WAL segment:\s+(\d+)$", re.MULTILINE)
MEGABYTE = 1024**2
DEFAULT_MAX_WAL = 1024 * MEGABYTE


def control_data(programs: Programs, program: str, data: Path) -> str:
    """What pg_controldata (a `program` of the cluster's own major version) prints of a data directory.

    Raises:
        ProgramFailed: there is no sound control file.
    """
    return programs.run([program, str(data)], timeout=30).stdout


def segment_bytes(control: str) -> int:
    """The size of a WAL segment, out of what pg_controldata printed.

    Raises:
        CouldNotTell: it is not in there.
    """
    found = SEGMENT_BYTES.search(control)
    if found is None:
        raise CouldNotTell(
            "the restored control file does not tell the size of a WAL segment", "printflow backup verify"
        )
    return int(found[1])


def wal_sizes(segment: int) -> str:
    """Settings without which a server with large segments does not start: at least two of them must fit."""
    smallest = 2 * segment // MEGABYTE
    return f"min_wal_size = {smallest}MB\nmax_wal_size = {max(smallest, DEFAULT_MAX_WAL // MEGABYTE)}MB\n"
