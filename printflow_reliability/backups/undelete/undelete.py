"""`backup undelete`: somebody deleted or overwrote a repository, and its versioned bucket still has everything.

Files come back first and the bookkeeping that names them last, so that nothing is promised before it is there; then
the repository is listed again and verified. Run again, it goes on where it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from printflow_reliability.backups.clusters import chosen
from printflow_reliability.backups.integrity import verify_repositories
from printflow_reliability.backups.undelete.history import BOOKKEEPING, Step, Way
from printflow_reliability.backups.undelete.plan import WORKERS, RepositoryPlan, plan_repository, repository_of
from printflow_reliability.backups.undelete.repository import VersionedRepository
from printflow_reliability.backups.undelete.stopped import require_stopped
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.parallel import run_parallel
from printflow_reliability.progress import Advance, Count
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.storage.version_listing import Entry

SHOWN_KEYS = 20


@dataclass(frozen=True)
class Undeleted:
    """What was done to one repository.

    Attributes:
        plan: what was to be done.
        done: files that are back.
        failed: those that are not, each with the store's answer.
        meanwhile: keys that somebody else wrote while files came back.
        verdict: what `backup verify` says of it now, and its sentence.
    """

    plan: RepositoryPlan
    done: int = 0
    failed: tuple[tuple[str, str], ...] = ()
    meanwhile: tuple[str, ...] = ()
    verdict: tuple[Outcome, str] | None = None

    @property
    def outcome(self) -> Outcome:
        """Whether the repository is whole again."""
        if self.plan.cannot:
            return Outcome.UNKNOWN
        if self.failed or self.meanwhile:
            return Outcome.FAIL
        return self.verdict[0] if self.verdict else Outcome.UNKNOWN


@dataclass(frozen=True)
class UndeleteReport:
    """The repositories asked for: planned, and with `--apply` done.

    Attributes:
        before: the moment.
        plans: one of each repository.
        undeleted: one of each that was worked on; None for a plan.
    """

    before: datetime
    plans: tuple[RepositoryPlan, ...]
    undeleted: tuple[Undeleted, ...] | None = None

    @property
    def exit_code(self) -> int:
        """0: nothing to do, or done and verified; 1: to be done, or not whole; 2: one could not be judged."""
        if self.undeleted is None and any(plan.steps or plan.problems for plan in self.plans):
            return 1
        if all(plan.cannot for plan in self.plans) or any(isinstance(plan.cannot, CouldNotTell) for plan in self.plans):
            return 2
        if self.undeleted is None:
            return 0
        outcomes = {each.outcome for each in self.undeleted if not each.plan.cannot}
        if Outcome.FAIL in outcomes:
            return 1
        return 2 if Outcome.UNKNOWN in outcomes else 0

    def as_json(self) -> dict[str, Any]:
        """As `backup undelete` shows it."""
        return {
            "before": self.before,
            "plan": [_plan_as_json(plan) for plan in self.plans],
            "done": [_done_as_json(each) for each in self.undeleted or ()],
        }


def undelete(
    settings: Settings,
    before: datetime,
    *,
    clusters: Sequence[str] | None = None,
    repository: int | None = None,
    apply: bool = False,
    advance: Advance | None = None,
) -> UndeleteReport:
    """Bring back what the repositories listed before a moment.

    Args:
        settings: of the installation.
        before: the moment; what was made before it is what comes back.
        clusters: whose repositories; all of them if None.
        repository: the number of one; all that keep versions if None.
        apply: do it.
        advance: told how many files are back.

    Raises:
        ConfigError: there is no such cluster or repository, it keeps no versions, or there are no credentials for it.
        CouldNotTell: the repository that was asked for cannot be listed.
        Refused: pgBackRest could write meanwhile.
    """
    chosen_clusters = chosen(settings, clusters)
    if apply:
        for cluster in chosen_clusters:
            require_stopped(cluster)
    planned: list[tuple[ClusterSettings, VersionedRepository | None, RepositoryPlan]] = []
    for cluster in chosen_clusters:
        for number in _numbers(cluster, repository):
            try:
                where = repository_of(settings, cluster, number, to_change=apply)
                planned.append((cluster, where, plan_repository(settings, cluster, where, before)))
            except (ConfigError, CouldNotTell) as cannot:
                if repository is not None:
                    raise
                planned.append((cluster, None, RepositoryPlan(cluster.name, number, cannot=cannot)))
    plans = tuple(plan for _, _, plan in planned)
    if not apply:
        return UndeleteReport(before, plans)
    count = Count(advance, sum(len(plan.steps) for plan in plans))
    undeleted = [
        _carry_out(settings, cluster, where, plan, before, count) if where else Undeleted(plan)
        for cluster, where, plan in planned
    ]
    return UndeleteReport(before, plans, tuple(undeleted))


def _numbers(cluster: ClusterSettings, repository: int | None) -> tuple[int, ...]:
    if repository is None:
        return cluster.repositories
    if repository not in cluster.repositories:
        raise ConfigError(
            f"{cluster.name} has no repository {repository}",
            f"choose from {', '.join(map(str, cluster.repositories))}",
        )
    return (repository,)


def _carry_out(
    settings: Settings,
    cluster: ClusterSettings,
    where: VersionedRepository,
    plan: RepositoryPlan,
    before: datetime,
    count: Count,
) -> Undeleted:
    began = where.require_versions()
    names = [step for step in plan.steps if not BOOKKEEPING.fullmatch(step.key.removeprefix(where.prefix))]
    last = [step for step in plan.steps if step not in names]
    written: dict[str, str | None] = {}
    failed: list[tuple[str, str]] = []

    def carry_out(step: Step) -> None:
        try:
            written[step.key] = where.carry_out(step)
        except CouldNotTell as refused:
            failed.append((step.key, refused.what))
        count.one_more()

    run_parallel([partial(carry_out, step) for step in names], workers=WORKERS)
    if not failed:
        for step in last:
            carry_out(step)
    done = len(written)
    if failed:
        return Undeleted(plan, done, tuple(failed))
    ours = set(written.items())
    meanwhile: set[str] = set()

    def see(entry: Entry) -> None:
        if entry.at > began and (entry.key, entry.version_id) not in ours:
            meanwhile.add(entry.key)

    still = plan_repository(settings, cluster, where, before, see)
    failed += [(step.key, "is not back, though the store answered that it was") for step in still.steps]
    verified = verify_repositories(settings, clusters=[cluster.name], repository=plan.number, everything=True)
    check = verified.checks[0]
    return Undeleted(plan, done, tuple(failed), tuple(sorted(meanwhile)), (check.outcome, check.detail))


def _plan_as_json(plan: RepositoryPlan) -> dict[str, Any]:
    ways = [step.way for step in plan.steps]
    return {
        "cluster": plan.cluster,
        "repo": plan.number,
        "bucket": plan.bucket,
        "cannot": plan.cannot.sentence if plan.cannot else None,
        "files": len(plan.steps),
        "bytes": plan.bytes,
        "markers_to_remove": ways.count(Way.REMOVE_MARKERS),
        "versions_to_copy": ways.count(Way.COPY_VERSION),
        "keys": [step.key for step in plan.steps[:SHOWN_KEYS]],
        "there": plan.since.there,
        "newer": plan.since.newer,
        "made_and_deleted": plan.since.made_and_deleted,
        "problems": plan.problems,
    }


def _done_as_json(each: Undeleted) -> dict[str, Any]:
    return {
        "cluster": each.plan.cluster,
        "repo": each.plan.number,
        "outcome": each.outcome,
        "files": each.done,
        "failed": [{"key": key, "reason": reason} for key, reason in each.failed],
        "meanwhile": each.meanwhile,
        "verified": each.verdict[1] if each.verdict else None,
    }
