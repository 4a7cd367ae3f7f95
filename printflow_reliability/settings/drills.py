"""`[drills]`: restore drills and the recovery objectives."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from printflow_reliability.settings.section import Section


class ManualStepSettings(Section):
    """What people would still have to do after a recovery. The report lists it, and adds its time to the RTO."""

    name: str = Field(description="The step, as an instruction.")
    seconds: float | None = Field(
        default=None, ge=0, description="How long it took on the last game day; absent: never timed, and said so."
    )


class DrillsSettings(Section):
    """Restore drills: where clones live, where reports go, and the recovery objectives."""

    directory: Path = Field(
        default=Path("drills"),
        description="Directory of the clones. It needs room for every cluster at once; a drill removes what it "
        "put there.",
    )
    reports_bucket: str | None = Field(
        default=None,
        description="The `name` of the [[bucket]] that reports are kept in; the bucket's key must be able to write. "
        "Absent: a report is not kept outside the records.",
    )
    reports_url: str | None = Field(
        default=None,
        description="Address below which people read the reports, such as a website in front of the bucket. Absent: "
        "reports are named by their s3:// address.",
    )
    report_lock_days: int = Field(
        default=400,
        ge=0,
        description="Days for which a report cannot be deleted (S3 Object Lock). Set 0 for a bucket without a lock.",
    )
    report_lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] = Field(
        default="GOVERNANCE",
        description="Mode of that lock. Under COMPLIANCE nobody at all can delete a report before its time.",
    )
    rto_target_seconds: float = Field(
        default=3600, gt=0, description="Recovery time objective: how long a recovery may take."
    )
    rpo_target_seconds: float = Field(
        default=300,
        gt=0,
        description="Recovery point objective: how much of the newest data may be lost, in seconds. What is reached is "
        "never better than the WAL that was not archived yet, so keep archive_timeout well below it.",
    )
    phase_timeout_seconds: float = Field(
        default=4 * 3600,
        gt=0,
        description="How long one phase of a drill or recovery (fetch, replay, a validation) may run before it is "
        "given up. Raise it for clusters that take longer to restore.",
    )
    stall_seconds: float = Field(
        default=900,
        gt=0,
        description="How long nothing may move in a replay before it is given up. Raise it for a repository that "
        "pauses for longer than this.",
    )
    digest_max_bytes: int = Field(
        default=64 * 1024**2,
        ge=0,
        description="Size in bytes up to which a table is compared by content at the fence; of a larger table the rows "
        "are counted. Raise it where a longer read of production does no harm.",
    )
    ask_production: bool = Field(
        default=True,
        description="Whether a drill connects to production. Off: it needs nothing but the repository and compares "
        "with recorded fences (`printflow drill fence`). Switch it off where production cannot be reached from.",
    )
    shrink_threshold: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="Fraction of its rows that a table may lose between two fences before drill.shrinkage fails: a "
        "backup of a database that was emptied restores perfectly.",
    )
    shrink_ignored: tuple[str, ...] = Field(
        default=(),
        description='Tables ("database.schema.table") that may lose any number of rows, such as queues and sessions.',
    )
    scratch_bucket: str | None = Field(
        default=None,
        description="The `name` of a [[bucket]] that holds nothing of the platform, with a `heal_access_key_id`: a "
        "drill copies a few files as of its moment there, as a rollback would, reads them back and removes them. "
        "Absent: a drill only plans the rollback, and drill.rollback says so.",
    )
    printable_max_bytes: int = Field(
        default=20 * 1024**3,
        gt=0,
        description="How many bytes of print files of open paid orders a drill reads at most, to find out whether they "
        "could be printed. Where it does not suffice, orders take turns from drill to drill, and drill.printable says "
        "how many were not read.",
    )
    printable_max_seconds: float = Field(
        default=1800,
        gt=0,
        description="How long a drill reads and inspects these files at most. It is no part of the recovery time.",
    )
    max_age_seconds: float = Field(
        default=8 * 86400,
        gt=0,
        description="How long ago the last passed drill may be. The default fits a weekly drill with a day to spare.",
    )
    manual_step: tuple[ManualStepSettings, ...] = ()
