"""A backfill over two Celery workers, one of which is killed in mid-run: every tenant's partition is made."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg.sql
import pytest
import redis
from dagster._core.execution.backfill import BulkActionStatus
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.launchers import celery_runs as launcher
from printflow_reliability.defs.launchers.celery_runs import CeleryRuns
from printflow_reliability.defs.partition_names import partition_of
from printflow_reliability.platform.tenancy import tenancy
from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox.home import write
from printflow_reliability_tests.stack import celery_runs
from printflow_reliability_tests.stack.celery_runs import Daemon, Worker
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = [
    pytest.mark.stack,
    pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning"),  # Dagster's daemon
    pytest.mark.filterwarnings("ignore:Task name 'execute_job' is already registered"),  # dagster-celery, each launch
]

DATABASE = "dagster_over_celery"
NUMBER = 9
"""Of the sandbox's Redis, in which nothing else is."""
WORKERS = ("first@sandbox", "second@sandbox")
TENANT_FILES = dg.AssetKey("tenant_files")


@pytest.fixture(scope="module")
def installation(sandbox: StackSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """DAGSTER_HOME of an instance over the sandbox's servers, of which nothing is left behind."""
    home, directory = sandbox.home, tmp_path_factory.mktemp("celery")
    celery_runs.celery_instance(directory)
    config = home.path("celery.toml")
    settings = home.config.read_text(encoding="utf-8")
    assert "[dagster]\n" in settings
    write(config, settings.replace("[dagster]\n", "[dagster]\ntenants_per_run = 1\n"), mode=0o600)
    url = home.secret("redis.url").rsplit("/", 1)[0] + f"/{NUMBER}"
    name = psycopg.sql.Identifier(DATABASE)
    with postgres.superuser(home, "system_db") as connection, pytest.MonkeyPatch.context() as patch:
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {} OWNER dagster").format(name))
        patch.setenv("DAGSTER_HOME", str(directory))
        patch.setenv("PRINTFLOW_DAGSTER_URL", postgres.url(home, "system_db", "dagster", DATABASE))
        patch.setenv("PRINTFLOW_CELERY_BROKER", url)
        patch.setenv("PRINTFLOW_CONFIG", str(config))
        patch.setattr(launcher, "ANSWER_SECONDS", 1.0)
        try:
            yield directory
        finally:
            connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
            config.unlink()
            with redis.Redis.from_url(url) as client:
                client.flushdb()


@pytest.fixture
def daemon(installation: Path) -> Iterator[Daemon]:
    with dg.DagsterInstance.get() as instance, celery_runs.daemon(instance) as daemon:
        yield daemon


@pytest.fixture
def workers(installation: Path) -> Iterator[dict[str, Worker]]:
    with celery_runs.workers(installation, WORKERS, {}) as workers:
        yield workers


def worker_of(daemon: Daemon, run: dg.DagsterRun) -> str:
    """The worker that began a run."""
    runs_by = daemon.instance.run_launcher
    assert isinstance(runs_by, CeleryRuns)
    return runs_by.worker_of(run.tags.get(DAGSTER_CELERY_TASK_ID_TAG, ""))


def under_way(daemon: Daemon) -> dict[str, dg.DagsterRun]:
    """The runs that are in a worker's hands, by the worker."""
    started = daemon.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    return {worker_of(daemon, run): run for run in started if DAGSTER_CELERY_TASK_ID_TAG in run.tags}


# Dagster's own, on Python 3.14.
@pytest.mark.filterwarnings("ignore:'asyncio.iscoroutinefunction' is deprecated:DeprecationWarning")
def test_a_backfill_goes_on_over_two_workers_when_one_of_them_is_killed_in_mid_run(
    sandbox: StackSandbox, daemon: Daemon, workers: dict[str, Worker]
) -> None:
    tenants = sorted(partition_of(tenant.id) for tenant in tenancy(sandbox.settings).tenants)
    assert len(tenants) > len(WORKERS)
    daemon.instance.add_dynamic_partitions(words.TENANTS.name or "", tenants)
    backfill = daemon.backfill("tenant_files", tenants, {"dagster/max_retries": "1"})
    with sandbox.frozen("primary"):  # no pass can end before its worker is killed
        daemon.until(lambda: set(under_way(daemon)) == set(WORKERS), monitor=False)
        lost = under_way(daemon)[WORKERS[0]]
        workers[WORKERS[0]].kill()
    daemon.until(lambda: daemon.ended(backfill) is not None)

    assert daemon.ended(backfill) is BulkActionStatus.COMPLETED_SUCCESS, daemon.said()
    assert set(daemon.instance.get_materialized_partitions(TENANT_FILES)) == set(tenants)
    ended = {run.run_id: run for run in daemon.instance.get_runs()}
    failed = [run.run_id for run in ended.values() if run.status is dg.DagsterRunStatus.FAILURE]
    assert failed == [lost.run_id], daemon.said()
    (again,) = [run for run in ended.values() if run.parent_run_id == lost.run_id]
    assert again.is_success
    (failure,) = daemon.instance.all_logs(lost.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert f"Celery worker {WORKERS[0]} does not answer" in (failure.get_dagster_event().message or "")
    assert len(ended) == len(tenants) + 1, "each tenant is a run of its own, and the lost one is begun again"
