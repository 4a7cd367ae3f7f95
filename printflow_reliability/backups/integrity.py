"""Does every stored byte of the repositories match its manifest, and was each read recently enough?

New files are read by every pass, those that were read before by rotation within `backups.reread_days`. A file that is
not read again now must still be there as it was.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event
from typing import Any

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.backups.clusters import WORKERS, ClusterVerdict, answer, chosen
from printflow_reliability.backups.ledger.outcome import Reading
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.repository_pass import verify_repository
from printflow_reliability.backups.repository_verdict import VerifiedRepository
from printflow_reliability.backups.verification import keep_verification
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import PrintflowError
from printflow_reliability.parallel import run_parallel
from printflow_reliability.progress import Advance, Count
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.text import counted, seconds, size

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IntegrityReport:
    """The repositories of the clusters asked for, each with its findings."""

    repositories: tuple[VerifiedRepository, ...]
    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float]

    def of(self, cluster: str) -> tuple[VerifiedRepository, ...]:
        """The repositories of one cluster."""
        return tuple(repository for repository in self.repositories if repository.cluster == cluster)

    @property
    def clusters(self) -> tuple[str, ...]:
        """The clusters asked for."""
        return tuple(dict.fromkeys(repository.cluster for repository in self.repositories))

    def as_json(self) -> dict[str, Any]:
        """As `backup verify` shows it."""
        return {
            "ok": all(check.outcome is Outcome.PASS for check in self.checks),
            "detail": self.checks[0].detail,
            "rereading": self.checks[1].detail,
            "bytes_read": self.numbers["bytes_read"],
            "bytes_known_good": self.numbers["bytes_known_good"],
            "oldest_unread_seconds": self.numbers.get("oldest_unread_seconds"),
            "clusters": [
                {
                    "name": name,
                    "ok": all(repository.verdict.outcome is Outcome.PASS for repository in self.of(name)),
                    "files_checked": sum(repository.files_checked for repository in self.of(name)),
                    "findings": [finding.as_json() for repository in self.of(name) for finding in repository.findings],
                    "repositories": [
                        {
                            "repo": repository.repository,
                            "outcome": repository.verdict.outcome,
                            "detail": repository.verdict.sentence,
                            "files_checked": repository.files_checked,
                            **_reading_json(repository.reading),
                        }
                        for repository in self.of(name)
                    ],
                }
                for name in self.clusters
            ],
        }


def _reading_json(reading: Reading | None) -> dict[str, Any]:
    if reading is None:
        return {}
    return {
        "files_read": reading.files_read,
        "bytes_read": reading.bytes_read,
        "bytes_known_good": reading.bytes_good,
        "oldest_unread_at": reading.oldest,
        "oldest_unread_seconds": round(_age(reading.oldest), 3) if reading.oldest else None,
        "overdue": reading.overdue,
    }


@operation("backup verification")
def verify_repositories(
    settings: Settings,
    *,
    clusters: Sequence[str] | None = None,
    repository: int | None = None,
    everything: bool = False,
    advance: Advance | None = None,
) -> IntegrityReport:
    """Read what is new in each cluster's repositories, and of the rest what is due, and compare it.

    Args:
        settings: of the installation.
        clusters: whose repositories; all of them if None.
        repository: the number of one; all if None.
        everything: whether every stored byte is read, also what was read before.
        advance: told how many repositories are done.

    Raises:
        ConfigError: there is no such cluster.
    """
    programs, stopped = settings.runner(), Event()
    selected = chosen(settings, clusters)
    numbers_of = {cluster.name: (repository,) if repository else cluster.repositories for cluster in selected}
    count = Count(advance, sum(map(len, numbers_of.values())))

    def verify(cluster: ClusterSettings) -> list[VerifiedRepository]:
        verified = []
        for number in numbers_of[cluster.name]:
            verified.append(
                verify_repository(
                    settings, PgBackRest(cluster, programs), number, everything=everything, stopped=stopped
                )
            )
            count.one_more()
        return verified

    tasks = [partial(verify, cluster) for cluster in selected]

    def give_up() -> None:
        stopped.set()
        programs.end_running()

    verified = run_parallel(tasks, give_up=give_up, workers=WORKERS)
    repositories = tuple(repository for found in verified for repository in found)
    _keep(settings, repositories)
    numbers = _numbers(repositories)
    places = counted(len(repositories), "repository", "repositories")
    oldest = seconds(numbers.get("oldest_unread_seconds", 0))
    fine = (
        f"{counted(int(numbers['files_checked']), 'file')} in {places} checked: every one is as its manifest says; "
        f"{size(numbers['bytes_read'])} were read now"
    )
    verdicts = (repository.verdict for repository in repositories)
    integrity = answer("backup.integrity", verdicts, numbers, nothing_wrong=fine, clusters=clusters)
    limit = settings.backups.reread_days
    ages = [_verdict_on_age(repository, limit) for repository in repositories]
    recent = f"every stored byte was read within {oldest}; allowed are {limit} days"
    reread = answer("backup.reread", ages, numbers, nothing_wrong=recent, clusters=clusters)
    return IntegrityReport(repositories, (integrity, reread), numbers)


def _numbers(repositories: Sequence[VerifiedRepository]) -> dict[str, int | float]:
    readings = [repository.reading for repository in repositories if repository.reading]
    numbers: dict[str, int | float] = {
        "files_checked": sum(repository.files_checked for repository in repositories),
        "damaged_files": sum(len(repository.findings) for repository in repositories),
        "files_read": sum(reading.files_read for reading in readings),
        "bytes_read": sum(reading.bytes_read for reading in readings),
        "bytes_known_good": sum(reading.bytes_good for reading in readings),
    }
    oldest = [reading.oldest for reading in readings if reading.oldest]
    if oldest and len(readings) == len(repositories):
        # The weakest repository counts; where one is not known, none of the others stands for it.
        numbers["oldest_unread_seconds"] = round(_age(min(oldest)), 3)
    return numbers


def _age(at: datetime) -> float:
    return max((datetime.now(UTC) - at).total_seconds(), 0.0)


def _verdict_on_age(repository: VerifiedRepository, reread_days: int) -> ClusterVerdict:
    """The verdict of backup.reread on one repository."""
    where = f"{repository.cluster} repo{repository.repository}"
    verify = f"printflow backup verify {repository.cluster}"
    reading = repository.reading
    if reading is None or reading.oldest is None:
        return ClusterVerdict(Outcome.UNKNOWN, f"{where}: when its bytes were last read is not known; {verify}")
    age, limit = _age(reading.oldest), timedelta(days=reread_days).total_seconds()
    if reading.overdue or age > limit:
        late = counted(reading.overdue, "file")
        return ClusterVerdict(
            Outcome.FAIL,
            f"{where}: {late} could not be read in time; the bytes unread for the longest are {seconds(age)} old, "
            f"allowed are {reread_days} days; see {verify}",
        )
    return ClusterVerdict(Outcome.PASS, f"{where}: every byte was read within {seconds(age)}")


def _keep(settings: Settings, repositories: Sequence[VerifiedRepository]) -> None:
    """Remember what was read; records that are away cost later answers something, and not this one."""
    try:
        with open_records(settings.records) as records:
            for repository in repositories:
                if repository.verification:
                    keep_verification(records, repository.cluster, repository.repository, repository.verification)
    except PrintflowError as away:
        log.warning("what was verified is not remembered: %s", away.what)
