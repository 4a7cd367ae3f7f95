"""What can be restored, from which repository, and when that was last proven: answered by check backup.window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.backups.clusters import TROUBLE, WORKERS, ClusterVerdict, answer, chosen
from printflow_reliability.backups.continuity import Continuity
from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.repository_wal import (
    ArchiveContext,
    RepositoryWal,
    gap_words,
    verify_repository_wal,
)
from printflow_reliability.backups.segment_times import read_to
from printflow_reliability.backups.verification import Verification, newest_verification
from printflow_reliability.backups.wal import accepted_gaps, ask_archiving
from printflow_reliability.backups.window.intervals import Base, Interval, Known, Missing, Proof, State, intervals
from printflow_reliability.backups.window.proofs import DrilledCluster, drilled
from printflow_reliability.backups.window.verdict import verdict_on_window
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.moments import is_ahead
from printflow_reliability.parallel import run_parallel
from printflow_reliability.programs import Programs
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import ClusterSettings, Settings


@dataclass(frozen=True)
class RepositoryWindow:
    """The window of one repository; it has no intervals where it could not be judged.

    Attributes:
        errors: what is wrong with its WAL and its backups, in words, whether it costs a moment or not.
    """

    cluster: str
    repository: int
    intervals: tuple[Interval, ...]
    verdict: ClusterVerdict
    errors: tuple[str, ...] = ()

    def seconds(self, *states: State) -> float:
        """How long the intervals of these states are together."""
        return sum(interval.seconds for interval in self.intervals if interval.state in states)

    @property
    def recoverable_seconds(self) -> float:
        """Seconds of which any moment can be restored, as far as is known."""
        return self.seconds(State.PROVEN, State.PROVABLE)

    @property
    def proven_fraction(self) -> float:
        """The part of the whole window that drills have proven."""
        whole = self.seconds(*State)
        return self.seconds(State.PROVEN) / whole if whole else 0.0


@dataclass(frozen=True)
class WindowReport:
    """The windows of the clusters asked for, and the answer of backup.window."""

    repositories: tuple[RepositoryWindow, ...]
    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float]

    def as_json(self) -> dict[str, Any]:
        """As `backup window` shows it."""
        names = dict.fromkeys(found.cluster for found in self.repositories)
        return {
            "ok": self.checks[0].outcome is Outcome.PASS,
            "detail": self.checks[0].detail,
            "clusters": [
                {
                    "name": name,
                    "repositories": [
                        {
                            "repo": found.repository,
                            "outcome": found.verdict.outcome,
                            "detail": found.verdict.sentence,
                            "recoverable_seconds": round(found.recoverable_seconds, 3),
                            "proven_fraction": round(found.proven_fraction, 4),
                            "intervals": [interval.as_json() for interval in found.intervals],
                        }
                        for found in self.repositories
                        if found.cluster == name
                    ],
                }
                for name in names
            ],
        }


@operation("recoverable window")
def recoverable_window(settings: Settings, *, clusters: Sequence[str] | None = None) -> WindowReport:
    """The recoverable window of each cluster in each repository.

    Raises:
        ConfigError: there is no such cluster.
    """
    programs = settings.runner()
    tasks = [partial(_of_cluster, cluster, programs, settings) for cluster in chosen(settings, clusters)]
    found = run_parallel(tasks, give_up=programs.end_running, workers=WORKERS)
    repositories = tuple(window for of_cluster in found for window in of_cluster)
    judged = [window for window in repositories if window.intervals]
    numbers: dict[str, int | float] = {}
    if len(judged) == len(repositories):
        # The weakest repository counts: each of them is promised.
        numbers = {
            "recoverable_seconds": round(min(window.recoverable_seconds for window in judged), 3),
            "proven_fraction": round(min(window.proven_fraction for window in judged), 4),
            "gap_seconds": round(max(window.seconds(State.GAP) for window in judged), 3),
            "unknown_seconds": round(max(window.seconds(State.UNKNOWN) for window in judged), 3),
        }
    verdicts = [window.verdict for window in repositories]
    fine = "; ".join(verdict.sentence for verdict in verdicts)
    check = answer("backup.window", verdicts, numbers, nothing_wrong=fine, clusters=clusters)
    return WindowReport(repositories, (check,), numbers)


def _of_cluster(cluster: ClusterSettings, programs: Programs, settings: Settings) -> list[RepositoryWindow]:
    archiver, _ = ask_archiving(cluster, settings.backups.max_wal_lag_seconds)
    accepted, unknown = accepted_gaps(cluster, settings.records)
    context = ArchiveContext(archiver, accepted, settings.backups.retention.wal_days)

    def look(number: int) -> RepositoryWindow:
        try:
            with open_records(settings.records) as records:
                known = newest_verification(records, cluster.name, number)
                proofs = drilled(records, number).get(cluster.name, ())
            if unknown is not None:
                raise unknown
            wal = verify_repository_wal(PgBackRest(cluster, programs), number, replace(context, verification=known))
            return _judge(cluster.name, wal, known, proofs, settings.backups.max_unverified_seconds)
        except TROUBLE as failed:
            verdict = ClusterVerdict.unknown(f"{cluster.name} repo{number}", failed)
            return RepositoryWindow(cluster.name, number, (), verdict)

    return run_parallel([partial(look, number) for number in cluster.repositories], give_up=programs.end_running)


def _judge(
    cluster: str,
    wal: RepositoryWal,
    verification: Verification | None,
    proofs: Sequence[DrilledCluster],
    max_unverified_seconds: float,
) -> RepositoryWindow:
    """The window of a repository whose archive was walked.

    Raises:
        CouldNotTell: it could not be walked.
    """
    if wal.own is None:
        if wal.problems:
            sentence = f"{cluster} repo{wal.repository}: {'; '.join(wal.problems)}"
            return RepositoryWindow(cluster, wal.repository, (), ClusterVerdict(Outcome.FAIL, sentence))
        raise wal.unknown or CouldNotTell(f"the archive of {cluster} in repo{wal.repository} could not be walked")
    now = datetime.now(UTC)
    found = intervals(_known(wal.own, verification, proofs, now))
    verdict = verdict_on_window(cluster, wal.repository, found, verification, now, max_unverified_seconds)
    return RepositoryWindow(cluster, wal.repository, found, verdict, _errors(wal))


def _errors(wal: RepositoryWal) -> tuple[str, ...]:
    missing = [f"{gap_words(gap)} missing or damaged" for gap in wal.open_gaps]
    damaged = [f"base backup {label} is damaged" for walk in wal.walks for label in walk.damaged_backups]
    unusable = [f"base backup {label} lacks WAL" for walk in wal.walks for label in walk.unusable_backups]
    return (*wal.problems, *missing, *wal.damaged, *damaged, *unusable)


def _known(
    walk: Continuity, verification: Verification | None, proofs: Sequence[DrilledCluster], now: datetime
) -> Known:
    backups = {backup.label: backup for backup in (*walk.bases, *walk.points)}
    believed = None if verification and is_ahead(verification.began_at, now) else verification
    return Known(
        windows=walk.windows,
        bases=[_base(backup, believed) for backup in walk.bases],
        points=[_base(backup, believed) for backup in walk.points],
        missing=[
            Missing(_named(gap_words(gap), gap.first, verification), gap.before, gap.after, gap.acknowledged)
            for gap in walk.gaps
        ],
        verified_to=read_to(walk.times, believed.began_at) if believed and believed.wal_whole else None,
        proofs=[
            Proof(proof.drill, backups[proof.backup].finished_at, reached, proof.at)
            for proof in proofs
            for reached in [min([proof.reached, *(d.left for d in walk.departures if proof.at < d.seen_at)])]
            # A backup that has expired proves nothing of what can be restored now.
            if proof.backup in backups and reached >= backups[proof.backup].finished_at
        ],
        now=now,
    )


def _base(backup: Backup, verification: Verification | None) -> Base:
    sound = verification.sound if verification else frozenset()
    return Base(backup.label, backup.finished_at, sound.issuperset({backup.label, *backup.references}))


def _named(words: str, first: str, verification: Verification | None) -> str:
    damaged = verification is not None and (first in verification.damaged_wal or not verification.wal_whole)
    return f"{words} {'damaged' if damaged else 'missing'}"
