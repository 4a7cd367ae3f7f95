"""What would bring the repositories of a cluster back to a moment: planned from their versions, nothing is changed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.backups.configuration import repository_options
from printflow_reliability.backups.undelete.bookkeeping import chosen, steps_to, whole_versions
from printflow_reliability.backups.undelete.history import Entry, Since, Step, since
from printflow_reliability.backups.undelete.reading import reader
from printflow_reliability.backups.undelete.repository import VersionedRepository
from printflow_reliability.errors import ConfigError, PrintflowError
from printflow_reliability.settings import ClusterSettings, Settings

CLOCKS_SECONDS = 60
"""How far a person's clock and the store's may be apart."""

NOTHING = Since()


@dataclass(frozen=True)
class RepositoryPlan:
    """One repository of one cluster.

    Attributes:
        cluster, number: which.
        bucket: what S3 calls its bucket; "" where it is not in S3.
        steps: what brings files back, those of bookkeeping last.
        since: what became of the files of then.
        problems: what will still be wrong afterwards.
        cannot: why nothing can be brought back, or that it is not known; None where it can.
    """

    cluster: str
    number: int
    bucket: str = ""
    steps: tuple[Step, ...] = ()
    since: Since = NOTHING
    problems: tuple[str, ...] = ()
    cannot: PrintflowError | None = None

    @property
    def bytes(self) -> int:
        """Of the files that come back."""
        return sum(step.version.size for step in self.steps)


def repository_of(settings: Settings, cluster: ClusterSettings, number: int, *, to_change: bool) -> VersionedRepository:
    """A repository in S3, reached with the credentials for a disaster where there are some.

    Raises:
        ConfigError: it is not in S3; or it is to be changed, and there are none, or they are the daily ones.
    """
    file = cluster.pgbackrest_config
    options = repository_options(file, cluster.stanza, number)
    if options.get("type") != "s3":
        raise ConfigError(
            f"repo{number} of {cluster.name} is no repository in S3 ({options.get('type')}), and only there versions "
            "are kept of what was deleted",
            "restore from another repository, or bring its file system back from a snapshot",
        )
    credentials = next((found for found in settings.backups.break_glass if found.repository == number), None)
    if to_change and credentials is None:
        raise ConfigError(
            f"backups.break_glass has no credentials for repository {number}, and --apply never uses the daily ones",
            f'[[backups.break_glass]] with repository = {number}, access_key_id = "env:NAME" and secret_access_key = '
            '"env:NAME"',
        )
    if credentials and credentials.access_key_id == options.get("s3-key"):
        raise ConfigError(
            f"backups.break_glass of repository {number} has the daily access key, that of repo{number}-s3-key: "
            "whoever took it can delete what is brought back",
            "make a key of its own for disasters, and change the daily one",
        )
    return VersionedRepository(options, file, cluster.stanza, credentials)


def plan_repository(
    settings: Settings,
    cluster: ClusterSettings,
    repository: VersionedRepository,
    before: datetime,
    see: Callable[[Entry], None] | None = None,
) -> RepositoryPlan:
    """Plan what brings one repository back to what it listed before a moment.

    Args:
        settings: of the installation.
        cluster: whose repository.
        repository: which.
        before: the moment.
        see: called with every version and marker that is listed.

    Raises:
        CouldNotTell: it cannot be listed.
        ConfigError: it keeps no versions, or the moment has not come yet by the store's clock.
    """
    number = repository.options.number
    now = repository.require_versions()
    if (before - now).total_seconds() > CLOCKS_SECONDS:
        raise ConfigError(
            f"--before {before:%Y-%m-%dT%H:%M:%SZ} has not come yet: the store's clock says {now:%Y-%m-%dT%H:%M:%SZ}",
            "name a moment before the damage",
        )

    def seen() -> Iterator[Entry]:
        for entry in repository.entries():
            if see:
                see(entry)
            yield entry

    found = since(seen(), before, repository.prefix)
    steps, problems = _of_bookkeeping(settings, cluster, repository, found)
    return RepositoryPlan(cluster.name, number, repository.bucket, (*found.steps, *steps), found, tuple(problems))


def _of_bookkeeping(
    settings: Settings, cluster: ClusterSettings, repository: VersionedRepository, found: Since
) -> tuple[list[Step], list[str]]:
    """What makes backup.info and archive.info whole, and which of them cannot be."""
    steps: list[Step] = []
    problems: list[str] = []
    with reader(cluster, repository.options, settings.runner()) as decrypted:
        for name, histories in found.bookkeeping.items():

            def read(version: Entry, name: str = name) -> str | None:
                return decrypted.read(name, repository.read(version))

            whole = whole_versions(histories, read)
            choice = chosen(whole, found.labels)
            if choice is None:
                problems.append(f"no version of {name} is whole")
            else:
                steps += steps_to(choice, whole, histories)
    return steps, problems
