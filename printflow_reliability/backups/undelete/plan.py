"""What would bring the repositories of a cluster back to a moment: planned from their versions, nothing is changed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from printflow_reliability.backups.configuration import repository_options
from printflow_reliability.backups.undelete.bookkeeping import chosen, shortcomings, steps_to, whole_versions
from printflow_reliability.backups.undelete.history import Since, Step, since
from printflow_reliability.backups.undelete.reading import reader
from printflow_reliability.backups.undelete.repository import VersionedRepository, VersionRefused
from printflow_reliability.errors import ConfigError, CouldNotTell, PrintflowError
from printflow_reliability.parallel import run_parallel
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.storage.version_listing import Entry
from printflow_reliability.text import moment

CLOCKS_SECONDS = 60
"""How far a person's clock and the store's may be apart."""
WORKERS = 8
"""Requests to the store at the same time."""
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
        CouldNotTell: it cannot be listed, or held nothing at that moment.
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
    _require_files(repository, found, before)
    found = _without_done(repository, found)
    steps, problems = _of_bookkeeping(settings, cluster, repository, found, before)
    return RepositoryPlan(cluster.name, number, repository.bucket, (*found.steps, *steps), found, tuple(problems))


def _require_files(repository: VersionedRepository, found: Since, before: datetime) -> None:
    """Raises:
    CouldNotTell: there was no file at that moment, so that it does not tell what is to be there.
    """
    if found.existed:
        return
    where = f"bucket {repository.bucket} below {repository.prefix or '/'}"
    if found.first is None:
        raise CouldNotTell(
            f"there is no file of stanza {repository.stanza} in {where}, and no version of one",
            f"is repo{repository.options.number}-path right in {repository.file}, and `stanza` in printflow.toml?",
        )
    if found.first >= before:
        raise CouldNotTell(
            f"before {moment(before)} there was no file of stanza {repository.stanza} in {where}: the first was made "
            f"{moment(found.first)}",
            "name a later moment: the last one before the damage",
        )
    raise CouldNotTell(
        f"at {moment(before)} every file of stanza {repository.stanza} in {where} had been deleted already",
        "name an earlier moment: the last one before the damage",
    )


def _without_done(repository: VersionedRepository, found: Since) -> Since:
    """The same without the files that an earlier run has brought back as copies."""
    done = run_parallel([partial(repository.is_done, step) for step in found.steps], workers=WORKERS)
    left = tuple(step for step, is_done in zip(found.steps, done, strict=True) if not is_done)
    return replace(found, steps=left, there=found.there + len(found.steps) - len(left))


def _of_bookkeeping(
    settings: Settings, cluster: ClusterSettings, repository: VersionedRepository, found: Since, before: datetime
) -> tuple[list[Step], list[str]]:
    """What makes backup.info and archive.info whole, and what will be wrong with them all the same.

    Raises:
        VersionRefused: no version of one is whole, and not all could be read.
    """
    steps: list[Step] = []
    problems: list[str] = []
    with reader(cluster, repository.options, settings.runner()) as decrypted:
        for name, histories in found.bookkeeping.items():
            refused: list[VersionRefused] = []

            def read(version: Entry, name: str = name, refused: list[VersionRefused] = refused) -> str | None:
                try:
                    return decrypted.read(name, repository.read(version))
                except VersionRefused as unreadable:
                    refused.append(unreadable)
                    return None

            whole = whole_versions(histories, read, before)
            choice = chosen(whole, found.labels, before)
            if choice is not None:
                steps += steps_to(choice, whole, histories)
                problems += shortcomings(name, choice, whole, found.labels)
            elif refused:
                raise refused[0]
            else:
                problems.append(f"no version of {name} is whole")
    return steps, problems
