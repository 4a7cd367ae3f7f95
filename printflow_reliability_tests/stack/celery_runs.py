"""Dagster over Celery for a test: an instance of its own, workers as processes, the daemon's parts at a call."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import yaml  # type: ignore[import-untyped]
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES, BulkActionStatus, PartitionBackfill
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._utils.warnings import disable_dagster_warnings

import printflow_reliability

PROJECT = Path(printflow_reliability.__file__).parent.parent
APP = "printflow_reliability.defs.launchers.celery_app"
LOCATION = "printflow_reliability.definitions"
LOG = logging.getLogger("daemon")
PATIENCE_SECONDS = 300.0


def celery_instance(directory: Path) -> None:
    """Write the dagster.yaml of an installation that runs on Celery and keeps the output of runs in no bucket."""
    settings = yaml.safe_load((PROJECT / "dagster.yaml").read_text(encoding="utf-8"))
    settings |= yaml.safe_load((PROJECT / "deploy" / "launchers" / "celery.yaml").read_text(encoding="utf-8"))
    del settings["compute_logs"]
    (directory / "dagster.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


class Worker:
    """A Celery worker with one run at a time, and a process group of its own."""

    def __init__(self, name: str, directory: Path, environment: Mapping[str, str]) -> None:
        argv = [sys.executable, "-m", "celery", "-A", APP, "worker", "-Q", "dagster", "-n", name, "--concurrency", "1"]
        with (directory / f"{name}.log").open("wb") as log:
            self.process = subprocess.Popen(
                argv, stdout=log, stderr=log, env={**os.environ, **environment}, start_new_session=True
            )
        self.name = name

    def kill(self) -> None:
        """SIGKILL to it and to the run that it has."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def workers(directory: Path, names: Sequence[str], environment: Mapping[str, str]) -> Iterator[dict[str, Worker]]:
    """Workers that end with the block."""
    found: dict[str, Worker] = {}
    try:
        for name in names:
            found[name] = Worker(name, directory, environment)
        yield found
    finally:
        for worker in found.values():
            worker.kill()


@dataclass(frozen=True)
class Daemon:
    """What Dagster's daemon does for runs, as often as it is called: neither sensors nor schedules tick."""

    context: WorkspaceProcessContext
    coordinator: QueuedRunCoordinatorDaemon
    retries: EventLogConsumerDaemon

    @property
    def instance(self) -> dg.DagsterInstance:
        """Of the installation."""
        return self.context.instance

    def backfill(self, asset: str, partitions: Sequence[str], tags: Mapping[str, str]) -> str:
        """Ask for a backfill, as the UI does; returns its id."""
        name = "celery-backfill"
        with disable_dagster_warnings():  # Dagster's own use of what it will remove
            asked = PartitionBackfill.from_asset_partitions(
                backfill_id=name,
                asset_graph=self.context.create_request_context().asset_graph,
                partition_names=partitions,
                asset_selection=[dg.AssetKey(asset)],
                backfill_timestamp=time.time(),
                tags=tags,
                dynamic_partitions_store=self.instance,
                all_partitions=False,
                title=None,
                description=None,
                run_config=None,
            )
        self.instance.add_backfill(asked)
        return name

    def work(self, *, monitor: bool = True) -> None:
        """Everything once."""
        parts = [
            execute_backfill_iteration(self.context, LOG),
            self.coordinator.run_iteration(self.context),
            self.retries.run_iteration(self.context),
            *([execute_run_monitoring_iteration(self.context, LOG)] if monitor else []),
        ]
        for part in parts:
            for error in part:
                assert not isinstance(error, tuple), error

    def until(self, done: Callable[[], bool], *, monitor: bool = True) -> None:
        """Work until that holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not done():
            assert time.monotonic() < deadline, self.said()
            self.work(monitor=monitor)
            time.sleep(0.2)

    def ended(self, backfill: str) -> BulkActionStatus | None:
        """How a backfill ended; None while it has not."""
        found = self.instance.get_backfill(backfill)
        assert found is not None
        return found.status if found.status in BULK_ACTION_TERMINAL_STATUSES else None

    def said(self) -> list[str]:
        """The runs, oldest first, and the last words of each."""
        found = []
        for run in reversed(self.instance.get_runs()):
            last = self.instance.all_logs(run.run_id)[-3:]
            found.append(f"{run.run_id} {run.status.value} {run.tags}: {[entry.user_message for entry in last]}")
        return found


@contextmanager
def daemon(instance: dg.DagsterInstance) -> Iterator[Daemon]:
    """The daemon's parts over the project's own code location."""
    target = ModuleTarget(LOCATION, attribute=None, working_directory=None, location_name=LOCATION)
    with WorkspaceProcessContext(instance, target) as context:
        yield Daemon(context, QueuedRunCoordinatorDaemon(interval_seconds=1), EventLogConsumerDaemon())
