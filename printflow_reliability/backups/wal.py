"""Could any moment since the oldest backup be restored, and how much would be lost right now?

wal.continuity is judged from the repositories alone, so it is answered while production is down; wal.lag is what
production itself says of its archiving, and unknown while production is down.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from printflow_reliability.alerts.results import record_results
from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.backups.acknowledgements import Acknowledgement, acknowledgements
from printflow_reliability.backups.archiver import Archiver, ask_archiver, check_lag
from printflow_reliability.backups.clusters import WORKERS, ClusterVerdict, answer, chosen
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.repository_wal import (
    ArchiveContext,
    RepositoryWal,
    verdict_of,
    verify_repository_wal,
    without_gaps,
)
from printflow_reliability.checks import CheckResult, Outcome, scope_of, worst
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.parallel import run_parallel
from printflow_reliability.platform.connect import connect
from printflow_reliability.programs import Programs
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import ClusterSettings, RecordsSettings, Settings

CONTINUITY, LAG = "wal.continuity", "wal.lag"


@dataclass(frozen=True)
class ClusterWal:
    """One cluster: its archive in each repository, and its archiving as production tells it (None: it is away)."""

    name: str
    repositories: tuple[RepositoryWal, ...]
    archiver: Archiver | None
    lag: ClusterVerdict
    continuity: tuple[ClusterVerdict, ...]

    @property
    def outcome(self) -> Outcome:
        """The worst of continuity; lag is judged apart."""
        return worst(verdict.outcome for verdict in self.continuity)

    @property
    def segments_checked(self) -> int:
        """Over all repositories."""
        return sum(repository.segments_checked for repository in self.repositories)

    @property
    def recoverable_from(self) -> datetime | None:
        """The earliest moment that some repository can restore, with all that follow."""
        return min(
            (repository.recoverable_from for repository in self.repositories if repository.recoverable_from),
            default=None,
        )

    @property
    def recoverable_to(self) -> datetime | None:
        """The newest moment that some repository can restore."""
        return max(
            (repository.recoverable_to for repository in self.repositories if repository.recoverable_to), default=None
        )

    @property
    def lag_seconds(self) -> float | None:
        """How much would be lost right now, at most; None if production does not tell."""
        return self.archiver.lag_seconds if self.archiver else None

    def as_json(self) -> dict[str, Any]:
        """As `wal verify` shows it."""
        return {
            "name": self.name,
            "ok": self.outcome is Outcome.PASS and self.lag.outcome is Outcome.PASS,
            "segments_checked": self.segments_checked,
            "gaps": [
                {
                    "repo": repository.repository,
                    "timeline": gap.timeline,
                    "first": gap.first,
                    "last": gap.last,
                    "count": gap.count,
                    "acknowledged": gap.acknowledged is not None,
                    "reason": gap.acknowledged,
                    "lost_from": gap.before,
                    "lost_to": gap.after,
                }
                for repository in self.repositories
                for gap in repository.gaps
            ],
            "damaged": [
                f"repo{repository.repository}: {damage}"
                for repository in self.repositories
                for damage in repository.damaged
            ],
            "recoverable_from": self.recoverable_from,
            "recoverable_to": self.recoverable_to,
            "lag_seconds": self.lag_seconds,
            "lag": {"outcome": self.lag.outcome, "detail": self.lag.sentence},
            "archiver": self.archiver.as_json() if self.archiver else None,
            "repositories": [
                {
                    "repo": repository.repository,
                    "outcome": verdict.outcome,
                    "detail": verdict.sentence,
                    "segments_checked": repository.segments_checked,
                    "unusable_backups": [label for walk in repository.walks for label in walk.unusable_backups],
                    "recoverable_from": repository.recoverable_from,
                    "recoverable_to": repository.recoverable_to,
                    "windows": [{"from": first, "to": last} for first, last in repository.windows],
                }
                for repository, verdict in zip(self.repositories, self.continuity, strict=True)
            ],
        }


@dataclass(frozen=True)
class WalReport:
    """The clusters asked for, and the answers of wal.continuity and wal.lag."""

    clusters: tuple[ClusterWal, ...]
    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float]

    def as_json(self) -> dict[str, Any]:
        """As `wal verify` shows it."""
        return {
            "ok": all(check.outcome is Outcome.PASS for check in self.checks),
            "clusters": [cluster.as_json() for cluster in self.clusters],
            "checks": [check.as_json() for check in self.checks],
        }


@operation("WAL verification")
def verify_wal(settings: Settings, *, clusters: Sequence[str] | None = None) -> WalReport:
    """Walk each cluster's archived WAL in each repository, and ask production how far its archiving is.

    Raises:
        ConfigError: there is no such cluster.
    """
    programs = settings.runner()
    tasks = [partial(_verify, cluster, programs, settings) for cluster in chosen(settings, clusters)]
    found = tuple(run_parallel(tasks, give_up=programs.end_running, workers=WORKERS))
    lags = [cluster.lag_seconds for cluster in found if cluster.lag_seconds is not None]
    open_gaps = [gap for cluster in found for repository in cluster.repositories for gap in repository.open_gaps]
    numbers: dict[str, int | float] = {
        "segments_checked": sum(cluster.segments_checked for cluster in found),
        "wal_gaps": len(open_gaps),
        "missing_segments": sum(gap.count for gap in open_gaps),
        "acknowledged_gaps": sum(len(repository.gaps) for cluster in found for repository in cluster.repositories)
        - len(open_gaps),
    }
    if lags:
        numbers["wal_lag_seconds"] = round(max(lags), 3)
    continuity = [verdict for cluster in found for verdict in cluster.continuity]
    checks = (
        answer(
            CONTINUITY,
            continuity,
            numbers,
            nothing_wrong="; ".join(verdict.sentence for verdict in continuity),
            clusters=clusters,
        ),
        answer(
            LAG,
            (cluster.lag for cluster in found),
            {"wal_lag_seconds": numbers["wal_lag_seconds"]} if lags else {},
            nothing_wrong="; ".join(cluster.lag.sentence for cluster in found),
            clusters=clusters,
        ),
    )
    record_results(settings, _of_repositories(found), alert=False)
    return WalReport(found, checks, numbers)


def repository_scope(cluster: str, repository: int) -> str:
    """The scope under which the newest answer on one repository is recorded, with the moments it can restore."""
    return scope_of(cluster=[cluster], repository=[str(repository)])


def _of_repositories(found: Sequence[ClusterWal]) -> list[CheckResult]:
    """What is recorded of each repository by itself: until when it can restore is not the same in all of them."""
    return [
        CheckResult(
            CONTINUITY,
            verdict.outcome,
            verdict.sentence,
            {
                name: moment.timestamp()
                for name, moment in (
                    ("recoverable_from_timestamp_seconds", repository.recoverable_from),
                    ("recoverable_until_timestamp_seconds", repository.recoverable_to),
                )
                if moment is not None
            },
            scope=repository_scope(cluster.name, repository.repository),
        )
        for cluster in found
        for repository, verdict in zip(cluster.repositories, cluster.continuity, strict=True)
    ]


def _verify(cluster: ClusterSettings, programs: Programs, settings: Settings) -> ClusterWal:
    archiver, lag = ask_archiving(cluster, settings.backups.max_wal_lag_seconds)
    accepted, unknown = accepted_gaps(cluster, settings.records)
    context = ArchiveContext(archiver, accepted, settings.backups.retention.wal_days)
    found = []
    for number in cluster.repositories:
        repository = verify_repository_wal(PgBackRest(cluster, programs), number, context)
        if repository.open_gaps and unknown:
            # Each of them may have been acknowledged: an alarm for ever is what acknowledging is there to prevent.
            repository = without_gaps(repository, unknown)
        found.append(repository)
    continuity = tuple(verdict_of(cluster.name, repository) for repository in found)
    return ClusterWal(cluster.name, tuple(found), archiver, lag, continuity)


def ask_archiving(cluster: ClusterSettings, max_lag_seconds: float) -> tuple[Archiver | None, ClusterVerdict]:
    """What production says of its archiving, and the verdict of wal.lag; None where it is away."""
    try:
        with connect(cluster, statement_seconds=30) as connection:
            archiver = ask_archiver(connection)
    except CouldNotTell as away:
        return None, ClusterVerdict.unknown(cluster.name, away)
    return archiver, check_lag(cluster.name, archiver, max_lag_seconds=max_lag_seconds)


def accepted_gaps(
    cluster: ClusterSettings, records: RecordsSettings
) -> tuple[tuple[Acknowledgement, ...], CouldNotTell | None]:
    """The gaps that were accepted; where the records are away, none, and why."""
    try:
        with open_records(records) as connection:
            return acknowledgements(connection, cluster.name), None
    except CouldNotTell as away:
        return (), CouldNotTell(f"WAL is missing, and whether that was acknowledged is not known: {away.what}")
