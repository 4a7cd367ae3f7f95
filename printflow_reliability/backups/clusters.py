"""What the judges of backups share: which clusters are asked, how many at a time, and one check's answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from printflow_reliability.checks import CheckResult, Outcome, scope_of, worst
from printflow_reliability.errors import ConfigError, CouldNotTell, LockHeld, PrintflowError
from printflow_reliability.settings import ClusterSettings, Settings

TROUBLE = (CouldNotTell, ConfigError, LockHeld)
"""What keeps one stanza, or one repository of it, from being judged, and must not take the others' answers away."""
WORKERS = 4
"""Clusters asked at the same time; the work itself is pgBackRest's and the servers'."""
_WORST_FIRST = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN, Outcome.PASS)


@dataclass(frozen=True)
class ClusterVerdict:
    """The answer on one cluster, or one repository of it: the outcome and a plain sentence."""

    outcome: Outcome
    sentence: str

    @classmethod
    def unknown(cls, subject: str, reason: PrintflowError) -> "ClusterVerdict":
        """The verdict on what could not be asked; a reason that names the subject itself is all that is said."""
        named = all(name in reason.what for name in subject.split())
        return cls(Outcome.UNKNOWN, reason.sentence if named else f"{subject}: {reason.sentence}")


def chosen(settings: Settings, names: Sequence[str] | None) -> tuple[ClusterSettings, ...]:
    """The clusters of these names; all of them for None.

    Raises:
        ConfigError: there is no cluster of that name.
    """
    return settings.cluster if names is None else tuple(settings.cluster_named(name) for name in names)


def repositories_of(cluster: ClusterSettings, repository: int | None) -> tuple[int, ...]:
    """The numbers of a cluster's repositories; the one alone that was asked for.

    Raises:
        ConfigError: the cluster has no such repository.
    """
    if repository is None:
        return cluster.repositories
    if repository not in cluster.repositories:
        known = ", ".join(map(str, cluster.repositories))
        raise ConfigError(f"--repo: cluster {cluster.name} has no repository {repository}", f"it has {known}")
    return (repository,)


def answer(
    check: str,
    verdicts: Iterable[ClusterVerdict],
    numbers: Mapping[str, int | float],
    *,
    nothing_wrong: str,
    clusters: Sequence[str] | None,
) -> CheckResult:
    """A check's answer: the worst outcome, and the sentences of all that is not well, worst first, each once.

    Args:
        check: its registered name.
        verdicts: of everything that was asked.
        numbers: those behind the answer.
        nothing_wrong: the sentence where all is well.
        clusters: those that were chosen; None for all.
    """
    verdicts = list(verdicts)
    outcome = worst(verdict.outcome for verdict in verdicts)
    wrong = [verdict for verdict in verdicts if verdict.outcome is not Outcome.PASS]
    wrong.sort(key=lambda verdict: _WORST_FIRST.index(verdict.outcome))
    detail = "; ".join(dict.fromkeys(verdict.sentence for verdict in wrong)) if wrong else nothing_wrong
    return CheckResult(check, outcome, detail, dict(numbers), scope=scope_of(cluster=clusters))
