"""What a drill found: its checks and numbers, as JSON, as a page for people, and kept in a bucket."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from printflow_reliability.check_rows import check_rows
from printflow_reliability.checks import CheckResult, Outcome, exit_code, worst
from printflow_reliability.drills import wording
from printflow_reliability.errors import ConfigError
from printflow_reliability.register import REGISTER
from printflow_reliability.restore.phases import RECOVERY, Phase
from printflow_reliability.settings import ManualStepSettings, Settings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.silence import chunks
from printflow_reliability.text import moment, readable, seconds, size, storable

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

CHECKS = tuple(name for name in REGISTER if name.startswith("drill."))
SHOWN_DRILLS = 26
"""Half a year of weekly drills."""
DWARFED = 5
TEMPLATES = Environment(
    loader=PackageLoader("printflow_reliability.drills", "."), autoescape=True, undefined=StrictUndefined
)
TEMPLATES.filters["seconds"] = seconds
TEMPLATES.filters["size"] = size
TEMPLATES.filters["readable"] = readable
TEMPLATES.filters["moment"] = lambda text: moment(datetime.fromisoformat(text))


@dataclass(frozen=True)
class Bar:
    """One drill in a trend; `seconds` is None where it was not measured."""

    drill: int
    outcome: str
    seconds: float | None
    height: float


@dataclass(frozen=True)
class Trend:
    """How a number went from drill to drill, oldest first; heights are percents of the chart's."""

    title: str
    target: float
    target_height: float | None
    bars: Sequence[Bar]

    @classmethod
    def of(cls, title: str, name: str, target: float, drills: Sequence[Mapping[str, Any]]) -> "Trend":
        """The trend of a number; the line of its target is shown where it does not dwarf what was measured."""
        values = [drill.get(name) for drill in drills]
        most = max([float(value) for value in values if value is not None], default=0.0)
        top = max(most, target if target <= DWARFED * most else 0.0) or 1.0
        bars = [
            Bar(drill["id"], drill["outcome"] or "unknown", value, 100 * (value or 0.0) / top)
            for drill, value in zip(drills, values, strict=True)
        ]
        return cls(title, target, 100 * target / top if target <= top else None, bars)


@dataclass(frozen=True)
class ClusterReport:
    """One cluster's part of a drill; what was not reached is None.

    Attributes:
        backup: the label of the base backup the clone was made of.
        fetched_bytes: what the restore wrote.
        replayed_bytes: WAL from the backup's start to where the clone left production's timeline.
        recovered_at: the newest moment that is proven to be in the clone, on production's clock.
    """

    name: str
    backup: str | None = None
    fetched_bytes: int | None = None
    fence_lsn: str | None = None
    tables: int | None = None
    rows: int | None = None
    reached_lsn: str | None = None
    timeline: int | None = None
    replayed_bytes: int | None = None
    recovered_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Every attribute; null where the drill did not come so far."""
        at = self.recovered_at
        return {**self.__dict__, "recovered_at": at.isoformat() if at else None}


@dataclass(frozen=True)
class DrillReport:
    """A whole drill.

    Attributes:
        id: its number in records.
        target: what was asked for: "latest", "random", "longest" or a time.
        moment: what was restored to; None for the end of WAL, or if the drill did not come so far.
        repository: the number of the repository it came from.
        from_standby: whether files were taken of standbys, and only WAL came from the repository: no backup is proven.
        checks: every drill.* check, always; but for objectives where no backup was restored.
        numbers: what is plotted over time; only what was reached.
        phases: seconds of each phase that was finished.
        matched: whether the clones agreed with production at the fence; None if that could not be told.
        report: where the page is kept; None if nowhere.
        newest_fence: the name of the newest fences the drill knew; the next one compares numbers of rows with them.
        manual_steps_after: what people would still have to do after this recovery; the drill's own steps are none.
        interrupted: what ended the drill before its end, such as "SIGTERM"; None if nothing did.
        unrecorded: the file that holds the numbers, because the records did not take them; None if they did.
    """

    id: int
    target: str
    moment: datetime | None
    repository: int
    started_at: datetime
    finished_at: datetime
    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float]
    phases: Mapping[Phase, float]
    clusters: Sequence[ClusterReport]
    matched: bool | None
    report: str | None = None
    newest_fence: str | None = None
    manual_steps_after: Sequence[ManualStepSettings] = ()
    interrupted: str | None = None
    unrecorded: Path | None = None
    from_standby: bool = False

    @property
    def outcome(self) -> Outcome:
        """The worst of the checks; a drill that was interrupted proves nothing, whatever it had found."""
        return Outcome.UNKNOWN if self.interrupted else worst(check.outcome for check in self.checks)

    @property
    def passed(self) -> bool:
        """Whether nothing failed and nothing is unknown; a warning is something for a person, and no failure."""
        return self.outcome in (Outcome.PASS, Outcome.WARN)

    @property
    def exit_code(self) -> int:
        """As the outcome says; numbers that the records did not take need a person too."""
        return exit_code([self.outcome]) or int(self.unrecorded is not None)

    def as_json(self) -> dict[str, Any]:
        """The document of `drill run --json`, `drill show` and the bucket."""
        return {
            "id": self.id,
            "passed": self.passed,
            "outcome": self.outcome,
            "target": self.target,
            "moment": self.moment.isoformat() if self.moment else None,
            "repository": self.repository,
            "from_standby": self.from_standby,
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat(),
            "rto_seconds": self.numbers.get("rto_seconds"),
            "rpo_seconds": self.numbers.get("rpo_seconds"),
            "phases": {phase: round(self.phases[phase], 3) for phase in Phase if phase in self.phases},
            "fence": {
                "matched": self.matched,
                "tables": sum(cluster.tables or 0 for cluster in self.clusters),
                "rows": sum(cluster.rows or 0 for cluster in self.clusters),
            },
            "checks": [
                {
                    **check.as_json(),
                    "passed": check.outcome in (Outcome.PASS, Outcome.WARN),
                    "detail": storable(check.detail),
                }
                for check in self.checks
            ],
            "missing_files": self.numbers.get("missing_files"),
            "open_orders": self.numbers.get("open_orders"),
            "printable_orders": self.numbers.get("printable_orders"),
            "manual_steps": 0,
            "manual_steps_after": [step.model_dump() for step in self.manual_steps_after],
            "numbers": dict(self.numbers),
            "clusters": [cluster.as_json() for cluster in self.clusters],
            "newest_fence": self.newest_fence,
            "report": self.report,
            "interrupted": self.interrupted,
            "unrecorded": str(self.unrecorded) if self.unrecorded else None,
        }


def render(document: Mapping[str, Any], settings: Settings, history: Sequence[Mapping[str, Any]] = ()) -> str:
    """The page: one minute for a manager, the rest for an engineer. Nothing in it is loaded from elsewhere.

    Args:
        document: of the drill.
        settings: the whole configuration.
        history: documents of the drills before it, newest first.
    """
    drills = settings.drills
    shown = [document, *history[: SHOWN_DRILLS - 1]][::-1]
    trends = [
        Trend.of("Time to recover (RTO)", "rto_seconds", drills.rto_target_seconds, shown),
        Trend.of("Data that would be lost (RPO)", "rpo_seconds", drills.rpo_target_seconds, shown),
    ]
    return TEMPLATES.get_template("report.html").render(
        drill=document,
        rows=check_rows(document["checks"]),
        verdict=wording.verdict(document),
        source=wording.source(document),
        not_proven=wording.NO_BACKUP if document.get("from_standby") else "",
        questions={name: REGISTER[name].question for name in CHECKS},
        platform=settings.platform,
        objectives=drills,
        trends=trends,
        recovery=RECOVERY,
        longest=max([*document["phases"].values(), 0.001]),
    )


def key_of(drill: int, name: str = "report.html") -> str:
    """The key of one of a drill's files in the reports' bucket."""
    return f"drills/{drill}/{name}"


def address(settings: Settings, drill: int) -> str | None:
    """Where people find the page of a drill; None if no bucket is configured."""
    if settings.drills.reports_bucket is None:
        return None
    base = settings.drills.reports_url or f"s3://{settings.bucket_named(settings.drills.reports_bucket).bucket}"
    return f"{base.rstrip('/')}/{key_of(drill)}"


def keep(
    document: Mapping[str, Any], heal_plan: Sequence[str], settings: Settings, history: Sequence[Mapping[str, Any]]
) -> None:
    """Put the page, the JSON and the plan to heal files into the reports' bucket, locked against deletion.

    Raises:
        CouldNotTell: the bucket does not take them.
    """
    if settings.drills.reports_bucket is None:
        return
    bucket = settings.bucket_named(settings.drills.reports_bucket)
    page = render(document, settings, history)
    drills = settings.drills
    with s3_errors(bucket):
        client = s3_client(bucket)
        for name, body, kind in (
            ("report.html", page, "text/html; charset=utf-8"),
            ("report.json", json.dumps(document, indent=2), "application/json"),
            ("heal-plan.jsonl", "".join(heal_plan), "application/x-ndjson"),
        ):
            put: PutObjectRequestTypeDef = {
                "Bucket": bucket.bucket,
                "Key": key_of(document["id"], name),
                "Body": body.encode(),
                "ContentType": kind,
            }
            if drills.report_lock_days:
                put["ObjectLockMode"] = drills.report_lock_mode
                put["ObjectLockRetainUntilDate"] = datetime.now(UTC) + timedelta(days=drills.report_lock_days)
            client.put_object(**put)


def fetch(settings: Settings, drill: int) -> bytes:
    """The page of a drill, out of the reports' bucket.

    Raises:
        ConfigError: no bucket is configured, or it has no such page.
        CouldNotTell: the bucket cannot be asked.
    """
    if settings.drills.reports_bucket is None:
        raise ConfigError("drills.reports_bucket: is missing, so no report was kept", f"printflow drill show {drill}")
    bucket = settings.bucket_named(settings.drills.reports_bucket)
    with s3_errors(bucket):
        client = s3_client(bucket)
        try:
            answer = client.get_object(Bucket=bucket.bucket, Key=key_of(drill))
        except client.exceptions.NoSuchKey:
            raise ConfigError(f"there is no report of drill {drill}", "printflow drill list") from None
        return b"".join(chunks(bucket, answer["Body"]))
