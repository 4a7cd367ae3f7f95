"""Tablespaces that a backup does not know: replaying WAL makes them at their literal path, outside of the clone.

On production's host that path is production's own directory, and the clone would write into production's files. So
a recovery is refused, unless a person has said that the path is free for it, which on production's host it never is.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from printflow_reliability.errors import ConfigError, Refused
from printflow_reliability.programs import Programs
from printflow_reliability.text import printable

UNUSED = frozenset({"lost+found"})
"""What lies in the directory of a fresh mount, and is no content."""


@dataclass(frozen=True)
class TablespaceRules:
    """What a recovery does about a tablespace that its backup does not know.

    Attributes:
        next_step: what a person does about a refusal; may name {cluster} and {path}.
        allowed: paths that are free for it.
    """

    next_step: str = "printflow backup run {cluster}"
    allowed: Sequence[Path] = ()

    @property
    def real_paths(self) -> Mapping[str, str]:
        """The allowed paths, and where they really lead."""
        return {str(path): os.path.realpath(path) for path in self.allowed}

    def refusal(self, cluster: str, path: str, made: str) -> Refused:
        """The error for a tablespace that leads out of a clone.

        Args:
            cluster: its cluster.
            path: where it lies.
            made: how that is known, such as "its WAL makes it at 0/5000028".
        """
        shown = printable(path)
        return Refused(
            f'cluster {cluster} has a tablespace at "{shown}" that the base backup does not know ({made}): replay '
            "would write into that directory, which is not the clone's own",
            self.next_step.format(cluster=cluster, path=shown),
        )

    def empty_again(self) -> None:
        """Remove what a recovery that failed has put into the allowed paths, which were empty before."""
        for path in self.allowed:
            for entry in path.glob("PG_*"):
                shutil.rmtree(entry, ignore_errors=True)


def allowed_tablespaces(paths: Sequence[Path], programs: Programs) -> tuple[Path, ...]:
    """Paths that a person allows tablespaces to be made at, as PostgreSQL writes them.

    Raises:
        ConfigError: one is not absolute, not an empty directory, or does not belong to the servers' user.
    """
    return tuple(_allowed(path, programs) for path in paths)


def _allowed(path: Path, programs: Programs) -> Path:
    identity = programs.identity()
    user = programs.run_as if identity else "this user"
    problem = None
    if not path.is_absolute() or not str(path).isprintable():
        problem = "is not an absolute path"
    elif not path.is_dir():
        problem = "is not a directory"
    elif any(entry.name not in UNUSED for entry in path.iterdir()):
        problem = "is not empty: it may be production's, and nothing there is overwritten"
    elif path.stat().st_uid != (identity.uid if identity else os.geteuid()):
        problem = f"does not belong to {user}, as whom the recovered server runs"
    if problem:
        raise ConfigError(
            f"--allow-tablespace: {printable(str(path))} {problem}",
            f"make an empty directory at the tablespace's own path that belongs to {user}: install -d -m 700",
        )
    return Path(os.path.normpath(path))
