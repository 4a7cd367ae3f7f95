"""`[[heartbeat]]`: the outside watchers that notice when this system falls silent."""

from pydantic import Field

from printflow_reliability.addresses import HeartbeatUrl
from printflow_reliability.settings.section import SECRET, Section


class HeartbeatSettings(Section):
    """Where an outside watcher hears that a part of this system is alive, in the manner of Healthchecks.io.

    It is told of a success only after the work was done and its alerts were delivered, and of a failure with the reason
    as the body. Silence is for the watcher to notice: set its period just above that of the part. Configure one for
    each part; the watcher must not depend on what it watches.
    """

    of: str = Field(
        min_length=1,
        description='What it is the heartbeat of: "guard" (many looks a minute; the watcher hears of two), '
        '"outbox" (likewise), "queues" (every minute, where any are named), or the name of a schedule as the Dagster '
        'UI shows it, such as "nightly_reconciliation".',
    )
    url: HeartbeatUrl = Field(
        json_schema_extra=SECRET,
        description="Address that a success is posted to; /start and /fail are added for the others. Whoever has it "
        "can feign health, so write env: or file:. It is https, or http on this machine's own loopback address.",
    )
