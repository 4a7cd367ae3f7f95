"""Reading a version of a repository's bookkeeping as pgBackRest does: it has the passphrase, and knows the cipher.

pgBackRest reads only what is current. So a version is laid into an empty repository on this machine, as the file that
it is, and read from there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from printflow_reliability.backups.configuration import RepositoryOptions
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.pgbackrest_errors import RepositoryDamaged
from printflow_reliability.paths import is_there
from printflow_reliability.programs import Programs
from printflow_reliability.settings import ClusterSettings

CONFIGURATION = """\
[global]
repo1-path={place}/repository
{cipher}lock-path={place}
log-level-file=off

[{stanza}]
pg1-path={place}
"""


class Reader:
    """Reads files as those of one stanza's repository."""

    def __init__(self, place: Path, cluster: ClusterSettings, programs: Programs) -> None:
        self._place, self._stanza, self._programs = place, cluster.stanza, programs
        self._pgbackrest = PgBackRest(cluster, programs, config=place / "pgbackrest.conf")

    def read(self, name: str, body: bytes) -> str | None:
        """The text of a file; None where it cannot be decrypted.

        Args:
            name: below the repository's path, such as "archive/main/archive.info".
            body: as it is stored.
        """
        file = self._place / "repository" / name
        self._folder(file.parent)
        file.write_bytes(body)
        self._programs.own(file)
        try:
            return self._pgbackrest.repo_get(name, 1)
        except RepositoryDamaged:
            return None
        finally:
            file.unlink()

    def _folder(self, folder: Path) -> None:
        if not is_there(folder):
            self._folder(folder.parent)
            folder.mkdir(mode=0o700)
            self._programs.own(folder)


@contextmanager
def reader(cluster: ClusterSettings, options: RepositoryOptions, programs: Programs) -> Iterator[Reader]:
    """A reader with the cipher and the passphrase of a repository, removed afterwards."""
    with TemporaryDirectory(prefix="printflow-undelete-") as directory:
        place = Path(directory)
        programs.own(place)
        cipher = "".join(
            f"repo1-{name}={value}\n" for name in ("cipher-type", "cipher-pass") if (value := options.get(name))
        )
        file = place / "pgbackrest.conf"
        file.touch(mode=0o600)
        file.write_text(CONFIGURATION.format(place=place, cipher=cipher, stanza=cluster.stanza), encoding="utf-8")
        programs.own(file)
        yield Reader(place, cluster, programs)
