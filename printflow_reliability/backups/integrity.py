"""Does every stored byte of the repositories match its manifest? `pgbackrest verify`, believed where it is precise.

Its report is compared with what `info` says there should be, since verify says "ok" of a backup without a manifest, of
one that nobody knows, and of an archive that is gone.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.backups.clusters import TROUBLE, WORKERS, ClusterVerdict, answer, chosen
from printflow_reliability.backups.info import (
    STATUS_MISSING_DATA,
    STATUS_MISSING_STANZA,
    STATUS_NO_BACKUPS,
    STATUS_OK,
    StanzaInfo,
)
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.pgbackrest_errors import RepositoryDamaged
from printflow_reliability.backups.verification import Verification, keep_verification, stayed, verification_of
from printflow_reliability.backups.verify_report import BadFile, VerifyReport, parse_verify
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import PrintflowError
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.parallel import run_parallel
from printflow_reliability.progress import Advance, Count
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.text import agreed, counted

log = logging.getLogger(__name__)

SHOWN_FILES = 20
"""Damaged files named one by one; a lost bundle damages hundreds, and the rest becomes one line."""


@dataclass(frozen=True)
class VerifiedRepository:
    """One repository of one cluster: its verdict, the files checked, and what is wrong.

    `verification` is what retention and the recoverable window know by it; None if nothing was read.
    """

    cluster: str
    repository: int
    verdict: ClusterVerdict
    files_checked: int = 0
    findings: tuple[Finding, ...] = ()
    verification: Verification | None = None


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
            "ok": self.checks[0].outcome is Outcome.PASS,
            "detail": self.checks[0].detail,
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
                        }
                        for repository in self.of(name)
                    ],
                }
                for name in self.clusters
            ],
        }


@operation("backup verification")
def verify_repositories(
    settings: Settings,
    *,
    clusters: Sequence[str] | None = None,
    repository: int | None = None,
    advance: Advance | None = None,
) -> IntegrityReport:
    """Check every stored byte of each cluster's repositories against its manifest.

    Args:
        settings: of the installation.
        clusters: whose repositories; all of them if None.
        repository: the number of one; all if None.
        advance: told how many repositories are done.

    Raises:
        ConfigError: there is no such cluster.
    """
    programs = settings.runner()
    timeout = settings.backups.timeout_seconds

    selected = chosen(settings, clusters)
    numbers_of = {cluster.name: (repository,) if repository else cluster.repositories for cluster in selected}
    count = Count(advance, sum(map(len, numbers_of.values())))

    def verify(cluster: ClusterSettings) -> list[VerifiedRepository]:
        verified = []
        for number in numbers_of[cluster.name]:
            verified.append(_verify(PgBackRest(cluster, programs), number, timeout))
            count.one_more()
        return verified

    tasks = [partial(verify, cluster) for cluster in selected]
    verified = run_parallel(tasks, give_up=programs.end_running, workers=WORKERS)
    repositories = tuple(repository for found in verified for repository in found)
    _keep(settings, repositories)
    numbers = {
        "files_checked": sum(repository.files_checked for repository in repositories),
        "damaged_files": sum(len(repository.findings) for repository in repositories),
    }
    places = counted(len(repositories), "repository", "repositories")
    fine = f"{counted(numbers['files_checked'], 'file')} in {places} checked: every one is as its manifest says"
    verdicts = (repository.verdict for repository in repositories)
    check = answer("backup.integrity", verdicts, numbers, nothing_wrong=fine, clusters=clusters)
    return IntegrityReport(repositories, (check,), numbers)


def _keep(settings: Settings, repositories: Sequence[VerifiedRepository]) -> None:
    """Remember what was read; records that are away cost later answers something, and not this one."""
    try:
        with open_records(settings.records) as records:
            for repository in repositories:
                if repository.verification:
                    keep_verification(records, repository.cluster, repository.repository, repository.verification)
    except PrintflowError as away:
        log.warning("what was verified is not remembered: %s", away.what)


def _verify(pgbackrest: PgBackRest, repository: int, timeout: float) -> VerifiedRepository:
    cluster = pgbackrest.cluster.name
    where = f"{cluster} repo{repository}"
    began_at = datetime.now(UTC)
    try:
        # Asked before and after: verify takes long, and backups come and go meanwhile.
        before = _reachable(pgbackrest, repository)
        if before.status_of(repository).code in (STATUS_MISSING_STANZA, STATUS_MISSING_DATA):
            sentence = f"{where} has no stanza {before.name} ({before.status_of(repository).message})"
            return VerifiedRepository(cluster, repository, ClusterVerdict(Outcome.FAIL, sentence))
        ran = pgbackrest.verify(repository, timeout=timeout)
    except TROUBLE as failed:
        return VerifiedRepository(cluster, repository, ClusterVerdict.unknown(where, failed))
    report, after = parse_verify(ran.stdout, ran.stderr, pgbackrest.cluster.stanza), before
    try:
        beside = _bookkeeping(pgbackrest, repository) and _bookkeeping(pgbackrest, repository)
        after = _reachable(pgbackrest, repository)
        report = replace(report, bad_files=(*report.bad_files, *beside))
    except TROUBLE as failed:
        report = replace(report, unreadable=(*report.unreadable, failed.what))
    verification = verification_of(report, stayed(before, after, repository), began_at)
    return replace(verdict_on_report(cluster, repository, report, before, after), verification=verification)


def _bookkeeping(pgbackrest: PgBackRest, repository: int) -> tuple[BadFile, ...]:
    """What is wrong with backup.info and archive.info, of which verify needs but one of two copies.

    A backup that ends between two reads makes them differ for a moment: look twice.
    """
    bad = []
    for path in (
        f"backup/{pgbackrest.cluster.stanza}/backup.info",
        f"archive/{pgbackrest.cluster.stanza}/archive.info",
    ):
        name = path.rpartition("/")[2]
        copies = []
        for copy in (name, f"{name}.copy"):
            try:
                copies.append(pgbackrest.repo_get(path.replace(name, copy), repository))
            except RepositoryDamaged:
                bad.append(BadFile(copy, "is missing or cannot be decrypted"))
        if len(copies) == 2 and copies[0] != copies[1]:
            bad.append(BadFile(name, "is not what its copy is: one of them is damaged"))
    return tuple(bad)


def _reachable(pgbackrest: PgBackRest, repository: int) -> StanzaInfo:
    """What info says of a repository that can be read.

    Raises:
        CouldNotTell: it cannot; verify would call its files unusable and end with 0.
    """
    info = pgbackrest.info(repository)
    status = info.status_of(repository)
    if status.code not in (STATUS_OK, STATUS_NO_BACKUPS, STATUS_MISSING_STANZA, STATUS_MISSING_DATA):
        raise pgbackrest.unreadable(status)
    return info


def verdict_on_report(
    cluster: str, repository: int, report: VerifyReport, before: StanzaInfo, after: StanzaInfo
) -> VerifiedRepository:
    """The verdict on one repository: the report, compared with the backups and archives that should be there."""
    where = f"{cluster} repo{repository}"
    checked = sum(archive.checked for archive in report.archives) + sum(backup.checked for backup in report.backups)
    doubts = list(report.unreadable)
    if report.not_understood is not None:
        doubts.append(f"verify says something not understood: {report.not_understood.strip()}")
    bad = list(report.bad_files)
    if not doubts:
        # What could not be fetched is missing from the counts too; a file that verify read and found bad is certain.
        bad += _problems(repository, report, before, after)
        if report.status != "ok" and not bad:
            bad.append(BadFile("verify", f"reports status {report.status}"))
    findings = [_finding(cluster, repository, file) for file in bad]
    if findings:
        named = ", ".join(f"{finding.key} {finding.detail}" for finding in findings[:3])
        more = f" and {len(findings) - 3} more" if len(findings) > 3 else ""
        besides = f"; besides, not known: {doubts[0]}" if doubts else ""
        sentence = (
            f"{where} is damaged: {named}{more}; take a full backup now: printflow backup run {cluster} --type full"
            f"{besides}"
        )
        verdict = ClusterVerdict(Outcome.FAIL, sentence)
    elif doubts:
        more = f" and {len(doubts) - 1} more" if len(doubts) > 1 else ""
        verdict = ClusterVerdict(Outcome.UNKNOWN, f"{where}: {doubts[0]}{more}")
    elif not checked:
        verdict = ClusterVerdict(Outcome.UNKNOWN, f"{where}: verify checked nothing at all")
    else:
        verdict = ClusterVerdict(Outcome.PASS, f"{where}: {counted(checked, 'file')} checked against their manifests")
    return VerifiedRepository(cluster, repository, verdict, checked, _shortened(findings, cluster, repository))


def _problems(repository: int, report: VerifyReport, before: StanzaInfo, after: StanzaInfo) -> list[BadFile]:
    """What is wrong as a whole: backups and archives that are invalid, unknown, or were not looked at."""
    problems = [
        BadFile(what.removeprefix("No usable ").removesuffix(" file"), "is not usable") for what in report.unusable
    ]
    lasting = stayed(before, after, repository)
    known = {backup.label for backup in (*before.in_repository(repository), *after.in_repository(repository))}
    verified = {backup.label: backup for backup in report.backups}
    for label, backup in verified.items():
        if label not in known:
            # A backup that is being taken, or was broken off, is none yet; the next one removes what is left of it.
            if backup.status != "in-progress" and not (before.backup_running or after.backup_running):
                problems.append(BadFile(f"backup {label}", "is stored, but not known to info"))
        elif label in lasting and (backup.status != "valid" or backup.checked != backup.valid or not backup.checked):
            problems.append(
                BadFile(
                    f"backup {label}",
                    f"is {backup.status}: {backup.valid:,} of {counted(backup.checked, 'file')} valid",
                )
            )
    problems += [BadFile(f"backup {label}", "was not verified") for label in sorted(lasting - verified.keys())]
    archives = {archive.archive_id for archive in report.archives}
    for archive in report.archives:
        if archive.checked != archive.valid:
            detail = f"has {archive.checked - archive.valid} invalid WAL segments of {archive.checked}"
            problems.append(BadFile(f"archive {archive.archive_id}", detail))
    needed = {
        backup.archive_id for backup in before.in_repository(repository) if backup.label in lasting and backup.wal_start
    }
    problems += [BadFile(f"archive {name}", "is gone") for name in sorted(needed - archives - {""})]
    return problems


def _finding(cluster: str, repository: int, bad: BadFile) -> Finding:
    return Finding(
        kind="repository_damaged",
        severity=Severity.CRITICAL,
        detail=bad.problem,
        action=f"printflow backup run {cluster} --type full, then keep a copy of the damaged file and look at its disk",
        bucket=f"repo{repository}",
        key=bad.name,
        owner=f"cluster {cluster}",
    )


def _shortened(findings: list[Finding], cluster: str, repository: int) -> tuple[Finding, ...]:
    """The whole ones (backups, archives) and the first files; how many more as one finding."""
    whole = [finding for finding in findings if " " in (finding.key or "")]
    files = [finding for finding in findings if finding not in whole]
    shown = [*whole, *files[:SHOWN_FILES]]
    if len(files) > SHOWN_FILES:
        more = len(files) - SHOWN_FILES
        words = f"{more:,} more {agreed(more, 'file', 'files')}", f"{agreed(more, 'is', 'are')} damaged too"
        shown.append(_finding(cluster, repository, BadFile(*words)))
    return tuple(shown)
