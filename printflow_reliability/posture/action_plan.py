"""The reliability plan as a scoreboard: each item by what is measured, never by what somebody says.

An item is done when everything that was measured of it is good and nothing is missing; not when all of it is wrong;
partly in between. Where something could not be measured and nothing is wrong, so could the item.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from printflow_reliability.checks import Outcome
from printflow_reliability.posture.items import WORDS, Item
from printflow_reliability.records.check_results import Answer

FRESH = timedelta(days=8)
"""How old an answer may be that says what is so: the rarest checks run every week."""


class Status(StrEnum):
    """What is measured of an item of the plan."""

    DONE = "done"
    PARTLY = "partly"
    NOT = "not"
    UNMEASURED = "cannot be measured"


@dataclass(frozen=True, kw_only=True)
class PlanItem:
    """An item of the plan.

    Attributes:
        priority: its number, such as "P0-1".
        text: what it must be.
        checks: the registered checks whose newest answers are evidence.
        posture: whether items of the platform's source are evidence.
        command: what shows more, and what to do.
        unmeasured: what of it nothing measures; empty if all is measured.
    """

    priority: str
    text: str
    checks: tuple[str, ...] = ()
    posture: bool = False
    command: str
    unmeasured: str = ""


@dataclass(frozen=True, kw_only=True)
class PlanRow:
    """An item of the plan as it was measured."""

    priority: str
    item: str
    status: Status
    evidence: Sequence[str]
    next_step: str

    def as_json(self) -> dict[str, object]:
        """The row for programs."""
        return {
            "priority": self.priority,
            "item": self.item,
            "status": self.status,
            "evidence": list(self.evidence),
            "next": self.next_step,
        }


PLAN = (
    PlanItem(
        priority="P0-1",
        text="PostgreSQL can be recovered to any moment: base backups, WAL, encrypted and offsite",
        checks=("backup.recent", "backup.integrity", "wal.continuity", "wal.lag", "backup.window", "copies.offsite"),
        command="printflow backup window",
    ),
    PlanItem(
        priority="P0-2",
        text="nightly encrypted dumps and configuration in another region under Object Lock",
        checks=("dump.recent", "dump.content", "config.recent", "copies.immutable"),
        command="printflow dump list",
    ),
    PlanItem(
        priority="P0-3",
        text="the print-file bucket is versioned, replicated and locked; deletes are soft",
        checks=("files.orphans",),
        posture=True,
        command="printflow posture",
        unmeasured="replication and lock of the bucket itself",
    ),
    PlanItem(
        priority="P0-4",
        text="queues off sync, on Redis with Horizon, a print queue and supervisor of its own",
        posture=True,
        command="printflow posture",
    ),
    PlanItem(
        priority="P0-5",
        text="no silent gap: a download errors instead of skipping, the link write retries or fails",
        checks=("orders.artwork",),
        posture=True,
        command="printflow orders held",
    ),
    PlanItem(
        priority="P0-6",
        text="automated restore drill and runbook, reconciliation of each tenant",
        checks=("drill.fence", "drill.recovery", "recovery.objectives", "files.missing"),
        command="printflow drill run",
    ),
    PlanItem(
        priority="P1-1",
        text="the file job is idempotent and dispatched after commit",
        posture=True,
        command="printflow posture",
    ),
    PlanItem(
        priority="P1-2",
        text="error monitoring in every application: scrubbed, one release and environment",
        posture=True,
        command="printflow posture",
    ),
    PlanItem(
        priority="P1-3",
        text="Redis for queues alone: AOF, noeviction, a replica; BullMQ on",
        posture=True,
        command="printflow posture",
        unmeasured="AOF, eviction and replica of the Redis server itself",
    ),
    PlanItem(
        priority="P1-4",
        text="alerts on depth, oldest age and failures; a page on a paid order; a recovery path",
        checks=("orders.artwork", "alerts.delivery"),
        command="printflow alerts list",
        unmeasured="depth and oldest age of the queues",
    ),
    PlanItem(
        priority="P1-5",
        text="readiness of every dependency, token-gated, watched from outside",
        posture=True,
        command="printflow posture",
    ),
    PlanItem(
        priority="P1-6",
        text="heartbeats on backups, scheduler and workers",
        checks=("alerts.delivery",),
        command="printflow alerts list",
        unmeasured="heartbeats of the platform's scheduler and workers",
    ),
    PlanItem(
        priority="P1-7",
        text="every job is bounded: tries, backoff with jitter, timeout, failed()",
        posture=True,
        command="printflow posture",
    ),
    PlanItem(
        priority="P2-1",
        text="PDFs are validated before they are complete",
        checks=("pdf.integrity",),
        command="printflow pdf sweep",
    ),
    PlanItem(
        priority="P2-2",
        text="old print files are cleaned up, duplicates stopped",
        checks=("files.orphans",),
        command="printflow files orphans",
    ),
    PlanItem(
        priority="P2-3",
        text="synthetic checkout and PDF generation",
        command="printflow posture --plan",
        unmeasured="the whole of it: there is no synthetic checkout yet",
    ),
    PlanItem(
        priority="P2-4",
        text="production environment, infrastructure as code, secrets saved, backup before migrate",
        checks=("config.recent",),
        posture=True,
        command="printflow posture",
    ),
    PlanItem(
        priority="P2-5",
        text="a read replica or pilot light, where hours of recovery are too long",
        command="printflow drill objectives",
        unmeasured="whether there is a replica that could be promoted",
    ),
)


def scoreboard(items: Iterable[Item], answers: Mapping[str, Answer], now: datetime) -> tuple[PlanRow, ...]:
    """The plan as it is now.

    Args:
        items: what the platform's source showed.
        answers: the newest answer of each check for the whole of what it watches.
        now: the moment (UTC) that answers must be recent at.
    """
    found = list(items)
    return tuple(
        _row(planned, [item for item in found if planned.priority in item.rule.plan], answers, now) for planned in PLAN
    )


def _row(planned: PlanItem, items: Sequence[Item], answers: Mapping[str, Answer], now: datetime) -> PlanRow:
    outcomes: list[Outcome] = [item.outcome for item in items]
    evidence = _counted(items)
    unwell: list[str] = []
    for check in planned.checks:
        outcome, said = _recorded(check, answers.get(check), now)
        outcomes.append(outcome)
        evidence.append(said)
        if outcome is not Outcome.PASS:
            unwell.append(check)
    if planned.posture and not items:
        outcomes.append(Outcome.UNKNOWN)
        evidence.append("nothing of it is seen in the source")
    if planned.unmeasured:
        outcomes.append(Outcome.UNKNOWN)
        evidence.append(f"not measured: {planned.unmeasured}")
    status = _status(outcomes)
    wrong = min(
        (item for item in items if item.outcome is not Outcome.PASS),
        key=lambda item: (item.outcome is not Outcome.FAIL, -item.rule.severity.rank),
        default=None,
    )
    next_step = ""
    if status is not Status.DONE:
        at_source = f"{wrong.place}: {wrong.rule.expected}" if wrong is not None else ""
        next_step = planned.command if unwell or not at_source else at_source
    return PlanRow(
        priority=planned.priority, item=planned.text, status=status, evidence=tuple(evidence), next_step=next_step
    )


def _counted(items: Sequence[Item]) -> list[str]:
    """What the source shows, in numbers, and the worst of it."""
    parts = [
        f"{count} {WORDS[outcome]}"
        for outcome in (Outcome.FAIL, Outcome.WARN, Outcome.UNKNOWN, Outcome.PASS)
        if (count := sum(item.outcome is outcome for item in items))
    ]
    said = [f"source: {', '.join(parts)}"] if parts else []
    for outcome in (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN):
        unwell = [item for item in items if item.outcome is outcome]
        if unwell:
            worst = min(unwell, key=lambda item: -item.rule.severity.rank)
            return [*said, f"{worst.place}: {worst.found}"]
    return said


def _recorded(check: str, answer: Answer | None, now: datetime) -> tuple[Outcome, str]:
    if answer is None:
        return Outcome.UNKNOWN, f"{check}: no answer is recorded"
    at = f"{answer.answered_at:%Y-%m-%d %H:%M} UTC"
    if now - answer.answered_at > FRESH:
        return Outcome.UNKNOWN, f"{check}: the last answer is of {at}"
    return answer.result.outcome, f"{check}: {answer.result.outcome} at {at}"


def _status(outcomes: Sequence[Outcome]) -> Status:
    seen = set(outcomes)
    if Outcome.FAIL in seen:
        return Status.PARTLY if seen & {Outcome.PASS, Outcome.WARN} else Status.NOT
    if not seen or Outcome.UNKNOWN in seen:
        return Status.UNMEASURED
    return Status.PARTLY if Outcome.WARN in seen else Status.DONE
