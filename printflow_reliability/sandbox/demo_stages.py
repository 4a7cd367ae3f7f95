"""The stages of the demo: everything once as it should be, then damaged files, damaged backups, and who was told."""

import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, Protocol

from printflow_reliability.checks import Outcome
from printflow_reliability.config_backup.verification import verify_config
from printflow_reliability.dumps.verify import verify_dumps
from printflow_reliability.errors import CouldNotTell, PrintflowError
from printflow_reliability.sandbox import dagster_services, evidence, node_pdf_service, seaweedfs, traffic
from printflow_reliability.sandbox import up as lifecycle
from printflow_reliability.sandbox.demo import RUN_SECONDS, Demo, Stage
from printflow_reliability.sandbox.faults import planted
from printflow_reliability.settings import load
from printflow_reliability.text import seconds, size

log = logging.getLogger(__name__)

TENANTS, ORDERS, SEED = 3, 60, 1
GUARD_SECONDS = 60.0
"""What the product promises: within this time a paid order without artwork is held, and a person knows."""
MENDED_SECONDS = 180.0
ALERT_SECONDS = 90.0
EARLY = "orphaned_regenerations"
"""Planted first: an orphan must outlive the grace period before it is one."""
MENDED = "print_ready_link_lost"
FILE_FAULTS = (
    "object_deleted",
    "object_gone",
    "pdf_truncated",
    "pdf_html_error",
    "wrong_tenant_path",
    "key_near_miss",
)
JOB_FAULT, WAITING_FAULT = "generation_failed", "job_waits"
DATABASE_FAULT = "foreign_key_violated"
REPOSITORY_FAULTS = ("wal_segment_missing", "backup_byte_flipped")


def run_demo(demo: Demo) -> None:
    """Run the whole cycle; a stage that cannot be done ends it, and says so in its summary."""
    try:
        _prepare(demo)
        _healthy_cycle(demo)
        _damaged_files(demo)
        _damaged_backups(demo)
        _alerts(demo)
        demo.complete = True
    except PrintflowError as error:
        log.info("the demo broke off: %s", error)  # the stage that broke off says so in its summary


def _prepare(demo: Demo) -> None:
    with demo.stage("sandbox") as stage:
        lifecycle.down(demo.home, remove=demo.home.exists)
        services = lifecycle.up(demo.home)
        lifecycle.fill(demo.home, tenants=TENANTS, orders=ORDERS, seed=SEED)
        demo.start(traffic.server(demo.home))
        stage.ok = all(service.ok for service in services)
        stage.summary = f"{len(services)} servers, {TENANTS} tenants, {ORDERS} orders; new ones keep being placed"
    with demo.stage("dagster") as stage:
        dagster_services.prepare(demo.home)
        demo.start(demo.webserver)
        demo.schedules = demo.web.stop_schedules()
        demo.start(dagster_services.daemon(demo.home, demo.web))
        _until(lambda: len(demo.web.partitions("tenant_files")) == TENANTS, RUN_SECONDS, "the tenants' partitions")
        stage.ok = True
        stage.summary = f"webserver and daemon up, {len(demo.schedules)} schedules loaded, {demo.ui}"


def _healthy_cycle(demo: Demo) -> None:
    with demo.stage("base backup") as stage:
        demo.plant(EARLY)
        every = _all_of(demo.web.partitions("base_backup"))
        full = {"ops": {"base_backup": {"config": {"type": "full", "by": "printflow demo"}}}}
        ended = demo.web.wait(demo.web.materialize("base_backup", config=full, tags=every), timeout=RUN_SECONDS)
        numbers = ended.numbers.get("base_backup", {})
        stage.ok = ended.succeeded
        stage.summary = f"{numbers.get('backups_taken', 0)} full backups, {size(numbers.get('backup_bytes', 0))}"
        demo.explain_failure(stage, ended)
    with demo.stage("WAL verification") as stage:
        ended = demo.materialize("wal_archive")
        numbers = ended.numbers.get("wal_archive", {})
        stage.ok = ended.succeeded
        stage.summary = f"{numbers.get('segments_checked', 0)} segments, whole"
        demo.explain_failure(stage, ended)
    with demo.stage("logical dumps") as stage:
        _logical_dumps(demo, stage)
    with demo.stage("configuration") as stage:
        ended = demo.materialize("config_backup")
        numbers = ended.numbers.get("config_backup", {})
        verified = verify_config(load(demo.home.verification_config))
        stage.ok = ended.succeeded and all(check.outcome is Outcome.PASS for check in verified.checks)
        stage.summary = (
            f"{numbers.get('config_files', 0)} files with secrets, roles, records and queues, encrypted; read back "
            "elsewhere, all equal"
        )
        demo.explain_failure(stage, ended)
    with demo.stage("restore drill") as stage:
        ended = demo.materialize("restore_drill")
        numbers = ended.numbers.get("restore_drill", {})
        stage.ok = ended.succeeded and "rto_seconds" in numbers and "rpo_seconds" in numbers
        stage.summary = f"passed: {_drill(numbers)}"
        demo.explain_failure(stage, ended)


def _logical_dumps(demo: Demo, stage: Stage) -> None:
    """Dagster dumps all clusters, and cannot read what it made; the machine that verifies, can."""
    ended = demo.web.wait(
        demo.web.materialize("logical_dump", tags=_all_of(demo.web.partitions("logical_dump"))), timeout=RUN_SECONDS
    )
    numbers = ended.numbers.get("logical_dump", {})
    verified = verify_dumps(load(demo.home.verification_config))
    stage.ok = ended.succeeded and all(check.outcome is Outcome.PASS for check in verified.checks)
    stage.summary = (
        f"{numbers.get('dumps', 0)} dumps, encrypted and locked, {size(numbers.get('dump_bytes', 0))}; "
        f"{verified.numbers['verified_rows']} rows read back elsewhere, all equal"
    )
    demo.explain_failure(stage, ended)


def _all_of(partitions: Iterable[str]) -> dict[str, str]:
    """The tags of one run over all of these partitions."""
    keys = list(partitions)
    return {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}


def _damaged_files(demo: Demo) -> None:
    mending = ExitStack()
    with demo.stage("paid-order guard") as stage:
        planted_at = time.monotonic()
        lost = mending.enter_context(planted(demo.home, MENDED))
        demo.planted[MENDED] = lost
        order = lost.where["order"]
        answer = partial(evidence.hold_and_alert, demo.home, lost)
        _until(lambda: answer().found, GUARD_SECONDS, f"the hold and the alert for order {order}")
        took = time.monotonic() - planted_at
        demo.found[MENDED] = answer()
        stage.ok = took <= GUARD_SECONDS
        stage.summary = f"order {order} held and a person told {took:.0f} s after its artwork was lost"
    with demo.stage("files") as stage:
        demo.plant(*FILE_FAULTS)
        passes = (("tenant_files", "orphaned_files"), ("print_file_integrity",), ("paid_orders",))
        every = _all_of(sorted(demo.web.partitions("tenant_files")))
        runs = {
            assets[0]: demo.web.materialize(*assets, tags={} if assets == ("paid_orders",) else every)
            for assets in passes
        }
        ended = {asset: demo.web.wait(run, timeout=RUN_SECONDS) for asset, run in runs.items()}
        for name in (EARLY, *FILE_FAULTS):
            demo.found[name] = evidence.in_findings(demo.home, demo.planted[name])
        files = ended["tenant_files"].numbers.get("tenant_files", {})
        pdfs = ended["print_file_integrity"].numbers.get("print_file_integrity", {})
        stage.ok = all(run.succeeded for run in ended.values())
        stage.summary = (
            f"{files.get('references', 0)} references against {files.get('objects', 0)} objects, "
            f"{pdfs.get('checked_files', 0)} PDFs judged, {pdfs.get('inspected_files', 0)} of them anew"
        )
    with demo.stage("queues") as stage:
        _queues(demo, stage)
    with demo.stage("held orders") as stage:
        _held_orders(demo, stage, mending, order)


def _queues(demo: Demo, stage: Stage) -> None:
    """A job that waits rings; one that failed to make a paid order's file holds that order, and names itself."""
    demo.plant(WAITING_FAULT)
    told = "without the pdf-service no job can fail here"
    if not node_pdf_service.missing():
        demo.plant(JOB_FAULT)
    ended = demo.materialize("queue_health")
    demo.found[WAITING_FAULT] = evidence.in_checks(ended.failed_checks, demo.planted[WAITING_FAULT])
    if JOB_FAULT in demo.planted:
        lost = demo.planted[JOB_FAULT]
        order = lost.where["order"]
        reason = partial(evidence.held_orders, demo.home)
        _until(lambda: JOB_FAULT in reason().get(order, ""), GUARD_SECONDS, f"the hold of order {order} for its job")
        _until(lambda: evidence.hold_and_alert(demo.home, lost).found, ALERT_SECONDS, f"the alert for order {order}")
        demo.found[JOB_FAULT] = evidence.hold_and_alert(demo.home, lost)
        told = f"order {order} is held, since the job failed that makes its print file"
    stage.ok = demo.found[WAITING_FAULT].found
    stage.summary = f"a job that nobody takes was found; {told}"


def _held_orders(demo: Demo, stage: Stage, mending: ExitStack, mended: str) -> None:
    """Each held order's own run fails; the one that is mended succeeds, and its hold is lifted."""
    wrong = {demo.planted[name].where["order"] for name in (MENDED, *FILE_FAULTS)}
    _await_order_runs(demo, wrong, "FAILURE")
    mending.close()
    _await_order_runs(demo, {mended}, "SUCCESS")
    still = set(evidence.held_orders(demo.home))
    stage.ok = mended not in still and wrong - {mended} <= still
    stage.summary = f"order {mended} was mended and is free; {len(still)} still held, each a failing partition"


def _await_order_runs(demo: Demo, orders: set[str], status: str) -> None:
    def newest() -> bool:
        latest: dict[str, str] = {}
        for run in demo.web.partition_runs("judge_held_order"):
            latest.setdefault(run.partition, run.status)
        return all(latest.get(order) == status for order in orders)

    _until(newest, MENDED_SECONDS, f"runs of held orders that end with {status}")


def _damaged_backups(demo: Demo) -> None:
    with demo.stage("restore drill over damaged data") as stage:
        demo.plant(DATABASE_FAULT)
        ended = demo.materialize("restore_drill", repository=2)
        demo.found[DATABASE_FAULT] = evidence.in_checks(ended.failed_checks, demo.planted[DATABASE_FAULT])
        numbers = ended.numbers.get("restore_drill", {})
        stage.ok = not ended.succeeded and "rto_seconds" in numbers
        stage.summary = f"from offsite, failed as it must: {_drill(numbers)}"
    with demo.stage("damaged repository") as stage:
        demo.plant(*REPOSITORY_FAULTS)
        runs = [demo.web.materialize(asset) for asset in ("wal_archive", "backup_integrity")]
        both = [demo.web.wait(run, timeout=RUN_SECONDS) for run in runs]
        for name, ended in zip(REPOSITORY_FAULTS, both, strict=True):
            demo.found[name] = evidence.in_checks(ended.failed_checks, demo.planted[name])
        stage.ok = not any(ended.succeeded for ended in both)
        stage.summary = "WAL verification and backup verification failed as they must"


def _alerts(demo: Demo) -> None:
    with demo.stage("alerts") as stage:
        keys = {f"check:{fault.check}" for fault in demo.planted.values() if fault.check != "orders.artwork"}
        arrived = partial(evidence.alerts_received, demo.home)
        _until(lambda: keys <= arrived().keys(), ALERT_SECONDS, "an alert for each check that failed")
        stage.ok = True
        stage.summary = f"{len(arrived())} alerts reached the person on call, one for each thing that is wrong"
    with demo.stage("compute logs") as stage:
        client = seaweedfs.client(demo.home, dagster_services.COMPUTE_LOGS)
        kept = client.list_objects_v2(Bucket=dagster_services.COMPUTE_LOGS).get("KeyCount", 0)
        stage.ok = kept > 0
        stage.summary = f"{kept} files of the runs' output in the bucket {dagster_services.COMPUTE_LOGS}"


def _drill(numbers: Mapping[str, Any]) -> str:
    if "rto_seconds" not in numbers:
        return "its numbers are missing"
    return (
        f"RTO {seconds(numbers['rto_seconds'])}, RPO {seconds(numbers['rpo_seconds'])}, "
        f"{numbers.get('tables', 0)} tables and {numbers.get('rows', 0)} rows at the fence"
    )


def _until(true: "_Condition", timeout: float, what: str) -> None:
    """Ask again until it is true.

    Raises:
        CouldNotTell: it was not within that time.
    """
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            raise CouldNotTell(f"{what} did not come within {timeout:.0f} s", "look at the runs and sensors in the UI")
        time.sleep(0.5)


class _Condition(Protocol):
    def __call__(self) -> bool: ...
