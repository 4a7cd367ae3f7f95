"""What the records know of the sandbox's queues and Redis: nothing of it is left for other tests."""

from collections.abc import Iterator
from contextlib import contextmanager

from printflow_reliability.records.database import open_records
from printflow_reliability_tests.stack.conftest import StackSandbox

TABLES = ("queues", "queue_failures", "queue_jobs", "failed_order_jobs", "redis_servers")


@contextmanager
def nothing_known_of_queues(sandbox: StackSandbox) -> Iterator[None]:
    """Begin without knowing any queue, and forget afterwards what was seen."""
    _forget(sandbox)
    try:
        yield
    finally:
        _forget(sandbox)


def _forget(sandbox: StackSandbox) -> None:
    with open_records(sandbox.settings.records) as records:
        for table in TABLES:
            records.execute(f"DELETE FROM {table}")
