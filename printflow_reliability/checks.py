"""Every check of the product, in one place: its stable name, what it asks, and how bad a failure is.

The command line, Dagster and readiness share this register; the tests prove of each entry that it rings on a planted
fault, stays silent on a healthy system, and says "unknown" when its system is away.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from printflow_reliability.drill_checks import DRILL_CHECKS
from printflow_reliability.findings import Severity
from printflow_reliability.registered_check import Check


class Outcome(StrEnum):
    """The four answers of a check. Unknown is never shown as healthy and never clears an alert."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


REGISTER: Mapping[str, Check] = {
    check.name: check
    for check in (
        Check(
            "backup.recent",
            "Has every cluster a sound, recent base backup in each repository?",
            Severity.CRITICAL,
            "Red: a repository has no sound base backup that is recent enough, so a recovery takes longer or is "
            "impossible. See printflow backup list, then: printflow backup run.",
        ),
        Check(
            "backup.integrity",
            "Does every stored byte of the repositories match its manifest?",
            Severity.CRITICAL,
            "Red: stored bytes are not what pgBackRest wrote, so backups that hold them cannot be restored. See "
            "printflow backup verify; then take a new full backup: printflow backup run --type full.",
        ),
        Check(
            "wal.continuity",
            "Is the archived WAL whole from the oldest backup on?",
            Severity.CRITICAL,
            "Red: WAL segments are missing or damaged, so no moment after them can be restored from an earlier "
            "backup. See printflow wal verify, which names them and what to do.",
        ),
        Check(
            "wal.lag",
            "Is WAL archived as fast as the recovery point objective demands?",
            Severity.CRITICAL,
            "Red: WAL waits in the cluster and would be lost with its disk. See printflow wal verify, which "
            "says why archiving fails.",
        ),
        Check(
            "backup.window",
            "Can every moment of the retention window be restored from each repository?",
            Severity.CRITICAL,
            "Red: moments of the retention window cannot be restored, or nobody has read the bytes that they need. See "
            "printflow backup window, which names them and what to do.",
        ),
        Check(
            "backup.retention",
            "Are there only the base backups that the retention policy keeps, and does pgBackRest keep all of these?",
            Severity.WARNING,
            "Red: backups that no day, week or month needs stay and cost money, pgBackRest's own settings would expire "
            "some that the policy keeps, or nothing may expire. See printflow backup expire.",
        ),
        Check(
            "dump.recent",
            "Has every database a recent logical dump that nobody can delete?",
            Severity.ERROR,
            "Red: a database has no recent dump under Object Lock. Take them: printflow dump run.",
        ),
        Check(
            "dump.content",
            "Does the newest logical dump of each database hold what the database held, and can it be restored?",
            Severity.CRITICAL,
            "Red: a dump does not hold every row, cannot be read, or was not verified in time. On the machine that "
            "has the identity: printflow dump verify.",
        ),
        Check(
            "dump.retention",
            "Are dumps deleted once their lock has ended and newer ones were verified?",
            Severity.WARNING,
            "Red: dumps that nothing keeps stay and cost money, or the bucket refuses to delete them. See printflow "
            "dump expire.",
        ),
        Check(
            "copies.copies",
            "Are there three copies of each cluster that were verified, production's own among them?",
            Severity.ERROR,
            "Red: fewer than three copies count. See printflow copies, which says of each why it does not.",
        ),
        Check(
            "copies.media",
            "Are verified copies on two kinds of media?",
            Severity.ERROR,
            "Red: whatever takes one kind of storage takes every copy. See printflow copies.",
        ),
        Check(
            "copies.offsite",
            "Is a verified copy in another region than the platform?",
            Severity.ERROR,
            "Red: a region that is lost takes every verified copy along. See printflow copies; then: "
            "printflow backup run, or printflow dump run.",
        ),
        Check(
            "copies.immutable",
            "Is there a verified copy that nobody can delete, as its store has shown by refusing?",
            Severity.CRITICAL,
            "Red: whoever takes our credentials can delete every copy. See printflow copies.",
        ),
        Check(
            "copies.errors",
            "Are the copies without an error: verified, with unbroken WAL, restored by the last drill?",
            Severity.ERROR,
            "Red: what should be restored was found damaged, broken off or not restorable. See printflow copies.",
        ),
        *DRILL_CHECKS,
        Check(
            "recovery.objectives",
            "Do recent drills prove that the recovery time and point objectives can be met?",
            Severity.ERROR,
            "Red: no recent drill proves that the targets can be met. See printflow drill objectives, then: "
            "printflow drill run.",
        ),
        Check(
            "recovery.tiers",
            "Are the recovery objectives of files, dumps, configuration and queues measured, and met?",
            Severity.ERROR,
            "Red: an objective of [[objective]] is missed, or nothing measures it. See printflow drill objectives, "
            "which says of each tier what to run.",
        ),
        Check(
            "files.missing",
            "Is every object that the database refers to in its bucket?",
            Severity.CRITICAL,
            "Red: files that the database names are not in their bucket, so orders cannot be printed. See what "
            "can be brought back: printflow files heal.",
        ),
        Check(
            "files.tenancy",
            "Does every reference lie under its own tenant's base path?",
            Severity.CRITICAL,
            "Red: a tenant's row names a file of another tenant. Do not print it; correct the row. See "
            "printflow files reconcile.",
        ),
        Check(
            "files.content",
            "Has every object the size and checksum that the database knows?",
            Severity.ERROR,
            "Red: objects have another size or checksum than the database knows. Compare with earlier versions: "
            "printflow files heal.",
        ),
        Check(
            "files.orphans",
            "Is every object of the bucket referred to by something?",
            Severity.WARNING,
            "Red: the bucket holds objects that nothing names. Nothing is deleted; see printflow files orphans.",
        ),
        Check(
            "pdf.integrity",
            "Does every referenced print file open, whole and printable?",
            Severity.CRITICAL,
            "Red: print files are damaged or cannot be printed. See printflow pdf sweep; files with an earlier "
            "version can be brought back: printflow files heal.",
        ),
        Check(
            "orders.artwork",
            "Has every paid order usable artwork?",
            Severity.CRITICAL,
            "Red: paid orders have no usable artwork and must not go to print. See printflow orders held.",
        ),
        Check(
            "alerts.delivery",
            "Does every alert reach its route?",
            Severity.CRITICAL,
            "Red: an alert has reached nobody. See printflow alerts list; try the routes: printflow alerts test.",
        ),
    )
}


@dataclass(frozen=True)
class CheckResult:
    """One check's answer: the outcome, one plain sentence, and the numbers behind it (constant names and units).

    Attributes:
        about: what each of its warnings is about, by which printflow.toml acknowledges them; empty where one of them
            cannot be.
        scope: the part that was looked at, such as "cluster live_db"; empty for the whole. What holds for a part never
            replaces what is known of the whole.
    """

    check: str
    outcome: Outcome
    detail: str
    numbers: Mapping[str, int | float] = field(default_factory=dict)
    about: tuple[str, ...] = ()
    scope: str = ""

    def as_json(self) -> dict[str, Any]:
        """The answer as the documents of commands have it."""
        part = {"scope": self.scope} if self.scope else {}
        return {"name": self.check, "outcome": self.outcome, "detail": self.detail, **part}

    def __post_init__(self) -> None:
        if self.check not in REGISTER:
            raise ValueError(f"{self.check} is not a registered check")

    @property
    def severity(self) -> Severity:
        """The severity of this answer: the check's own for a failure or an unknown, less for the others."""
        if self.outcome is Outcome.PASS:
            return Severity.INFO
        return Severity.WARNING if self.outcome is Outcome.WARN else REGISTER[self.check].severity


def scope_of(**chosen: Sequence[str] | None) -> str:
    """The scope of an answer for which a person chose what to look at: `scope_of(tenant=["a"], bucket=None)`."""
    return ", ".join(f"{what} {name}" for what, names in chosen.items() for name in names or ())


def within(scope: str, results: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    """The same answers, as given for that scope."""
    return tuple(replace(result, scope=scope) for result in results)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of many: a failure before an unknown, an unknown before a warning; nothing at all is unknown."""
    seen = set(outcomes)
    for outcome in (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN, Outcome.PASS):
        if outcome in seen:
            return outcome
    return Outcome.UNKNOWN


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """0 healthy, 1 something needs a person, 2 could not tell; a failure that is certain outranks an unknown."""
    return {Outcome.PASS: 0, Outcome.WARN: 1, Outcome.FAIL: 1, Outcome.UNKNOWN: 2}[worst(outcomes)]
