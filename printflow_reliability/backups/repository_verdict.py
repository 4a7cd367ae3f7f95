"""The verdict on one repository: what was read of it, compared with what `info` says there should be.

`pgbackrest verify` says "ok" of a backup without a manifest, of one that nobody knows, and of an archive that is gone.
"""

from dataclasses import dataclass

from printflow_reliability.backups.clusters import ClusterVerdict
from printflow_reliability.backups.info import StanzaInfo
from printflow_reliability.backups.ledger.outcome import Reading
from printflow_reliability.backups.verification import Verification, stayed
from printflow_reliability.backups.verify_report import BadFile, VerifyReport
from printflow_reliability.checks import Outcome
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.text import agreed, counted

SHOWN_FILES = 20
"""Damaged files named one by one; a lost bundle damages hundreds, and the rest becomes one line."""
NO_BACKUP = ("in-progress", "manifest missing")
"""What pgBackRest calls one that is being taken or was broken off, and what is left of one that has expired: manifests
go first, and where folders outlive their files, an empty one stays. Neither is a backup that somebody has lost."""


@dataclass(frozen=True)
class VerifiedRepository:
    """One repository of one cluster: its verdict, the files checked, and what is wrong.

    `verification` is what retention and the recoverable window know by it; None if nothing was read. `reading` is what
    was read and how long ago the rest was; None if that is not known.
    """

    cluster: str
    repository: int
    verdict: ClusterVerdict
    files_checked: int = 0
    findings: tuple[Finding, ...] = ()
    verification: Verification | None = None
    reading: Reading | None = None


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
            if backup.status not in NO_BACKUP and not (before.backup_running or after.backup_running):
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
