"""`files rollback`: the buckets as they were at a moment, as the database was brought back to it.

Nothing is changed unless the database itself stands at that moment, or a person says why it stays; the orders whose
artwork would be older are held first, and the manifest to undo it by is written before the first object.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.errors import ConfigError, CouldNotTell, PrintflowError, Refused
from printflow_reliability.files.heal import LOCK, require_healers
from printflow_reliability.files.parts import abort_begun
from printflow_reliability.files.rollback import manifest
from printflow_reliability.files.rollback.carry_out import Pace, carry_out
from printflow_reliability.files.rollback.plan import Plan, Scope, Steps, make_plan
from printflow_reliability.files.rollback.since import Fate, Step
from printflow_reliability.files.rollback.write import Deed, Written, bring_back, take_forward
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.orders.guard import check_paid_orders
from printflow_reliability.orders.rolled_back import FINDING, KIND, forget
from printflow_reliability.platform.catalog import open_catalog
from printflow_reliability.platform.paid_orders import PaidItem, paid_items
from printflow_reliability.platform.tenancy import BasePaths, tenancy, tenant_named
from printflow_reliability.progress import Advance
from printflow_reliability.records import erasures, passes
from printflow_reliability.records.database import exclusive, open_records
from printflow_reliability.records.erasures import Erasures
from printflow_reliability.recovery.rollback_report import RollbackReport, UndoReport
from printflow_reliability.restore.production import newest_heartbeat
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.text import counted
from printflow_reliability.text import moment as told

STANDS_AT = timedelta(seconds=60)
"""How far the newest heartbeat may be from the moment: its interval, and clocks that differ."""


@dataclass(frozen=True)
class Request:
    """What a person asks for.

    Attributes:
        moment: UTC.
        tenant: whose files; None for everything in the buckets that references point into.
        apply: do it.
        database_stays: why the database is not at that moment, and need not be; None: it must be.
        per_second: how many objects are begun in a second.
    """

    moment: datetime
    tenant: str | None = None
    apply: bool = False
    database_stays: str | None = None
    per_second: float = 50.0


@operation("files rollback")
def roll_back(settings: Settings, request: Request, advance: Advance | None = None) -> RollbackReport:
    """Plan a rollback of the buckets, and carry it out with `apply`.

    Raises:
        ConfigError: there is no such tenant, a bucket keeps no versions or may not be written, the moment has not come.
        CouldNotTell: a database or a bucket does not answer, or does not know what was there then.
        LockHeld: somebody else is healing or rolling back, or records an erasure.
        Refused: the database stands at another moment.
    """
    scope = _scope(settings, request)
    if not request.apply:
        with Steps() as steps:
            return RollbackReport(request.moment, make_plan(scope, steps, advance), len(steps))
    require_healers(settings, {bucket.name for bucket in scope.buckets})
    place = manifest.place_of(settings)
    if request.database_stays is None:
        require_database_at(settings, request.moment)
    with open_records(settings.records) as records, exclusive(records, LOCK), Steps() as steps:
        abort_begun(settings, records)
        scope = replace(scope, erased=erasures.in_force(records))  # none is recorded while the lock is held
        plan = make_plan(scope, steps, advance)
        if not len(steps):
            return RollbackReport(request.moment, plan, 0, left=0)
        concerned = _orders_of(settings, steps)
        number = _begin(records, request, plan, concerned)
        try:
            manifest.keep(place, number, scope, steps, datetime.now(UTC))
            held = _hold(settings, concerned)
        except PrintflowError:
            forget(records, number, (step.key for step in steps))
            raise
        buckets = {bucket.name: bucket for bucket in scope.buckets}
        write = partial(bring_back, records=records)
        outcome = carry_out(steps, len(steps), buckets, write, Pace(request.per_second), advance)
        left = None
        if not outcome.stopped:
            with Steps() as again:
                make_plan(scope, again)
                left = len(again)
        return RollbackReport(request.moment, plan, len(steps), number, outcome, held, left)


@operation("undo of a files rollback")
def undo(
    settings: Settings, number: int, *, apply: bool, per_second: float, advance: Advance | None = None
) -> UndoReport:
    """Make current again what was current before a rollback; what somebody wrote since, or was erased, stays.

    Raises:
        ConfigError: there is no such rollback, or a bucket may not be written.
        CouldNotTell: a system does not answer.
        LockHeld: somebody else is healing or rolling back.
    """
    place = manifest.place_of(settings)
    with Steps() as steps:
        manifest.read(place, number, steps)
        if not apply:
            return UndoReport(number, len(steps))
        require_healers(settings, {step.bucket for step in steps})
        buckets = {bucket.name: bucket for bucket in settings.bucket}
        with open_records(settings.records) as records, exclusive(records, LOCK):
            abort_begun(settings, records)
            erased = erasures.in_force(records)
            forward = partial(_forward, erased, records)
            outcome = carry_out(steps, len(steps), buckets, forward, Pace(per_second), advance)
            if not outcome.stopped and not outcome.deeds[Deed.FAILED] + outcome.deeds[Deed.MEANWHILE]:
                forget(records, number, (step.key for step in steps if not erased.of(step.bucket, step.key)))
        return UndoReport(number, len(steps), outcome)


def _forward(erased: Erasures, records: psycopg.Connection[TupleRow], bucket: BucketSettings, step: Step) -> Written:
    """Undo one step, unless that brings back what was erased; to delete it again does not."""
    erasure = erased.of(step.bucket, step.key)
    if erasure is not None and step.fate is not Fate.DELETED:
        return Written(step, Deed.ERASED, erasure.sentence)
    return take_forward(bucket, step, records)


def require_database_at(settings: Settings, moment: datetime) -> None:
    """Make sure that the databases that refer to files stand at the moment, by their own heartbeats.

    Raises:
        Refused: one stands elsewhere, or has no heartbeat to tell.
        CouldNotTell: one does not answer.
    """
    named = {reference.cluster for reference in settings.reference}
    for index, cluster in enumerate(settings.cluster):
        if cluster.name not in named:
            continue
        newest = newest_heartbeat(cluster, key=f"cluster[{index}].heartbeat")
        if newest is not None and abs(newest - moment) <= STANDS_AT:
            continue
        stands = "has no heartbeat that tells where it stands" if newest is None else f"stands at {told(newest)}"
        raise Refused(
            f"cluster {cluster.name} {stands}, not at {told(moment)}: files of one moment under rows of another print "
            "the wrong thing",
            f"printflow recover --to {moment:%Y-%m-%dT%H:%M:%SZ} first; or, if the database is to stay as it is: "
            "--database-stays REASON",
        )


def _scope(settings: Settings, request: Request) -> Scope:
    known = tenancy(settings)
    tenant = None
    if request.tenant is not None and (tenant := tenant_named(known, request.tenant)) is None:
        raise ConfigError(
            f"tenant {request.tenant} has no base path of its own: {known.odd.get(request.tenant, 'unknown')}",
            "correct tenancy.tenants in printflow.toml",
        )
    if tenant is not None and not tenant.base_paths:
        raise ConfigError(
            f"tenant {tenant.id} has no base path, so its files cannot be told from others' by their keys",
            f"whole buckets can go back: printflow files rollback --to {request.moment:%Y-%m-%dT%H:%M:%SZ}",
        )
    names = {*open_catalog(settings).buckets} | {reference.bucket for reference in settings.reference}
    buckets = [bucket for bucket in settings.bucket if bucket.name in names]
    with open_records(settings.records) as records:
        erased = erasures.in_force(records)
    return Scope(request.moment, buckets, BasePaths(known.tenants), tenant, erased)


def _orders_of(settings: Settings, steps: Steps) -> list[tuple[PaidItem, str]]:
    """The items of open paid orders whose artwork would be older, and the version of then.

    Raises:
        CouldNotTell: not all paid orders could be read.
    """
    paid = paid_items(settings)
    if paid.unread:
        raise CouldNotTell(
            f"which orders it would concern is not known: {paid.unread}", "correct these rows, or orders.paid"
        )
    by_key: dict[str, list[PaidItem]] = {}
    for item in paid.items:
        if item.key:
            by_key.setdefault(item.key, []).append(item)
    return [
        (item, step.version_id)
        for step in steps
        if step.older and step.bucket == settings.orders.bucket
        for item in by_key.get(step.key, ())
    ]


def _begin(
    records: psycopg.Connection[TupleRow],
    request: Request,
    plan: Plan,
    concerned: Sequence[tuple[PaidItem, str]],
) -> int:
    """Record the rollback and the orders that it concerns; its number."""
    why = f"; the database stays: {request.database_stays}" if request.database_stays else ""
    found = [
        Finding(
            kind=FINDING,
            severity=Severity.CRITICAL,
            detail=f"its artwork is that of {told(request.moment)}{why}",
            action=f"printflow orders check {item.order}",
            tenant=item.tenant,
            key=item.key,
            version_id=version,
            owner=item.order,
        )
        for item, version in concerned
    ]
    counts = {"files": plan.files.total(), "orders": len(found)}
    now = datetime.now(UTC)
    return passes.store(
        records, KIND, tenant=request.tenant, started_at=now, finished_at=now, counts=counts, findings=found
    )


def _hold(settings: Settings, concerned: Sequence[tuple[PaidItem, str]]) -> list[str]:
    """Have the guard hold the orders, before their files change.

    Raises:
        CouldNotTell: it could not judge them; nothing was changed.
    """
    orders = sorted({item.order for item, _ in concerned})
    if not orders:
        return []
    report = check_paid_orders(settings, orders=orders)
    if not report.judged:
        raise CouldNotTell(
            f"{counted(len(orders), 'order')} could not be held, so no file was changed: {report.checks[0].detail}",
            "run the same command again",
        )
    return sorted({hold.order for hold in report.held} & set(orders))
