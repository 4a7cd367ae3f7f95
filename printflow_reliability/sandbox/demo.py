"""`printflow demo`: a new sandbox, one cycle of everything as Dagster runs, and whether planted faults were found.

The runs go through Dagster's daemon, as in production; what was found is read from where people would see it: the
runs' checks, the records, and the receiver that stands for the person on call.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Protocol

from printflow_reliability.errors import CouldNotTell, PrintflowError
from printflow_reliability.sandbox import dagster_services, evidence, seaweedfs, traffic
from printflow_reliability.sandbox import up as lifecycle
from printflow_reliability.sandbox.evidence import Found
from printflow_reliability.sandbox.faults import Planted, plant, planted
from printflow_reliability.sandbox.graphql import Ended, Webserver
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.services import Server, await_ready, start_service
from printflow_reliability.text import seconds, size

log = logging.getLogger(__name__)

TENANTS, ORDERS, SEED = 3, 60, 1
RUN_SECONDS = 240.0
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
DATABASE_FAULT = "foreign_key_violated"
REPOSITORY_FAULTS = ("wal_segment_missing", "backup_byte_flipped")


class Watch(Protocol):
    """Hears of each stage as it begins and as it ends."""

    def began(self, name: str) -> None:
        """A stage begins."""

    def ended(self, stage: "Stage") -> None:
        """A stage ended."""


@dataclass
class Stage:
    """One stage of the demo; `ok` says whether it did what it should, which for a planted fault is to be found."""

    name: str
    ok: bool = False
    seconds: float = 0.0
    summary: str = ""

    def as_json(self) -> dict[str, Any]:
        """As `demo --json` shows it."""
        return {"name": self.name, "ok": self.ok, "seconds": round(self.seconds, 1), "summary": self.summary}


@dataclass
class Demo:
    """One demo: its stages so far, the faults planted so far, and what was found of them."""

    home: SandboxHome
    watch: Watch
    stages: list[Stage] = field(default_factory=list)
    planted: dict[str, Planted] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    complete: bool = False
    _schedules: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        """Whether every stage did what it should and every planted fault was found."""
        return self.complete and all(stage.ok for stage in self.stages) and all(one.found for one in self.faults)

    @property
    def faults(self) -> Sequence[Found]:
        """Every planted fault, and whether it was found."""
        nothing = "nobody looked: an earlier stage failed"
        return [self.found.get(name) or Found(name, one.expected, False, nothing) for name, one in self.planted.items()]

    @property
    def ui(self) -> str:
        """Where Dagster's web interface answers."""
        return self.web.endpoint

    @cached_property
    def web(self) -> Webserver:
        """Dagster's webserver, once it is up."""
        return Webserver(self._webserver.endpoint)

    @cached_property
    def _webserver(self) -> Server:
        return dagster_services.webserver(self.home, dagster_services.free_port())

    def run(self) -> None:
        """Run the whole cycle; a stage that cannot be done ends it, and says so in its summary."""
        try:
            self._prepare()
            self._healthy_cycle()
            self._damaged_files()
            self._damaged_backups()
            self._told()
            self.complete = True
        except PrintflowError as error:
            log.info("the demo broke off: %s", error)  # the stage that broke off says so in its summary

    def keep_running(self) -> None:
        """Leave everything up for people: schedules run again as they would in production."""
        self.web.start_schedules(self._schedules)

    @contextmanager
    def _stage(self, name: str) -> Iterator[Stage]:
        stage = Stage(name)
        self.stages.append(stage)
        self.watch.began(name)
        began = time.monotonic()
        try:
            yield stage
        except PrintflowError as error:
            stage.ok, stage.summary = False, str(error)
            raise
        except KeyboardInterrupt:
            stage.ok, stage.summary = False, "interrupted"
            raise
        finally:
            stage.seconds = time.monotonic() - began
            self.watch.ended(stage)

    def _prepare(self) -> None:
        with self._stage("sandbox") as stage:
            lifecycle.down(self.home, remove=self.home.exists)
            services = lifecycle.up(self.home)
            lifecycle.fill(self.home, tenants=TENANTS, orders=ORDERS, seed=SEED)
            self._start(traffic.server(self.home))
            stage.ok = all(service.ok for service in services)
            stage.summary = f"{len(services)} servers, {TENANTS} tenants, {ORDERS} orders; new ones keep being placed"
        with self._stage("dagster") as stage:
            dagster_services.prepare(self.home)
            self._start(self._webserver)
            self._schedules = self.web.stop_schedules()
            self._start(dagster_services.daemon(self.home, self.web))
            _until(lambda: len(self.web.partitions("tenant_files")) == TENANTS, RUN_SECONDS, "the tenants' partitions")
            stage.ok = True
            stage.summary = f"webserver and daemon up, {len(self._schedules)} schedules loaded, {self.ui}"

    def _healthy_cycle(self) -> None:
        with self._stage("base backup") as stage:
            self._plant(EARLY)
            ended = self._run("base_backup", type="full")
            numbers = ended.numbers.get("base_backup", {})
            stage.ok = ended.succeeded
            stage.summary = f"{numbers.get('backups_taken', 0)} full backups, {size(numbers.get('backup_bytes', 0))}"
            self._blame(stage, ended)
        with self._stage("WAL verification") as stage:
            ended = self._run("wal_archive")
            numbers = ended.numbers.get("wal_archive", {})
            stage.ok = ended.succeeded
            stage.summary = f"{numbers.get('segments_checked', 0)} segments, whole"
            self._blame(stage, ended)
        with self._stage("restore drill") as stage:
            ended = self._run("restore_drill")
            numbers = ended.numbers.get("restore_drill", {})
            stage.ok = ended.succeeded and "rto_seconds" in numbers and "rpo_seconds" in numbers
            stage.summary = f"passed: {_drill(numbers)}"
            self._blame(stage, ended)

    def _damaged_files(self) -> None:
        mending = ExitStack()
        with self._stage("paid-order guard") as stage:
            planted_at = time.monotonic()
            lost = mending.enter_context(planted(self.home, MENDED))
            self.planted[MENDED] = lost
            order = lost.where["order"]
            answer = partial(evidence.held_and_told, self.home, lost)
            _until(lambda: answer().found, GUARD_SECONDS, f"the hold and the alert for order {order}")
            took = time.monotonic() - planted_at
            self.found[MENDED] = answer()
            stage.ok = took <= GUARD_SECONDS
            stage.summary = f"order {order} held and a person told {took:.0f} s after its artwork was lost"
        with self._stage("files") as stage:
            self._plant(*FILE_FAULTS)
            passes = (("tenant_files", "orphaned_files"), ("print_file_integrity",), ("paid_orders",))
            tenants = sorted(self.web.partitions("tenant_files"))
            every = {
                "dagster/asset_partition_range_start": tenants[0],
                "dagster/asset_partition_range_end": tenants[-1],
            }
            runs = {
                assets[0]: self.web.materialize(*assets, tags={} if assets == ("paid_orders",) else every)
                for assets in passes
            }
            ended = {asset: self.web.wait(run, timeout=RUN_SECONDS) for asset, run in runs.items()}
            for name in (EARLY, *FILE_FAULTS):
                self.found[name] = evidence.in_findings(self.home, self.planted[name])
            files = ended["tenant_files"].numbers.get("tenant_files", {})
            pdfs = ended["print_file_integrity"].numbers.get("print_file_integrity", {})
            stage.ok = all(one.succeeded for one in ended.values())
            stage.summary = (
                f"{files.get('references', 0)} references against {files.get('objects', 0)} objects, "
                f"{pdfs.get('checked_files', 0)} PDFs judged, {pdfs.get('inspected_files', 0)} of them anew"
            )
        with self._stage("held orders") as stage:
            self._held_orders(stage, mending, order)

    def _held_orders(self, stage: Stage, mending: ExitStack, mended: str) -> None:
        """Each held order's own run fails; the one that is mended succeeds, and its hold is lifted."""
        wrong = {self.planted[name].where["order"] for name in (MENDED, *FILE_FAULTS)}
        self._await_order_runs(wrong, "FAILURE")
        mending.close()
        self._await_order_runs({mended}, "SUCCESS")
        still = set(evidence.held_orders(self.home))
        stage.ok = mended not in still and wrong - {mended} <= still
        stage.summary = f"order {mended} was mended and is free; {len(still)} still held, each a failing partition"

    def _await_order_runs(self, orders: set[str], status: str) -> None:
        def newest() -> bool:
            latest: dict[str, str] = {}
            for run in self.web.partition_runs("judge_held_order"):
                latest.setdefault(run.partition, run.status)
            return all(latest.get(order) == status for order in orders)

        _until(newest, MENDED_SECONDS, f"runs of held orders that end with {status}")

    def _damaged_backups(self) -> None:
        with self._stage("restore drill over damaged data") as stage:
            self._plant(DATABASE_FAULT)
            ended = self._run("restore_drill", repository=2)
            self.found[DATABASE_FAULT] = evidence.in_checks(ended.failed_checks, self.planted[DATABASE_FAULT])
            numbers = ended.numbers.get("restore_drill", {})
            stage.ok = not ended.succeeded and "rto_seconds" in numbers
            stage.summary = f"from offsite, failed as it must: {_drill(numbers)}"
        with self._stage("damaged repository") as stage:
            self._plant(*REPOSITORY_FAULTS)
            runs = [self.web.materialize(asset) for asset in ("wal_archive", "backup_integrity")]
            both = [self.web.wait(run, timeout=RUN_SECONDS) for run in runs]
            for name, ended in zip(REPOSITORY_FAULTS, both, strict=True):
                self.found[name] = evidence.in_checks(ended.failed_checks, self.planted[name])
            stage.ok = not any(ended.succeeded for ended in both)
            stage.summary = "WAL verification and backup verification failed as they must"

    def _told(self) -> None:
        with self._stage("alerts") as stage:
            keys = {f"check:{one.check}" for one in self.planted.values() if one.check != "orders.artwork"}
            arrived = partial(evidence.alerts_received, self.home)
            _until(lambda: keys <= arrived().keys(), ALERT_SECONDS, "an alert for each check that failed")
            stage.ok = True
            stage.summary = f"{len(arrived())} alerts reached the person on call, one for each thing that is wrong"
        with self._stage("compute logs") as stage:
            client = seaweedfs.client(self.home, dagster_services.COMPUTE_LOGS)
            kept = client.list_objects_v2(Bucket=dagster_services.COMPUTE_LOGS).get("KeyCount", 0)
            stage.ok = kept > 0
            stage.summary = f"{kept} files of the runs' output in the bucket {dagster_services.COMPUTE_LOGS}"

    def _plant(self, *names: str) -> None:
        for name in names:
            self.planted[name] = plant(self.home, name)

    def _start(self, server: Server) -> None:
        start_service(self.home, server)
        await_ready(self.home, server)

    def _run(self, asset: str, **config: Any) -> Ended:
        given = {"ops": {asset: {"config": config}}} if config else None
        return self.web.wait(self.web.materialize(asset, config=given), timeout=RUN_SECONDS)

    def _blame(self, stage: Stage, ended: Ended) -> None:
        """Say why a stage that should have passed did not."""
        if not stage.ok:
            said = "; ".join(f"{name}: {text}" for name, text in ended.failed_checks.items())
            stage.summary = f"{ended.status} {said or self.web.run_url(ended.run_id)}"


def _drill(numbers: Mapping[str, Any]) -> str:
    if "rto_seconds" not in numbers:
        return "its numbers are missing"
    return (
        f"RTO {seconds(numbers['rto_seconds'])}, RPO {seconds(numbers['rpo_seconds'])}, "
        f"{numbers.get('tables', 0)} tables and {numbers.get('rows', 0)} rows at the fence"
    )


def _until(true: "_Question", timeout: float, what: str) -> None:
    """Ask again until it is true.

    Raises:
        CouldNotTell: it was not within that time.
    """
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            raise CouldNotTell(f"{what} did not come within {timeout:.0f} s", "look at the runs and sensors in the UI")
        time.sleep(0.5)


class _Question(Protocol):
    def __call__(self) -> bool: ...
