"""The items of the reliability plan: what each must be, what is evidence of it, and which command measures what."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class PlanItem:
    """An item of the plan.

    Attributes:
        priority: its number, such as "P0-1".
        text: what it must be.
        checks: the registered checks whose newest answers are evidence.
        posture: whether items of the platform's source are evidence.
        command: what shows more, and what to do.
        some: by check, a number of its answer that must be above 0 for a pass to say anything.
        unmeasured: what of it nothing measures; empty if all is measured.
    """

    priority: str
    text: str
    checks: tuple[str, ...] = ()
    posture: bool = False
    command: str
    some: Mapping[str, str] = field(default_factory=dict)
    unmeasured: str = ""


MEASURED_BY: Mapping[str, str] = {
    "alerts": "printflow watch --once",
    "backup": "printflow backup list",
    "backup.integrity": "printflow backup verify",
    "backup.window": "printflow backup window",
    "checkout": "printflow checkout",
    "config": "printflow config list",
    "copies": "printflow copies",
    "drill": "printflow drill run",
    "dump": "printflow dump list",
    "files": "printflow files reconcile",
    "files.orphans": "printflow files orphans",
    "files.protection": "printflow files protect",
    "orders": "printflow orders held",
    "pdf": "printflow pdf sweep",
    "queues": "printflow queues",
    "ready": "printflow ready",
    "recovery": "printflow drill objectives",
    "redis": "printflow queues",
    "wal": "printflow wal verify",
}
"""What has a check answered anew, by its name or the part before the dot."""


def measured_by(check: str) -> str:
    """The command that has that check answered anew."""
    return MEASURED_BY.get(check) or MEASURED_BY[check.partition(".")[0]]


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
        checks=("files.protection", "files.orphans"),
        posture=True,
        command="printflow files protect",
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
        checks=("redis.durability",),
        posture=True,
        command="printflow queues",
    ),
    PlanItem(
        priority="P1-4",
        text="alerts on depth, oldest age and failures; a page on a paid order; a recovery path",
        checks=("queues.age", "queues.failed", "queues.stalled", "orders.artwork", "alerts.delivery"),
        command="printflow queues",
    ),
    PlanItem(
        priority="P1-5",
        text="readiness of every dependency, token-gated, watched from outside",
        checks=("ready.databases", "ready.storage", "ready.pdf_service", "ready.queues"),
        posture=True,
        command="printflow posture",
    ),
    PlanItem(
        priority="P1-6",
        text="heartbeats on backups, scheduler and workers",
        checks=("queues.workers", "ready.backups", "ready.dagster", "alerts.delivery"),
        command="printflow status",
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
        checks=("checkout.journey", "checkout.clean_up", "ready.pdf_service", "pdf.integrity"),
        command="printflow checkout",
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
        checks=("recovery.objectives", "ready.standby"),
        some={"ready.standby": "standbys"},
        command="printflow drill objectives",
    ),
)
