"""Something of every cluster at the same time."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from printflow_reliability.parallel import run_parallel
from printflow_reliability.settings import ClusterSettings

Result = TypeVar("Result")


def of_each(
    clusters: Sequence[ClusterSettings],
    ask: Callable[[ClusterSettings], Result],
    give_up: Callable[[], None] | None = None,
) -> Mapping[str, Result]:
    """Ask for something of every cluster, by the clusters' names; `give_up` as in `run_parallel`."""
    tasks: list[Callable[[], Result]] = [partial(ask, cluster) for cluster in clusters]
    return dict(zip((cluster.name for cluster in clusters), run_parallel(tasks, give_up=give_up), strict=True))
