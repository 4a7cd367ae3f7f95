"""What a drill asks of the records: fences to compare with, and where to keep those that it makes."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from printflow_reliability.drills import history
from printflow_reliability.drills.fences.fence import Fence
from printflow_reliability.drills.plan import StoredFences
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.records.session import RecordsSession
from printflow_reliability.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Memory:
    """What a rehearsal asks of the records: fences to compare with, and where to keep those that it makes."""

    stored: StoredFences
    baseline: Callable[[datetime], Mapping[str, Fence]]
    keep: Callable[[Fence], None]
    newest: Callable[[], Mapping[str, Fence]]


def memory_of(settings: Settings, records: RecordsSession, drill: int) -> Memory:
    """The memory of one drill. A fence that the records do not take costs later drills something, and not this one."""
    names = [cluster.name for cluster in settings.cluster]
    ever = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))

    def stored(after: datetime, before: datetime) -> Mapping[str, Fence]:
        return records.ask(lambda connection: history.stored_fences(connection, names, after, before))

    def keep(fence: Fence) -> None:
        try:
            records.ask(lambda connection: history.keep_fence(connection, drill, fence))
        except CouldNotTell as away:
            log.warning("the fence of %s is not kept for later drills: %s", fence.cluster, away.what)

    return Memory(
        stored=stored,
        baseline=lambda before: records.ask(lambda connection: history.baseline_fences(connection, names, before)),
        keep=keep,
        newest=lambda: stored(*ever),
    )
