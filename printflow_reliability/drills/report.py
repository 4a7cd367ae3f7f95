"""What a drill found: its checks and numbers, as JSON, as a page for people, and kept in a bucket."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from printflow_reliability import console
from printflow_reliability.checks import REGISTER, CheckResult, Outcome, worst
from printflow_reliability.drills.phases import RECOVERY, Phase
from printflow_reliability.settings import ManualStepSettings, Settings
from printflow_reliability.storage.clients import s3_client, s3_errors

CHECKS = tuple(name for name in REGISTER if name.startswith("drill."))
TEMPLATES = Environment(
    loader=PackageLoader("printflow_reliability.drills", "."), autoescape=True, undefined=StrictUndefined
)
TEMPLATES.filters["seconds"] = console.seconds
TEMPLATES.filters["size"] = console.size


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
        checks: every drill.* check, always.
        numbers: what is plotted over time; only what was reached.
        phases: seconds of each phase that was finished.
        matched: whether the clones agreed with production at the fence; None if that could not be told.
        report: where the page is kept; None if nowhere.
        manual_steps_after: what people would still have to do after this recovery; the drill's own steps are none.
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
    manual_steps_after: Sequence[ManualStepSettings] = ()

    @property
    def outcome(self) -> Outcome:
        """The worst of the checks; a warning is a pass."""
        outcome = worst(check.outcome for check in self.checks)
        return Outcome.PASS if outcome is Outcome.WARN else outcome

    @property
    def passed(self) -> bool:
        """Whether nothing failed and nothing is unknown."""
        return self.outcome is Outcome.PASS

    def as_json(self) -> dict[str, Any]:
        """The document of `drill run --json`, `drill show` and the bucket."""
        return {
            "id": self.id,
            "passed": self.passed,
            "outcome": self.outcome,
            "target": self.target,
            "moment": self.moment.isoformat() if self.moment else None,
            "repository": self.repository,
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat(),
            "rto_seconds": self.numbers.get("rto_seconds"),
            "rpo_seconds": self.numbers.get("rpo_seconds"),
            "phases": {phase: round(self.phases[phase], 3) for phase in Phase if phase in self.phases},
            "fence": {
                "matched": self.matched,
                "tables": sum(one.tables or 0 for one in self.clusters),
                "rows": sum(one.rows or 0 for one in self.clusters),
            },
            "checks": [
                {
                    "name": one.check,
                    "passed": one.outcome in (Outcome.PASS, Outcome.WARN),
                    "outcome": one.outcome,
                    "detail": one.detail,
                }
                for one in self.checks
            ],
            "missing_files": self.numbers.get("missing_files"),
            "manual_steps": 0,
            "manual_steps_after": [one.model_dump() for one in self.manual_steps_after],
            "numbers": dict(self.numbers),
            "clusters": [one.as_json() for one in self.clusters],
            "report": self.report,
        }


def render(document: Mapping[str, Any], settings: Settings) -> str:
    """The page: one minute for a manager, the rest for an engineer. Nothing in it is loaded from elsewhere."""
    order = {Outcome.FAIL: 0, Outcome.UNKNOWN: 1, Outcome.WARN: 2, Outcome.PASS: 3}
    return TEMPLATES.get_template("report.html").render(
        drill=document,
        checks=sorted(document["checks"], key=lambda one: order[Outcome(one["outcome"])]),
        questions={name: REGISTER[name].question for name in CHECKS},
        platform=settings.platform,
        objectives=settings.drills,
        recovery=RECOVERY,
        longest=max([*document["phases"].values(), 0.001]),
    )


def address(settings: Settings, drill: int) -> str | None:
    """Where the page of a drill is kept; None if no bucket is configured."""
    if settings.drills.reports_bucket is None:
        return None
    return f"s3://{settings.bucket_named(settings.drills.reports_bucket).bucket}/drills/{drill}/report.html"


def keep(document: Mapping[str, Any], heal_plan: Sequence[str], settings: Settings) -> None:
    """Put the page, the JSON and the plan to heal files into the reports' bucket.

    Raises:
        CouldNotTell: the bucket does not take them.
    """
    if settings.drills.reports_bucket is None:
        return
    bucket = settings.bucket_named(settings.drills.reports_bucket)
    page = render(document, settings)
    with s3_errors(bucket):
        client = s3_client(bucket)
        for name, body, kind in (
            ("report.html", page, "text/html; charset=utf-8"),
            ("report.json", json.dumps(document, indent=2), "application/json"),
            ("heal-plan.jsonl", "".join(heal_plan), "application/x-ndjson"),
        ):
            key = f"drills/{document['id']}/{name}"
            client.put_object(Bucket=bucket.bucket, Key=key, Body=body.encode(), ContentType=kind)
