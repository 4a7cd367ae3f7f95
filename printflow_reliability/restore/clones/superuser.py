"""Who the superuser of a clone is: the role that initdb made, under the name that it had at that moment.

Production may have renamed it since the backup, or replay may. Names come from production, from printflow.toml and
from the clone's own catalog as it lies on disk; the clone itself says which of them is right.
"""

import contextlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

CONNECT_SECONDS = 5
BOOTSTRAP_ROLE = 10
"""Its OID in every cluster."""
NAME_BYTES = 64
ROW = re.compile(
    re.escape(BOOTSTRAP_ROLE.to_bytes(4, sys.byteorder)) + b"(.{%d})" % NAME_BYTES + rb"\x01[\x00\x01]{6}", re.DOTALL
)
"""A row of pg_authid as a page holds it: its OID, the name, and seven flags, of which the first says superuser."""
DATABASES = ("postgres", "template1")


def find_superuser(conninfo: str, data: Path, names: Iterable[str]) -> str | None:
    """Ask a clone for the name of its superuser, as any role that it lets in; None if it lets nobody in.

    Args:
        conninfo: leads to the clone; role and database are filled in.
        data: its data directory.
        names: roles that may be there, the likeliest first.
    """
    for role in dict.fromkeys((*names, *names_on_disk(data))):
        for database in DATABASES:
            with contextlib.suppress(psycopg.Error):
                asked = make_conninfo(conninfo, user=role, dbname=database, connect_timeout=CONNECT_SECONDS)
                with psycopg.connect(asked, autocommit=True) as connection:
                    row = connection.execute(
                        "SELECT rolname::text FROM pg_catalog.pg_roles WHERE oid = %s", (BOOTSTRAP_ROLE,)
                    ).fetchone()
                    if row is not None:
                        return str(row[0])
    return None


def names_on_disk(data: Path) -> Iterator[str]:
    """The names that the superuser has, or lately had, in the files of the shared catalogs."""
    with contextlib.suppress(OSError):
        for file in sorted((data / "global").iterdir()):
            if file.name.isdigit():
                for found in ROW.finditer(file.read_bytes()):
                    name, _, rest = found[1].partition(b"\0")
                    if name and not rest.strip(b"\0"):
                        yield name.decode(errors="replace")
