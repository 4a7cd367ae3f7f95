"""What a plan of retention says of each repository, what of it was done, and the answer of check backup.retention."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from printflow_reliability.backups.clusters import ClusterVerdict, answer
from printflow_reliability.backups.retention.gfs import Policy, Retention
from printflow_reliability.checks import CheckResult, Outcome, worst
from printflow_reliability.findings import Finding
from printflow_reliability.text import counted

CHECK = "backup.retention"


@dataclass(frozen=True)
class RepositoryRetention:
    """One repository of one cluster.

    Attributes:
        retention: what is kept and what expires, and why; empty where it could not be planned.
        wal_backups: the newest so many backups keep all WAL after them; None where WAL is not touched.
        verdict: how the plan, or its execution, went.
        findings: settings of pgBackRest that contradict the policy.
        done: labels of the backups that were expired.
        wal_expired: whether older WAL was removed.
        broken_off: the plan was begun, and something kept it from being carried out.
        overdue: labels of the backups that should have expired long ago, whether or not newer ones are verified.
    """

    cluster: str
    repository: int
    verdict: ClusterVerdict
    retention: Retention = field(default_factory=Retention)
    wal_backups: int | None = None
    findings: tuple[Finding, ...] = ()
    done: tuple[str, ...] = ()
    wal_expired: bool = False
    broken_off: bool = False
    overdue: frozenset[str] = frozenset()

    @property
    def outcome(self) -> Outcome:
        """The verdict's, or a warning where pgBackRest's own settings contradict the policy."""
        return worst((self.verdict.outcome, *(Outcome.WARN for _ in self.findings)))

    @property
    def answer(self) -> ClusterVerdict:
        """The verdict of backup.retention: what was found wrong, or what stays for too long."""
        where = f"{self.cluster} repo{self.repository}"
        late = self.overdue - set(self.done)
        expiring = {decision.backup.label for decision in self.retention.decisions if not decision.keep}
        if self.outcome in (Outcome.FAIL, Outcome.WARN):
            said = "; ".join((self.verdict.sentence, *(f"{found.detail}; {found.action}" for found in self.findings)))
            return ClusterVerdict(self.outcome, said)
        if late & expiring:
            sentence = f"{where}: {counted(len(late & expiring), 'backup')} should have expired long ago"
            return ClusterVerdict(Outcome.FAIL, f"{sentence}; printflow backup expire {self.cluster} --apply")
        if late or self.broken_off or not self.retention.decisions:
            return self.verdict
        # What newer backups that are not verified yet hold back goes after the next verification.
        return ClusterVerdict(Outcome.PASS, f"{where}: {len(self.retention.kept)} kept, {len(expiring)} to expire")

    @property
    def expiring(self) -> int:
        """How many backups the plan lets expire."""
        return sum(1 for decision in self.retention.decisions if not decision.keep)


@dataclass(frozen=True)
class ExpireReport:
    """The repositories asked for, and whether their plans were carried out.

    Attributes:
        scope: the part that was asked for; empty for the whole.
    """

    repositories: tuple[RepositoryRetention, ...]
    policy: Policy
    applied: bool
    scope: str = ""

    @property
    def outcome(self) -> Outcome:
        """The worst of all repositories."""
        return worst(repository.outcome for repository in self.repositories)

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        """The answer of backup.retention."""
        answers = [repository.answer for repository in self.repositories]
        found = answer(CHECK, answers, self.numbers, nothing_wrong=self._nothing_wrong, clusters=None)
        return (replace(found, scope=self.scope),)

    @property
    def _nothing_wrong(self) -> str:
        kept, expiring = self.numbers["kept_backups"], self.numbers["expiring_backups"]
        return f"{counted(int(kept), 'backup')} kept; {expiring} to expire, none of them for long"

    @property
    def numbers(self) -> dict[str, int | float]:
        """The figures of all repositories together."""
        return {
            "kept_backups": sum(len(found.retention.kept) for found in self.repositories),
            "expiring_backups": sum(found.expiring - len(found.done) for found in self.repositories),
            "overdue_backups": sum(len(found.overdue - set(found.done)) for found in self.repositories),
            "expired_backups": sum(len(found.done) for found in self.repositories),
        }

    def as_json(self) -> dict[str, Any]:
        """The document of `backup expire --json`."""
        return {
            "ok": self.outcome is Outcome.PASS,
            "applied": self.applied,
            "policy": {**self.policy.__dict__},
            "plan": [
                {
                    "cluster": found.cluster,
                    "repo": found.repository,
                    "label": decision.backup.label,
                    "full": decision.backup.full,
                    "finished_at": decision.backup.finished_at,
                    "soundness": decision.soundness,
                    "action": "keep" if decision.keep else "expire",
                    "reason": decision.reason,
                }
                for found in self.repositories
                for decision in found.retention.decisions
            ],
            "done": [
                {"cluster": found.cluster, "repo": found.repository, "label": label}
                for found in self.repositories
                for label in found.done
            ],
            "repositories": [_repository_json(found) for found in self.repositories],
            "findings": [finding.as_json() for found in self.repositories for finding in found.findings],
        }


def _repository_json(found: RepositoryRetention) -> Mapping[str, Any]:
    wal_from = found.retention.wal_from
    return {
        "cluster": found.cluster,
        "repo": found.repository,
        "outcome": found.outcome,
        "detail": found.verdict.sentence,
        "wal_from": wal_from.label if wal_from else None,
        "wal_expired": found.wal_expired,
        "overdue": sorted(found.overdue - set(found.done)),
    }
