"""`[[objective]]`: how much of each other tier of data may be lost, and how long it may be away."""

from typing import Literal

from pydantic import Field

from printflow_reliability.settings.section import Section

TierName = Literal["dumps", "files", "configuration", "queues", "derived"]


class ObjectiveSettings(Section):
    """Recovery objectives of a tier of data beside the databases, whose own are those of [drills].

    Each is measured by what its checks last found; a target without a measurement is unknown, never met.
    """

    tier: TierName = Field(
        description="dumps: the databases once more, as dumps; files: objects that references name; configuration: "
        "configuration and secrets; queues: jobs that wait; derived: files that can be made again."
    )
    rpo_seconds: float | None = Field(
        default=None, gt=0, description="Recovery point objective: how much of the newest data may be lost, in seconds."
    )
    rto_seconds: float | None = Field(
        default=None, gt=0, description="Recovery time objective: how long a recovery may take. Absent: best effort."
    )
    timed_seconds: float | None = Field(
        default=None,
        ge=0,
        description="How long the recovery took on the last game day; absent: never timed, and `rto_seconds` is "
        "unknown.",
    )
