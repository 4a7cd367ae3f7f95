"""What `pgbackrest repo-ls --output=json` prints, as dataclasses."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from printflow_reliability.errors import CouldNotTell


@dataclass(frozen=True)
class RepositoryFile:
    """A file of a repository: its name below the path that was listed, its stored size in bytes, its time (UTC)."""

    name: str
    size: int
    modified_at: datetime


def parse_listing(text: str) -> tuple[RepositoryFile, ...]:
    """The files of a listing in order of name; folders and links are left out.

    Raises:
        CouldNotTell: it is not what repo-ls prints.
    """
    try:
        return tuple(
            RepositoryFile(name, entry["size"], datetime.fromtimestamp(entry["time"], UTC))
            for name, entry in sorted(json.loads(text).items())
            if entry["type"] == "file"
        )
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as unreadable:
        raise CouldNotTell(
            f"the listing of pgbackrest repo-ls cannot be read ({unreadable!r})", "run it by hand with --output=json"
        ) from None
