"""Which order a failed job was for, by the rules of printflow.toml: the class of the job, and where it names it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from printflow_reliability.platform.identifiers import kept
from printflow_reliability.queues.php_serialized import deserialized
from printflow_reliability.queues.state import FailedJob
from printflow_reliability.records.queues import OrderJob
from printflow_reliability.settings import QueueOrderSettings
from printflow_reliability.text import storable


@dataclass(frozen=True)
class OrderJobs:
    """Failed jobs of orders.

    Attributes:
        jobs: those whose order is known.
        untold: how many jobs of a rule's class do not tell their order where the rule says, or tell no class at all.
    """

    jobs: tuple[OrderJob, ...]
    untold: int


def order_jobs(failed: Iterable[FailedJob], rules: Sequence[QueueOrderSettings]) -> OrderJobs:
    """The failed jobs that were to make the print file of an order."""
    found: list[OrderJob] = []
    untold = 0
    for job in failed:
        paths = [rule.path for rule in rules if rule.job == job.name]
        orders = [order for path in paths if (order := value_at(job.payload, path)) is not None]
        if orders:
            found.append(OrderJob(kept(storable(job.job)), kept(orders[0]), storable(job.name), storable(job.reason)))
        elif paths or (rules and not job.name):  # whose class is not known may be of an order
            untold += 1
    return OrderJobs(tuple(found), untold)


def value_at(document: Any, path: str) -> str | None:
    """The text or whole number at a path, as text; None where there is none. Text that PHP serialized is read."""
    value = document
    for key in path.split("."):
        if isinstance(value, str):
            try:
                value = deserialized(value)
            except (ValueError, OverflowError):
                return None
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isascii() and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None
