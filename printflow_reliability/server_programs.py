"""Where PostgreSQL's server programs are: of the cluster's own major version, not of the newest that is installed.

A server of another major version does not start on a cluster's files, and its tools do not understand them.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from printflow_reliability.errors import ConfigError

LAYOUTS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
"""Where packages put them: Debian's, and those of PostgreSQL's own repository for Red Hat's systems."""


def installed() -> dict[int, Path]:
    """The folders of packages that hold server programs, by major version."""
    found = {}
    for layout in LAYOUTS:
        for folder in Path("/").glob(layout.lstrip("/")):
            version = folder.parent.name.removeprefix("pgsql-")
            if version.isdigit():
                found[int(version)] = folder
    return found


def candidates(name: str, major: int | None, folder: Path | None, path: str) -> Iterator[tuple[Path, int | None]]:
    """Where a program is, the best first, each with its major version where its folder tells.

    Args:
        name: such as `pg_ctl`.
        major: the version wanted; None for the newest.
        folder: the only folder to look in; None for all that packages use, and then the PATH.
        path: that PATH.
    """
    if folder is not None:
        yield folder / name, None
        return
    for version, bin_folder in sorted(installed().items(), reverse=True):
        if major in (None, version) and (bin_folder / name).exists():
            yield bin_folder / name, version
    if found := shutil.which(name, path=path):
        yield Path(found), None


def not_installed(name: str, major: int | None, there: set[int]) -> ConfigError:
    """What to tell a person where a program is missing, or is of another version."""
    if major is None:
        return ConfigError(
            f"PostgreSQL's server programs are needed here, and there is no {name}",
            "install a PostgreSQL server, or set programs.postgres_bin in printflow.toml",
        )
    others = f"there are those of {', '.join(map(str, sorted(there)))}" if there else "there are none"
    return ConfigError(
        f"PostgreSQL {major} programs ({name}) are needed here, and {others}",
        f"install PostgreSQL {major} (Debian: postgresql-{major}; Red Hat: postgresql{major}-server), or set "
        "programs.postgres_bin in printflow.toml to the folder of its programs",
    )


def parse_major(version: str) -> int | None:
    """The major version in what a program says of itself ("postgres (PostgreSQL) 15.8"); None if it says none."""
    found = re.search(r"\(PostgreSQL\) (\d+)", version)
    return int(found[1]) if found else None
