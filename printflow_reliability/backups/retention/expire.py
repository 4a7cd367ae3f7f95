"""Expiring base backups and WAL by the policy of printflow.toml: a plan to read first, then one backup after the other.

`info` is read again before each step, and the plan made anew from it: whoever runs this twice, or at the same time as
a backup, loses nothing that the policy keeps. A plan that was broken off is finished by the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.backups.clusters import TROUBLE, WORKERS, ClusterVerdict, chosen, repositories_of
from printflow_reliability.backups.info import Backup, StanzaInfo
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.repository_wal import ArchiveContext
from printflow_reliability.backups.retention.evidence import Evidence, gather, require_readable
from printflow_reliability.backups.retention.gfs import (
    Policy,
    Retention,
    Soundness,
    StoredBackup,
    decide,
    in_order,
    overdue,
)
from printflow_reliability.backups.retention.own_rules import conflicts
from printflow_reliability.backups.retention.pgbackrest_expire import expire
from printflow_reliability.backups.retention.report import ExpireReport, RepositoryRetention
from printflow_reliability.backups.verification import newest_verification
from printflow_reliability.backups.wal import accepted_gaps, ask_archiving
from printflow_reliability.checks import Outcome, scope_of
from printflow_reliability.errors import LockHeld, Refused
from printflow_reliability.parallel import run_parallel
from printflow_reliability.progress import Advance, Count
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import ClusterSettings, RetentionSettings, Settings
from printflow_reliability.text import counted


def policy_of(settings: RetentionSettings) -> Policy:
    """The policy that printflow.toml describes."""
    return Policy(settings.daily, settings.weekly, settings.monthly, settings.wal_days)


@operation("backup expiry")
def expire_backups(
    settings: Settings,
    *,
    clusters: Sequence[str] | None = None,
    repository: int | None = None,
    apply: bool = False,
    advance: Advance | None = None,
) -> ExpireReport:
    """Plan which backups and which WAL expire and, with `apply`, expire them.

    Args:
        settings: the configuration.
        clusters: the names of some; all if None.
        repository: the number of one repository; all if None.
        apply: carry the plan out.
        advance: told how many of the repositories are done.

    Raises:
        ConfigError: there is no such cluster, or it has no such repository.
    """
    programs, policy = settings.runner(), policy_of(settings.backups.retention)
    selected = [(cluster, repositories_of(cluster, repository)) for cluster in chosen(settings, clusters)]
    count = Count(advance, sum(len(numbers) for _, numbers in selected))

    def work(cluster: ClusterSettings, numbers: Sequence[int]) -> list[RepositoryRetention]:
        found = []
        for number in numbers:
            found.append(_expire(_Repository(settings, PgBackRest(cluster, programs), number, policy), apply=apply))
            count.one_more()
        return found

    tasks = [partial(work, cluster, numbers) for cluster, numbers in selected]
    found = run_parallel(tasks, give_up=programs.end_running, workers=WORKERS)
    scope = scope_of(cluster=clusters, repository=None if repository is None else (f"repo{repository}",))
    return ExpireReport(tuple(plan for of_cluster in found for plan in of_cluster), policy, apply, scope)


@dataclass(frozen=True)
class _Repository:
    """One repository, and what is to become of it."""

    settings: Settings
    pgbackrest: PgBackRest
    number: int
    policy: Policy

    @property
    def cluster(self) -> ClusterSettings:
        return self.pgbackrest.cluster

    @property
    def where(self) -> str:
        return f"{self.cluster.name} repo{self.number}"

    def evidence(self, now: datetime) -> Evidence:
        """What is known of its backups.

        Raises:
            CouldNotTell: production, the repository or the records are away.
        """
        limits = self.settings.backups
        archiver, _ = ask_archiving(self.cluster, limits.max_wal_lag_seconds)
        with open_records(self.settings.records) as records:
            known = newest_verification(records, self.cluster.name, self.number)
        accepted, _ = accepted_gaps(self.cluster, self.settings.records)
        context = ArchiveContext(archiver, accepted, limits.retention.wal_days, known)
        return gather(
            self.pgbackrest, self.number, context, now=now, max_unverified_seconds=limits.max_unverified_seconds
        )

    def plan(self, info: StanzaInfo, evidence: Evidence) -> RepositoryRetention:
        """What expires of what `info` lists.

        Raises:
            Refused: the backups are another cluster's, or listed twice.
        """
        stored = evidence.stored(info, self.number)
        now = datetime.now(UTC)
        try:
            retention = decide(stored, self.policy, now)
            verified = [_as_if_verified(backup) for backup in stored]
            if_verified = decide(verified, self.policy, now)
            late = overdue(verified, self.policy, now, self.settings.backups.retention.overdue_days)
        except ValueError as impossible:
            raise Refused(f"the listing of its backups contradicts itself: {impossible}") from None
        verdict = self._verdict(retention, if_verified, evidence)
        newest = _from(retention.wal_from.label, info.in_repository(self.number)) if retention.wal_from else None
        whole = evidence.verification is not None and evidence.verification.wal_whole
        return RepositoryRetention(
            self.cluster.name, self.number, verdict, retention, newest if whole else None, overdue=late
        )

    def _verdict(self, retention: Retention, if_verified: Retention, evidence: Evidence) -> ClusterVerdict:
        damaged = [d.backup.label for d in retention.decisions if d.soundness is Soundness.DAMAGED]
        expiring = len(retention.decisions) - len(retention.kept)
        kept = f"{counted(len(retention.kept), 'backup')} kept, {expiring} to expire"
        full = f"printflow backup run {self.cluster.name} --type full"
        verify = f"printflow backup verify {self.cluster.name}"
        if damaged:
            sentence = f"{self.where}: {kept}; {damaged[-1]} is damaged, or what it builds upon; {full}, then: {verify}"
            return ClusterVerdict(Outcome.FAIL, sentence)
        if len(if_verified.kept) < len(retention.kept):
            unread = len(retention.kept) - len(if_verified.kept)
            held = f"{counted(unread, 'backup')} would expire if the newer ones were verified"
            since = "" if evidence.verification else " (no verification is recent enough)"
            return ClusterVerdict(Outcome.UNKNOWN, f"{self.where}: {kept}; {held}{since}: {verify}")
        return ClusterVerdict(Outcome.PASS, f"{self.where}: {kept}")


def _from(label: str, backups: Sequence[Backup]) -> int:
    """How many backups there are from one on. pgBackRest counts them by label, which tells when each began."""
    by_end = [backup.label for backup in backups]
    # A clock that was set meanwhile makes the two orders differ: then more WAL is kept.
    return max(len(order) - order.index(label) for order in (by_end, sorted(by_end)))


def _as_if_verified(backup: StoredBackup) -> StoredBackup:
    return replace(backup, soundness=Soundness.SOUND) if backup.soundness is Soundness.UNVERIFIED else backup


def _expire(repository: _Repository, *, apply: bool) -> RepositoryRetention:
    """Plan one repository and carry the plan out; what fails is its verdict, so that others go on."""
    name, number = repository.cluster.name, repository.number
    planned = RepositoryRetention(name, number, ClusterVerdict(Outcome.UNKNOWN, f"{repository.where}: not planned"))
    try:
        findings = conflicts(repository.cluster, number, repository.policy)
        planned = replace(planned, findings=findings)
        info = repository.pgbackrest.info(number)
        if not require_readable(repository.pgbackrest, info, number):
            return replace(planned, verdict=ClusterVerdict(Outcome.PASS, f"{repository.where}: there is no backup"))
        evidence = repository.evidence(datetime.now(UTC))
        planned = replace(repository.plan(info, evidence), findings=findings)
    except Refused as refused:
        return replace(planned, verdict=ClusterVerdict(Outcome.FAIL, f"{repository.where}: {refused.sentence}"))
    except TROUBLE as failed:
        return replace(planned, verdict=ClusterVerdict.unknown(repository.where, failed))
    return _carry_out(repository, planned, evidence) if apply else planned


def _carry_out(repository: _Repository, planned: RepositoryRetention, evidence: Evidence) -> RepositoryRetention:
    done: list[str] = []
    wal_expired = broken_off = False
    try:
        for backup in in_order(planned.retention.decisions):
            if _expire_backup(repository, backup.label, evidence):
                done.append(backup.label)
        wal_expired = _expire_wal(repository, evidence)
        verdict = planned.verdict
        if done:
            sentence = f"{repository.where}: {counted(len(done), 'backup')} expired, {len(planned.retention.kept)} kept"
            verdict = verdict if verdict.outcome is not Outcome.PASS else ClusterVerdict(Outcome.PASS, sentence)
    except Refused as refused:
        verdict = ClusterVerdict(Outcome.FAIL, f"{repository.where}: {refused.sentence}")
    except TROUBLE as failed:
        verdict, broken_off = ClusterVerdict.unknown(repository.where, failed), True
    return replace(planned, verdict=verdict, done=tuple(done), wal_expired=wal_expired, broken_off=broken_off)


def _expire_backup(repository: _Repository, label: str, evidence: Evidence) -> bool:
    """Expire one backup, if the newest listing still says so; whether it was.

    Raises:
        LockHeld: a backup is running.
        Refused: more went than this one.
    """
    number = repository.number
    before = _read(repository)
    decisions = repository.plan(before, evidence).retention.decisions
    if label not in {decision.backup.label for decision in decisions if not decision.keep}:
        return False
    expire(repository.pgbackrest.program, number, label)
    left = {backup.label for backup in _read(repository, running_matters=False).in_repository(number)}
    lost = {backup.label for backup in before.in_repository(number)} - left - {label}
    if label in left:
        raise Refused(f"pgbackrest expire ended well, and {label} is still there", "pgbackrest info")
    if lost:
        raise Refused(f"with {label} went {', '.join(sorted(lost))}, which was not asked for; nothing more is expired")
    return True


def _expire_wal(repository: _Repository, evidence: Evidence) -> bool:
    """Expire WAL that only backups before the days need not; whether pgBackRest was asked to."""
    info = _read(repository)
    if not info.in_repository(repository.number):
        return False
    keep = repository.plan(info, evidence).wal_backups
    if keep is None:
        return False
    expire(repository.pgbackrest.program, repository.number, wal_backups=keep)
    return True


def _read(repository: _Repository, *, running_matters: bool = True) -> StanzaInfo:
    info = repository.pgbackrest.info(repository.number)
    require_readable(repository.pgbackrest, info, repository.number)
    if info.backup_running and running_matters:
        name = repository.cluster.name
        raise LockHeld(f"a backup of {name} is running", f"when it has ended: printflow backup expire {name} --apply")
    return info
